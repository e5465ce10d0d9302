//! `select { .., a, b = EXPR }`: a new row. `..` keeps the other columns; a name given again replaces its column in place.

use proc_macro2::{Ident, TokenStream, TokenTree};

use super::Stage;
use super::sink::{Declared, declared};
use crate::ast::{columns, nothing_left};
use crate::diag::Diags;
use crate::plan::Plan;
use crate::tokens::Cursor;
use crate::words;

#[derive(Debug)]
pub(crate) struct Select {
    rest: bool,
    /// The columns and their values; none for one taken as it is.
    items: Vec<(Ident, Option<TokenStream>)>,
    declared: Option<Declared>,
}

pub(super) fn parse(word: &Ident, cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Select> {
    let list = columns(cursor, word, "select { .., date = ts.date() }", diags)?;
    let mut items = Vec::new();
    for item in &list.items {
        if let Some(value) = item.expression(diags) {
            items.push((item.name.clone(), value));
        }
    }
    let declared = declared(cursor, diags);
    nothing_left(cursor, word, diags);
    Some(Select { rest: list.rest.is_some(), items, declared })
}

impl Select {
    pub(super) fn emit(&self, stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
        plan.line(stage.text());
        let mut row = if self.rest { plan.kept() } else { Vec::new() };
        for (name, value) in &self.items {
            let value = match value {
                None => plan.column(name, diags),
                Some(value) => plan.value(name, value, diags),
            };
            match row.iter_mut().find(|(given, _)| given == name) {
                Some((_, kept)) => *kept = value,
                None => row.push((name.clone(), value)),
            }
        }
        plan.shape(row, words::SELECT);
        if self.rest {
            // A name given again is no longer a dropped one.
            let named = plan.row.named.clone();
            plan.row.dropped.retain(|dropped| !named.contains(dropped));
        } else {
            plan.row.base = None;
            plan.row.dropped.clear();
            plan.row.unknown = false;
            plan.forget_window();
        }
        if let Some(declared) = &self.declared {
            declared.check(plan, &TokenTree::Ident(stage.word.clone()), diags);
        }
    }
}
