//! `drop { a, b }`: the other columns.

use proc_macro2::Ident;
use quote::quote;

use super::Stage;
use crate::ast::{columns, nothing_left};
use crate::diag::Diags;
use crate::plan::Plan;
use crate::tokens::Cursor;
use crate::words;

#[derive(Debug)]
pub(crate) struct Drop {
    columns: Vec<Ident>,
}

pub(super) fn parse(word: &Ident, cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Drop> {
    let list = columns(cursor, word, "drop { a, b }", diags)?;
    if let Some(dots) = &list.rest {
        diags.push(dots, "`drop` names the columns that go", "write `drop { a, b }`");
    }
    for item in &list.items {
        if item.value.is_some() {
            diags.push(&item.name, "`drop` takes names of columns only", format!("write `drop {{ {} }}`", item.name));
        }
    }
    nothing_left(cursor, word, diags);
    Some(Drop { columns: list.items.into_iter().map(|item| item.name).collect() })
}

impl Drop {
    pub(super) fn emit(&self, stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
        plan.line(stage.text());
        let known = plan.row.base.is_none();
        for column in &self.columns {
            // Only to say when there is no such column; what is dropped is not read for that.
            if let Some(tokens) = plan.row.resolve(column, plan.phase, diags) {
                plan.statement(quote! { if false { let _ = &#tokens; } });
            }
        }
        let mut kept = plan.kept();
        let before = kept.len();
        kept.retain(|(name, _)| !self.columns.contains(name));
        if kept.is_empty() && known && before > 0 && !plan.row.unknown {
            diags.push(&stage.word, "`drop` leaves no column", "keep at least one column");
        }
        if kept.len() < before {
            let after = if known { words::DROP.to_owned() } else { plan.row.after.clone() };
            plan.shape(kept, &after);
        }
        if !known {
            plan.row.dropped.extend(self.columns.iter().cloned());
        }
        plan.forget_window();
    }
}
