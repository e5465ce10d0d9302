//! `decode FMT[(options)] [as T] [else fail | skip | dead_letter(SINK)]`: from bytes to rows.
//!
//! The payload is the column `data` of the row so far.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use super::{Stage, first_or};
use crate::ast::nothing_left;
use crate::connector::Connector;
use crate::diag::{Diags, did_you_mean, one_of};
use crate::paths::{self, Room};
use crate::plan::{Plan, ours_used};
use crate::row::{Base, Phase, Row, ours};
use crate::spans::place;
use crate::tokens::{Cursor, stream, text};
use crate::words;

#[derive(Debug)]
pub(crate) struct Decode {
    format: Connector,
    schema: Option<TokenStream>,
    policy: Option<Policy>,
}

/// What becomes of records that cannot be decoded.
#[derive(Debug)]
enum Policy {
    Fail,
    Skip,
    DeadLetter(Connector),
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

fn policy(word: &Ident, cursor: &mut Cursor<'_>, diags: &mut Diags) -> Option<Policy> {
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
            let tokens = crate::tokens::inside(group);
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

impl Decode {
    pub(super) fn emit(&self, stage: &Stage, plan: &mut Plan, diags: &mut Diags) {
        let format = self.format.emit();
        let data = plan.column(&Ident::new(words::DATA, proc_macro2::Span::mixed_site()), diags);
        plan.chain(match &self.schema {
            Some(schema) => {
                let used = ours_used();
                let at = place(stage.word.span());
                quote_spanned! { at => .decode::<#schema, #used, _>(#format) }
            }
            None => {
                let at = place(stage.word.span());
                quote_spanned! { at => .decode_plain(#format) }
            }
        });
        plan.chain(match &self.policy {
            None => TokenStream::new(),
            Some(Policy::Fail) => quote! { .else_fail() },
            Some(Policy::Skip) => quote! { .else_skip() },
            Some(Policy::DeadLetter(sink)) => {
                let sink = sink.emit();
                quote! { .else_dead_letter(#sink) }
            }
        });
        let (input, row, some) = (ours("__input"), ours("__row"), paths::some());
        plan.statement(quote! { #input.open(#data); });
        plan.open(quote! { while let #some(#row) = #input.next() });
        plan.phase = Phase::Rows;
        plan.row = Row { base: Some(Base { var: "__row", schema: self.schema.is_some() }), ..Row::default() };
    }
}
