//! `filter EXPR`: rows for which it holds stay. `bool`, or `Option<bool>` of which `None` is no.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};

use super::Stage;
use crate::diag::Diags;
use crate::expression::expression;
use crate::paths;
use crate::plan::Plan;
use crate::row::ours;
use crate::spans::{self, place};
use crate::tokens::Cursor;

#[derive(Debug)]
pub(crate) struct Filter {
    condition: TokenStream,
}

pub(super) fn parse(word: &Ident, cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Filter> {
    let condition = expression(cursor.rest(), word, "filter temperature > 20.0", diags)?;
    Some(Filter { condition })
}

impl Filter {
    pub(super) fn emit(&self, stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
        plan.line(stage.text());
        let condition = plan.expression(&self.condition, diags);
        let (input, leave) = (ours("__input"), plan.leave());
        let (at, predicate) = (place(stage.word.span()), spans::at(&paths::predicate(), stage.word.span()));
        let keep = quote_spanned! { at => #predicate(#condition) };
        let count = plan.uncounted();
        plan.statement(quote! {
            if !#keep {
                #count
                #input.filtered();
                #leave
            }
        });
    }
}
