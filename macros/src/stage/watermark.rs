//! `watermark [COL] D`: event time, and how late a row may be.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use super::{Stage, text};
use crate::diag::Diags;
use crate::expression::expression;
use crate::literal::{Length, is_length, length};
use crate::paths;
use crate::plan::{Plan, Time};
use crate::row::{Phase, ours, ours_at};
use crate::spans::{self, place};
use crate::tokens::{Cursor, stream};

#[derive(Debug)]
pub(crate) struct Watermark {
    column: Option<TokenStream>,
    delay: Length,
}

pub(super) fn parse(word: &Ident, cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Watermark> {
    let tokens = cursor.rest();
    let (column, delay) = parts(tokens);
    if let ([TokenTree::Literal(_)], [TokenTree::Ident(name)]) = (column, delay)
        && is_length(column)
    {
        let (column, name) = (stream(column), name.to_string());
        diags.push(delay.first(), "the column comes before the duration", format!("write `watermark {name} {column}`"));
        return None;
    }
    let delay = length(delay, word, "watermark 10s", diags)?;
    let column = if column.is_empty() { None } else { Some(expression(column, word, "watermark ts 10s", diags)?) };
    Some(Watermark { column, delay })
}

/// The column and the duration: the last token is one, or the last two are one in the words of others, `10 seconds`.
fn parts(tokens: &[TokenTree]) -> (&[TokenTree], &[TokenTree]) {
    let last = tokens.len().saturating_sub(1);
    let two = tokens.len().saturating_sub(2);
    let spelt = tokens.len() > 1
        && matches!(tokens.get(last), Some(TokenTree::Ident(_)))
        && tokens.get(two..).is_some_and(is_length);
    tokens.split_at(if spelt { two } else { last })
}

impl Watermark {
    pub(super) fn emit(&self, stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
        plan.line(stage.text());
        let time = match &self.column {
            Some(column) => plan.expression(column, diags),
            None => match &plan.row.base {
                Some(base) => {
                    let (event_time, row) =
                        (spans::at(&paths::event_time(), stage.word.span()), ours_at(base.var, stage.word.span()));
                    plan.event_time = true;
                    let at = place(stage.word.span());
                    quote_spanned! { at => #event_time(&#row) }
                }
                // Behind a group it has been said that it comes too late.
                None if plan.row.unknown || plan.phase == Phase::Groups => TokenStream::new(),
                None => {
                    let after = &plan.row.after;
                    diags.push(
                        &stage.word,
                        format!("`watermark` does not know the event time after `{after}`"),
                        "name the column, as in `watermark ts 10s`, or move `watermark` up",
                    );
                    TokenStream::new()
                }
            },
        };
        let delay = &self.delay.tokens;
        if plan.phase == Phase::Groups {
            return;
        }
        let (at, input) = (ours("__at"), ours_at("__input", stage.word.span()));
        let place = place(stage.word.span());
        plan.chain(quote! { .watermark(#delay) });
        if let Some(column) = &self.column {
            let words = text(column);
            plan.chain(quote! { .event_time(#words) });
        }
        plan.statement(quote_spanned! { place => let #at = #input.watermark(#time); });
        plan.time = Time::Watermark;
    }
}
