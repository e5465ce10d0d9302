//! Expressions of a stage: they are Rust's, and are checked to be whole before they are emitted, so that one that is not
//! spoils nothing else. Words of other dialects get an answer of their own.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

use crate::diag::Diags;
use crate::literal;
use crate::rust::whole;
use crate::tokens::{is_lone, is_punct, stream, text};
use crate::{spans, sql};

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
    if spans::is_editor() {
        // An editor's parser takes what is half typed, and completes it if it knows the row.
        return Some(literal::replace(stream(tokens), &mut Diags::default()));
    }
    dialect(tokens, true, diags);
    if diags.len() == before {
        whole(tokens, diags);
    }
    let replaced = literal::replace(stream(tokens), diags);
    (diags.len() == before).then_some(replaced)
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
                if group.delimiter() == Delimiter::Brace {
                    missing_operator(tokens, index, group, diags);
                } else {
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

/// `temperature {threshold}`: what looks like a struct literal of Rust, but for the small letters.
fn missing_operator(tokens: &[TokenTree], index: usize, braces: &Group, diags: &mut Diags) {
    const OPEN_BLOCKS: [&str; 9] = ["if", "else", "match", "while", "for", "loop", "unsafe", "async", "move"];
    let Some((TokenTree::Ident(name), earlier)) = tokens.get(..index).and_then(<[TokenTree]>::split_last) else {
        return;
    };
    let keyword =
        |token: &TokenTree| matches!(token, TokenTree::Ident(word) if OPEN_BLOCKS.iter().any(|open| word == open));
    let small = name.to_string().starts_with(|letter: char| letter.is_lowercase() || letter == '_');
    let path = earlier.last().is_some_and(|before| is_punct(Some(before), ':'));
    if small && !path && !OPEN_BLOCKS.iter().any(|open| name == open) && !earlier.iter().any(keyword) {
        let value = text(&TokenTree::Group(braces.clone()).into());
        diags.push(braces, format!("no operator before `{value}`"), format!("write `{name} > {value}` or another one"));
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
