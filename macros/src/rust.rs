//! Rust code inside the text, checked to be whole before it is emitted, so that what is not spoils nothing else.

use proc_macro2::{Group, TokenStream, TokenTree};

use crate::diag::Diags;
use crate::spans;
use crate::tokens::{inside, stream, text};

/// The Rust value in `{..}`, whose code stands for itself: an expression, or a block of statements.
pub(crate) fn value(braces: &Group, diags: &mut Diags) -> Option<TokenStream> {
    let (inner, before) = (braces.stream(), diags.len());
    if spans::is_editor() {
        return Some(inner);
    }
    if inner.is_empty() {
        diags.push(braces, "no value in these braces", "write `{value}`, with a value of the program");
        return None;
    }
    if syn::parse2::<syn::Expr>(inner.clone()).is_ok() {
        return Some(inner);
    }
    let block = TokenStream::from(TokenTree::Group(braces.clone()));
    if syn::parse2::<syn::Block>(block.clone()).is_err() {
        whole(&inside(braces), diags);
    }
    (diags.len() == before).then_some(block)
}

/// Whether the tokens are one expression of Rust.
pub(crate) fn whole(tokens: &[TokenTree], diags: &mut Diags) {
    let one = |input: syn::parse::ParseStream<'_>| {
        let expression: syn::Expr = input.parse()?;
        Ok((expression, input.parse::<TokenStream>()?))
    };
    match syn::parse::Parser::parse2(one, stream(tokens)) {
        Ok((syn::Expr::Let(given), _)) => diags.push(
            given.let_token,
            "`let` is no expression",
            "write `matches!(a, Some(x) if x > 1)`, or `if let Some(x) = a { x > 1 } else { false }`",
        ),
        Ok((_, rest)) => {
            if let Some(next) = rest.into_iter().next() {
                let text = text(&next.clone().into());
                let message = format!("the expression ends before `{text}`");
                diags.push(next, message, "take it away, or put an operator before it");
            }
        }
        Err(error) => match error.to_string().strip_prefix("unexpected end of input, ") {
            Some(expected) => diags.push(
                tokens.last(),
                format!("this expression is not complete: {expected} after it"),
                "complete it, or take the operator away",
            ),
            None => diags.push_at(
                error.span(),
                format!("this is not an expression: {error}"),
                "expressions are Rust's; bit-or and closures stand inside of `(..)`",
            ),
        },
    }
}
