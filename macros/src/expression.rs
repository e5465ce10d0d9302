//! Expressions of a stage: they are Rust's, and are checked to be whole before they are emitted, so that one that is not
//! spoils nothing else. Words of other dialects get an answer of their own.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

use crate::diag::Diags;
use crate::literal;
use crate::sql;
use crate::tokens::{is_lone, is_punct, stream, text};

/// An expression that belongs to `whose`; `None` when something is wrong with it, which has been said.
pub(crate) fn expression(tokens: &[TokenTree], whose: &Ident, example: &str, diags: &mut Diags) -> Option<TokenStream> {
    let before = diags.len();
    if tokens.is_empty() {
        diags.push(whose, format!("`{whose}` needs an expression"), format!("write `{example}`"));
        return None;
    }
    if let [star] = tokens
        && is_punct(Some(star), '*')
    {
        diags.push(star, "`*` stands for no column", "rows are counted by `count()`");
        return None;
    }
    dialect(tokens, true, diags);
    if diags.len() == before {
        whole(tokens, diags);
    }
    let replaced = literal::replace(stream(tokens), diags);
    (diags.len() == before).then_some(replaced)
}

/// Whether the tokens are one expression of Rust.
fn whole(tokens: &[TokenTree], diags: &mut Diags) {
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

/// Looks for words and operators of other dialects.
fn dialect(tokens: &[TokenTree], top: bool, diags: &mut Diags) {
    let get = |index: usize| tokens.get(index);
    // The place up to which a fault has spoken for all words.
    let mut said = 0;
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).and_then(get);
        let next = get(index + 1);
        match token {
            TokenTree::Group(group) => {
                // What a call or a macro gets may have `=` in it (`format!("{x}", x = 1)`), what a block holds, too.
                let plain = group.delimiter() == Delimiter::Parenthesis && !before.is_some_and(ends_call);
                if group.delimiter() != Delimiter::Brace {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    dialect(&inner, top && plain, diags);
                }
            }
            TokenTree::Punct(_) if top && equals(tokens, index) => {
                diags.push(token, "`=` does not compare", "write `==`");
            }
            TokenTree::Punct(_) if is_punct(Some(token), '<') && is_punct(next, '>') && !is_punct(before, ':') => {
                diags.push(
                    stream(tokens.get(index..index + 2).unwrap_or_default()),
                    "`<>` is spelt `!=` here",
                    "write `!=`",
                );
            }
            TokenTree::Ident(word) if index >= said => said = sql::word(tokens, index, word, diags),
            _ => {}
        }
    }
}

/// Whether a paren group after this token is a call's or a macro's.
fn ends_call(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Ident(_)) || is_punct(Some(token), '!') || is_punct(Some(token), '>')
}

/// A `=` that is no part of `==`, `<=`, `=>` and the like, and of no `let`.
fn equals(tokens: &[TokenTree], index: usize) -> bool {
    let operator = |token: Option<&TokenTree>| {
        matches!(token, Some(TokenTree::Punct(punct)) if "=<>!+-*/%^&|.".contains(punct.as_char())
            && punct.spacing() == proc_macro2::Spacing::Joint)
    };
    let before = index.checked_sub(1).and_then(|at| tokens.get(at));
    let is_let = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "let");
    is_lone(tokens.get(index), tokens.get(index + 1), '=')
        && !operator(before)
        && !tokens.get(..index).is_some_and(|earlier| earlier.iter().any(is_let))
}
