//! Which words of an expression are columns.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::format_ident;

use crate::tokens::is_punct;

/// What a walk has found.
pub(crate) struct Walk {
    /// The expression with its columns replaced.
    pub(crate) tokens: TokenStream,
    /// The columns.
    pub(crate) used: Vec<ColumnUse>,
    /// The Rust values.
    pub(crate) captures: Vec<Capture>,
}

/// A column that is used.
pub(crate) struct ColumnUse {
    /// The column.
    pub(crate) ident: Ident,
    /// The column and the fields that are taken of it.
    pub(crate) path: Vec<String>,
}

/// A Rust value: `{expr}`.
pub(crate) struct Capture {
    /// The expression.
    pub(crate) tokens: TokenStream,
    /// What stands for it.
    pub(crate) ident: Ident,
}

/// Walks over an expression.
pub(crate) fn walk(
    expr: TokenStream,
    resolve: &mut dyn FnMut(&Ident) -> Option<TokenStream>,
    next_capture: &mut usize,
) -> Walk {
    let mut walk = Walk { tokens: TokenStream::new(), used: Vec::new(), captures: Vec::new() };
    walk.tokens = level(expr, resolve, next_capture, &mut walk.used, &mut walk.captures);
    walk
}

fn level(
    expr: TokenStream,
    resolve: &mut dyn FnMut(&Ident) -> Option<TokenStream>,
    next_capture: &mut usize,
    used: &mut Vec<ColumnUse>,
    captures: &mut Vec<Capture>,
) -> TokenStream {
    let tokens: Vec<TokenTree> = expr.into_iter().collect();
    let mut out = TokenStream::new();
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|at| tokens.get(at));
        match token {
            TokenTree::Group(group)
                if group.delimiter() == Delimiter::Brace
                    && (matches!(before, None | Some(TokenTree::Punct(_))) && !is_punct(before, '?')) =>
            {
                let ident = format_ident!("__cap{next_capture}", span = Span::mixed_site().located_at(group.span()));
                *next_capture += 1;
                out.extend([TokenTree::Ident(ident.clone())]);
                captures.push(Capture { tokens: group.stream(), ident });
            }
            TokenTree::Group(group) => {
                let inner = level(group.stream(), resolve, next_capture, used, captures);
                let mut inner = Group::new(group.delimiter(), inner);
                inner.set_span(group.span());
                out.extend([TokenTree::Group(inner)]);
            }
            TokenTree::Ident(ident) => {
                let text = ident.to_string();
                let next = tokens.get(index + 1);
                let free = !text.starts_with(char::is_uppercase)
                    && syn::parse_str::<syn::Ident>(&text).is_ok()
                    && !matches!(
                        text.as_str(),
                        "i64" | "u64" | "f64" | "i32" | "u32" | "f32" | "bool" | "str" | "usize"
                    )
                    && !(is_punct(before, '.')
                        && !index.checked_sub(2).is_some_and(|at| is_punct(tokens.get(at), '.')))
                    && !is_punct(before, ':')
                    && !is_punct(next, ':')
                    && !(is_punct(next, '!') && matches!(tokens.get(index + 2), Some(TokenTree::Group(_))))
                    && !matches!(next, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
                match free.then(|| resolve(ident)).flatten() {
                    Some(column) => {
                        let mut path = vec![text];
                        let mut at = index + 1;
                        while is_punct(tokens.get(at), '.')
                            && let Some(TokenTree::Ident(field)) = tokens.get(at + 1)
                            && !matches!(tokens.get(at + 2), Some(TokenTree::Group(_)))
                        {
                            path.push(field.to_string());
                            at += 2;
                        }
                        used.push(ColumnUse { ident: ident.clone(), path });
                        out.extend(column);
                    }
                    None => out.extend([token.clone()]),
                }
            }
            other => out.extend([other.clone()]),
        }
    }
    out
}
