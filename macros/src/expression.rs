//! Expressions of a stage: they are Rust's, and are checked to be whole before they are emitted, so that one that is not
//! spoils nothing else. Words of other dialects get an answer of their own.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

use crate::diag::Diags;
use crate::literal;
use crate::tokens::{ends_operand, is_lone, is_punct, stream};

/// An expression that belongs to `whose`; `None` when something is wrong with it, which has been said.
pub(crate) fn expression(tokens: &[TokenTree], whose: &Ident, example: &str, diags: &mut Diags) -> Option<TokenStream> {
    let before = diags.len();
    if tokens.is_empty() {
        diags.push(whose, format!("`{whose}` needs an expression"), format!("write `{example}`"));
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
    let Err(error) = syn::parse2::<syn::Expr>(stream(tokens)) else { return };
    let text = error.to_string();
    match text.strip_prefix("unexpected end of input, ") {
        Some(expected) => diags.push(
            tokens.last(),
            format!("this expression is not complete: {expected} after it"),
            "complete it, or take the operator away",
        ),
        None => diags.push_at(
            error.span(),
            format!("this is not an expression: {text}"),
            "expressions are Rust's; bit-or and closures stand inside of `(..)`",
        ),
    }
}

/// Looks for words and operators of other dialects.
fn dialect(tokens: &[TokenTree], top: bool, diags: &mut Diags) {
    let get = |index: usize| tokens.get(index);
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
            TokenTree::Ident(word) => word_of_dialect(tokens, index, word, diags),
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

fn word_of_dialect(tokens: &[TokenTree], index: usize, word: &Ident, diags: &mut Diags) {
    let get = |index: usize| tokens.get(index);
    let text = |index: usize| get(index).map(ToString::to_string).unwrap_or_default();
    // After an operand, Rust has no place for a word; before one, none for `not`.
    let infix = index.checked_sub(1).and_then(get).is_some_and(ends_operand) && index + 1 < tokens.len();
    let column = index.checked_sub(1).map(text).unwrap_or_default();
    let lower = word.to_string().to_lowercase();
    match lower.as_str() {
        "and" if infix => diags.push(word, format!("`{word}` is spelt `&&` here"), "write `&&`"),
        "or" if infix => diags.push(word, format!("`{word}` is spelt `||` here"), "write `||`"),
        "is" if infix => {
            let not = text(index + 1).eq_ignore_ascii_case("not");
            let method = if not { "is_some" } else { "is_none" };
            diags.push(word, "a column that may be null is an `Option`", format!("write `{column}.{method}()`"));
        }
        "like" | "ilike" if infix => diags.push(
            word,
            format!("`{word}` is a method here"),
            format!("write `{column}.starts_with(\"..\")`, `.ends_with(\"..\")` or `.contains(\"..\")`"),
        ),
        "between" if infix => diags.push(
            word,
            format!("`{word}` is a range here"),
            format!("write `({}..={}).contains(&{column})`", text(index + 1), text(index + 3)),
        ),
        "in" if infix
            && !tokens.get(..index).is_some_and(|earlier| earlier.iter().any(|token| token.to_string() == "for")) =>
        {
            diags.push(
                word,
                "`in` is spelt `matches!` here",
                format!("write `matches!({column}, \"a\" | \"b\")`, or `[\"a\", \"b\"].contains(&{column})`"),
            );
        }
        "not"
            if !index.checked_sub(1).and_then(get).is_some_and(ends_operand)
                && matches!(get(index + 1), Some(TokenTree::Ident(_) | TokenTree::Literal(_))) =>
        {
            diags.push(word, format!("`{word}` is spelt `!` here"), format!("write `!{}`", text(index + 1)));
        }
        // After `is` it has been said.
        "null" if !is_member(tokens, index) && !matches!(column.as_str(), "is" | "not") => {
            diags.push(word, "there is no `null` here: what may be missing is an `Option`", "write `None`");
        }
        _ => {}
    }
}

/// Whether the word is a field, a method or part of a path.
fn is_member(tokens: &[TokenTree], index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|at| tokens.get(at));
    is_punct(before, '.') || is_punct(before, ':') || is_punct(tokens.get(index + 1), ':')
}
