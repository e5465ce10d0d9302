//! `sink SINK(..) [as Out] [mode = append]`: where rows go.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use super::{Stage, first_or};
use crate::ast::nothing_left;
use crate::connector::Connector;
use crate::diag::{Diags, one_of};
use crate::paths::{self, Room};
use crate::plan::Plan;
use crate::row::{ours, ours_at};
use crate::spans::{self, place};
use crate::tokens::{Cursor, stream};
use crate::words;

#[derive(Debug)]
pub(crate) struct Sink {
    sink: Connector,
    declared: Option<Declared>,
}

/// `as Out`: the struct that the row is checked against.
#[derive(Debug)]
pub(crate) struct Declared {
    schema: TokenStream,
}

pub(super) fn parse(word: &Ident, cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Sink> {
    let sink = Connector::parse(cursor, Room::Sink, word, &[words::AS, words::MODE], diags)?;
    let declared = declared(cursor, diags);
    if let Some(mode) = cursor.word(words::MODE) {
        let help = "write `mode = append`, or take it away: append is the default";
        let equals = cursor.lone('=');
        let at = first_or(cursor, mode);
        match cursor.ident().filter(|_| equals) {
            Some(value) if value == words::APPEND => {}
            Some(value) if words::MODES.iter().any(|known| value == known) => {
                diags.push(value, format!("`mode = {value}` is not supported yet"), help);
            }
            _ => diags.push(at, format!("`mode` is {}", one_of(words::MODES)), help),
        }
    }
    nothing_left(cursor, word, diags);
    Some(Sink { sink, declared })
}

/// Takes `as Out`.
pub(super) fn declared(cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Declared> {
    let word = cursor.word(words::AS)?;
    let tokens = cursor.until_word(&[words::MODE]);
    if tokens.is_empty() || syn::parse2::<syn::Path>(stream(tokens)).is_err() {
        diags.push(
            word,
            "`as` needs the name of a struct",
            "write `as Out`, with `#[derive(StreamSchema)] struct Out { .. }`",
        );
        return None;
    }
    Some(Declared { schema: stream(tokens) })
}

impl Declared {
    /// Takes the struct apart into the row's columns, so that rustc says which are missing, too many, or of another type.
    pub(super) fn check(&self, plan: &mut Plan, whose: &TokenTree, diags: &mut Diags) {
        if plan.row.unknown {
            return;
        }
        let schema = &self.schema;
        let (nothing, fits, some) = (paths::nothing(), paths::fits(), paths::some());
        match (&plan.row.base, plan.row.number) {
            (None, _) => {
                let kept = plan.kept();
                let names = kept.iter().map(|(name, _)| name);
                let checks = kept.iter().enumerate().map(|(index, (name, value))| {
                    let field = ours_at(&format!("__field{index}"), name.span());
                    let fits = spans::at(&fits, name.span());
                    quote_spanned! { place(name.span()) => #fits(#field, #value); }
                });
                let fields =
                    kept.iter().enumerate().map(|(index, (name, _))| ours_at(&format!("__field{index}"), name.span()));
                let at = schema.clone().into_iter().next().map_or_else(|| whose.span(), |token| token.span());
                plan.statement(quote_spanned! { place(at) =>
                    if let #some(#schema { #(#names: #fields),* }) = #nothing::<&#schema>() { #(#checks)* }
                });
            }
            (Some(base), None) if plan.row.dropped.is_empty() => {
                let row = ours_at(
                    base.var,
                    schema.clone().into_iter().next().map_or_else(|| whose.span(), |token| token.span()),
                );
                plan.statement(quote! { if let #some(whole) = #nothing::<&#schema>() { #fits(whole, #row); } });
            }
            _ => diags.push(
                schema,
                "the row cannot be checked against a struct yet: its columns are not all named here",
                "name the columns in a `select { a, b }` without `..`, or take the `as` away",
            ),
        }
    }
}

impl Sink {
    pub(super) fn emit(&self, stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
        for (key, columns) in self.sink.columns() {
            for column in columns {
                let value = plan.column(column, diags);
                let check = if key == words::PARTITION_BY {
                    let partition_key = spans::at(&paths::partition_key(), column.span());
                    let at = place(column.span());
                    quote_spanned! { at => #partition_key(#value); }
                } else {
                    quote! { let _ = &#value; }
                };
                plan.statement(quote! { if false { #check } });
            }
        }
        if let Some(declared) = &self.declared {
            declared.check(plan, &TokenTree::Ident(stage.word.clone()), diags);
        }
        let (at, out) = (place(stage.word.span()), ours_at("__out", stage.word.span()));
        let row = row(plan, stage);
        plan.statement(quote_spanned! { at => #out.emit(#row); });
        plan.end_closure("rows", TokenStream::new(), stage.word.span());
        let sink = self.sink.emit();
        plan.sink(&sink);
    }
}

/// The row as it is written.
fn row(plan: &mut Plan, stage: &Stage) -> TokenStream {
    let Some(base) = plan.row.base.clone() else {
        let row = plan.written(stage.word.span());
        return quote! { #row };
    };
    plan.rest |= base.schema;
    let base = ours_at(base.var, stage.word.span());
    if plan.row.dropped.is_empty() && plan.row.number.is_none() {
        return quote! { #base };
    }
    if plan.row.number.is_none() {
        plan.shape(Vec::new(), words::DROP);
    }
    let named = plan.written(stage.word.span());
    let (extended, left_out) = (paths::extended(), paths::left_out());
    let names: Vec<String> = plan.row.dropped.iter().map(crate::connector::plain).collect();
    let dropped = ours("__Dropped");
    plan.item(quote! {
        struct #dropped;
        impl #left_out for #dropped { const NAMES: &'static [&'static str] = &[#(#names),*]; }
    });
    let extended = spans::at(&extended, stage.word.span());
    quote_spanned! { place(stage.word.span()) => #extended::<_, _, #dropped>::new(#base, #named) }
}
