//! `decode FMT[(options)] [as T] [else fail | skip | dead_letter(SINK)]`: from bytes to rows.
//!
//! The payload is the column `data` of the row so far.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use super::Stage;
use super::policy::{Policy, policy};
use crate::ast::nothing_left;
use crate::connector::Connector;
use crate::diag::Diags;
use crate::paths::{self, Room};
use crate::plan::{Plan, ours_used};
use crate::row::{Base, Phase, Row, ours};
use crate::spans::{self, place};
use crate::tokens::{Cursor, stream, text};
use crate::words;

#[derive(Debug)]
pub(crate) struct Decode {
    format: Connector,
    schema: Option<TokenStream>,
    policy: Option<Policy>,
}

pub(super) fn parse(word: &Ident, cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Decode> {
    let format = Connector::parse(cursor, Room::Decode, word, &[words::AS, words::ELSE], diags)?;
    let mut schema = None;
    if let Some(as_word) = cursor.word(words::AS) {
        let tokens = cursor.until_word(&[words::ELSE]);
        if tokens.is_empty() {
            diags.push(as_word, "`as` needs the type of the rows", "write `decode json as Reading`");
        } else if syn::parse2::<syn::Type>(stream(tokens)).is_err() {
            diags.push(stream(tokens), "this is not a type", "write the schema's name, as in `decode json as Reading`");
        }
        schema = Some(stream(tokens));
    }
    if schema.is_none()
        && let Some(TokenTree::Ident(name)) = cursor.peek()
        && name != words::ELSE
    {
        let rest = cursor.rest();
        diags.push(stream(rest), "no `as` before the type", format!("write `as {}`", text(&stream(rest))));
    }
    let policy = match cursor.word(words::ELSE) {
        Some(else_word) => Some(policy(else_word, cursor, diags)?),
        None => None,
    };
    nothing_left(cursor, word, diags);
    Some(Decode { format, schema, policy })
}

impl Decode {
    pub(super) fn emit(&self, stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
        let format = self.format.emit();
        let data = plan.column(&Ident::new(words::DATA, proc_macro2::Span::mixed_site()), diags);
        plan.chain(match &self.schema {
            Some(schema) => {
                let used = ours_used();
                let (at, named) = (place(stage.word.span()), named(schema));
                quote_spanned! { at => .decode::<#named, #used, _>(#format) }
            }
            None => {
                let at = place(stage.word.span());
                quote_spanned! { at => .decode_plain(#format) }
            }
        });
        plan.chain(self.policy.as_ref().map(|policy| policy.emit("else")).unwrap_or_default());
        let (input, row, some) = (ours("__input"), ours("__row"), paths::some());
        plan.statement(quote! { #input.open(#data); });
        plan.open(quote! { while let #some(#row) = #input.next() });
        plan.phase = Phase::Rows;
        plan.row = Row {
            base: Some(Base { var: "__row", schema: self.schema.is_some(), of: self.schema.clone() }),
            ..Row::default()
        };
    }
}

/// The schema's type, by the trait that says what is none.
fn named(schema: &TokenStream) -> TokenStream {
    if spans::is_editor() {
        return schema.clone();
    }
    let at = schema.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
    let is_schema = spans::at(&paths::schema(), at);
    quote_spanned! { place(at) => <#schema as #is_schema>::Itself }
}
