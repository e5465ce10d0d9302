//! `explode NAME = EXPR`: one row for each item of a list; `explode outer` keeps rows without items.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use super::{Stage, first_or};
use crate::diag::Diags;
use crate::expression::expression;
use crate::paths;
use crate::plan::Plan;
use crate::row::{Phase, ours, ours_at};
use crate::spans::{self, place};
use crate::tokens::{Cursor, is_lone};
use crate::words;

#[derive(Debug)]
pub(crate) struct Explode {
    outer: bool,
    name: Ident,
    list: TokenStream,
}

pub(super) fn parse(word: &Ident, cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Explode> {
    // `outer` may be a column's name, too.
    let outer = matches!(cursor.peek_second(), Some(TokenTree::Ident(_))) && cursor.word(words::OUTER).is_some();
    let example = if outer { "explode outer tag = tags" } else { "explode tag = tags" };
    let at = first_or(cursor, word);
    let name = cursor.ident();
    let equals = is_lone(cursor.peek(), cursor.peek_second(), '=');
    let Some(name) = name.filter(|_| equals) else {
        diags.push(at, "`explode` needs a name for the item", format!("write `{example}`"));
        return None;
    };
    cursor.next();
    let list = expression(cursor.rest(), word, example, diags)?;
    Some(Explode { outer, name: name.clone(), list })
}

impl Explode {
    pub(super) fn emit(&self, stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
        plan.line(stage.text());
        let list = plan.expression_of(&self.name, &self.list, diags);
        let items = if self.outer { paths::items_or_none() } else { paths::items() };
        let number = plan.number();
        let (one, input) = (ours(&format!("__one{number}")), ours_at("__input", self.name.span()));
        let place = place(self.name.span());
        let items = spans::at(&items, stage.word.span());
        // By its method rustc says once, of the list, that it is none.
        let first = self.list.clone().into_iter().next().map_or_else(|| stage.word.span(), |token| token.span());
        let list = quote_spanned! { spans::place(first) => (#list).into_iter() };
        let items = quote! { #items(#list) };
        let (nth, counter) = (ours(&format!("__nth{number}")), ours("__input"));
        plan.open(quote! { for (#nth, #one) in #items });
        // Before `decode` rows are not counted yet.
        if plan.phase != Phase::Records || !plan.decodes {
            plan.statement(quote! { #counter.exploded(#nth); });
        }
        let mut row = plan.kept();
        let value = quote_spanned! { place => #input.settle(#one) };
        match row.iter_mut().find(|(given, _)| *given == self.name) {
            Some((_, kept)) => *kept = value,
            None => row.push((self.name.clone(), value)),
        }
        let after = if plan.row.base.is_some() { plan.row.after.clone() } else { words::EXPLODE.to_owned() };
        plan.shape(row, &after);
    }
}
