//! `else fail | skip | dead_letter(SINK)`: what becomes of a record that cannot be decoded, or of a row that is late.

use proc_macro2::{Delimiter, Ident, TokenStream};
use quote::{format_ident, quote};

use super::first_or;
use crate::ast::nothing_left;
use crate::connector::Connector;
use crate::diag::{Diags, did_you_mean, one_of};
use crate::paths::Room;
use crate::row::ours;
use crate::tokens::{Cursor, inside};
use crate::words;

#[derive(Debug)]
pub(crate) enum Policy {
    Fail,
    Skip,
    DeadLetter(Connector),
}

/// Takes what follows `else`.
pub(super) fn policy(word: &Ident, cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Policy> {
    let at = first_or(cursor, word);
    let name = cursor.ident().map(ToString::to_string).unwrap_or_default();
    match name.as_str() {
        words::FAIL => Some(Policy::Fail),
        words::SKIP => Some(Policy::Skip),
        words::DEAD_LETTER => {
            let Some(group) = cursor.group(Delimiter::Parenthesis) else {
                diags.push(at, "`dead_letter` needs a sink", "write `else dead_letter(parquet(\"out/bad\"))`");
                return None;
            };
            let tokens = inside(group);
            let mut inner = Cursor::new(&tokens);
            let dead = Ident::new(words::DEAD_LETTER, at.span());
            let sink = Connector::parse(&mut inner, Room::Sink, &dead, &[], diags)?;
            nothing_left(&mut inner, &dead, diags);
            Some(Policy::DeadLetter(sink))
        }
        other => {
            let near = did_you_mean(other, words::POLICIES);
            let help = "write `else fail`, `else skip` or `else dead_letter(SINK)`";
            match near {
                Some(near) => diags.push(at, format!("unknown policy `{other}`; did you mean `{near}`?"), help),
                None => diags.push(at, format!("`else` needs {}", one_of(words::POLICIES)), help),
            }
            None
        }
    }
}

impl Policy {
    /// `.else_fail()`, with the prefix `else`.
    pub(super) fn emit(&self, prefix: &str) -> TokenStream {
        let method = |word: &str| ours(&format_ident!("{prefix}_{word}").to_string());
        match self {
            Self::Fail => {
                let method = method(words::FAIL);
                quote! { .#method() }
            }
            Self::Skip => {
                let method = method(words::SKIP);
                quote! { .#method() }
            }
            Self::DeadLetter(sink) => {
                let (method, sink) = (method(words::DEAD_LETTER), sink.emit());
                quote! { .#method(#sink) }
            }
        }
    }
}
