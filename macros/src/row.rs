//! The row at an edge of the chain: which columns it has, and which tokens stand for them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

use crate::connector::plain;
use crate::diag::{Diags, did_you_mean, one_of};
use crate::{spans, words};

/// An identifier of ours; no identifier of the user's can be the same.
pub(crate) fn ours(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// An identifier of ours, blamed on the user's token: rustc joins the spans of an expression, and would otherwise blame
/// the whole pipeline.
pub(crate) fn ours_at(name: &str, at: Span) -> Ident {
    Ident::new(name, spans::place(at))
}

/// The most parts of a tuple that the runtime knows.
const PARTS: usize = 12;

/// A tuple of any number of parts, as a value or a pattern: a long one is a tuple of tuples.
pub(crate) fn tuple(mut parts: Vec<TokenStream>, at: Span) -> TokenStream {
    while parts.len() > PARTS {
        parts = parts.chunks(PARTS).map(|parts| quote_spanned! { at => (#(#parts,)*) }).collect();
    }
    quote_spanned! { at => (#(#parts,)*) }
}

/// What rows are at a place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Records of the source.
    Records,
    /// Decoded rows.
    Rows,
    /// Groups whose window has closed.
    Groups,
}

/// The columns whose names only rustc knows.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// The variable that holds them.
    pub(crate) var: &'static str,
    /// Whether they are a schema's, of which the unused are not read.
    pub(crate) schema: bool,
    /// The schema's type.
    pub(crate) of: Option<TokenStream>,
}

/// The columns at an edge: those made by stages, then those of the base.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) base: Option<Base>,
    /// The number of the struct that holds the named columns; `None` when there are none.
    pub(crate) number: Option<usize>,
    pub(crate) named: Vec<Ident>,
    /// Columns of the base that were taken away.
    pub(crate) dropped: Vec<Ident>,
    /// The stage that the named columns are after.
    pub(crate) after: String,
    /// Whether nothing is known, because a stage is broken: no further fault is reported.
    pub(crate) unknown: bool,
}

impl Row {
    /// The tokens for a column; a fault if there is no such column.
    pub(crate) fn resolve(&self, column: &Ident, phase: Phase, diags: &mut Diags) -> Option<TokenStream> {
        if self.unknown {
            return Some(quote! { #column });
        }
        if let Some(number) = self.number
            && self.named.contains(column)
        {
            let var = row_var(number, column.span());
            return Some(quote! { #var.#column });
        }
        if column == words::RECORD {
            if phase == Phase::Groups {
                diags.push(
                    column,
                    "`record` is not known after `agg`: a group has many records",
                    "take it along as a key or an aggregate: `last_shard = last(record.shard_id)`",
                );
                return None;
            }
            let record = ours_at("__item", column.span());
            return Some(quote! { #record });
        }
        if self.dropped.contains(column) {
            diags.push(
                column,
                format!("column `{column}` was dropped"),
                format!("leave it out of `drop {{ {column} }}`"),
            );
            return None;
        }
        match &self.base {
            Some(base) => {
                let var = ours_at(base.var, column.span());
                Some(quote! { #var.#column })
            }
            None => {
                self.no_column(column, diags);
                None
            }
        }
    }

    fn no_column(&self, column: &Ident, diags: &mut Diags) {
        let names: Vec<String> = self.named.iter().map(plain).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let after = &self.after;
        match did_you_mean(&plain(column), &names) {
            Some(near) => diags.push(
                column,
                format!("no column `{column}` after `{after}`; did you mean `{near}`?"),
                format!(
                    "the columns are {}; a Rust value is written `{{{column}}}`",
                    one_of(&names).replace(" or ", " and ")
                ),
            ),
            None => diags.push(
                column,
                format!("no column `{column}` after `{after}`"),
                format!(
                    "the columns are {}; a Rust value is written `{{{column}}}`",
                    one_of(&names).replace(" or ", " and ")
                ),
            ),
        }
    }
}

/// The variable of a row's named columns.
pub(crate) fn row_var(number: usize, at: Span) -> Ident {
    ours_at(&format!("__row{number}"), at)
}
