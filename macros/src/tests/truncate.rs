//! Half-typed texts: an editor expands them at every keystroke.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};

use quote::quote;

use super::{is_expression, is_ours, texts, words_of};
use crate::emit::{one_for_rustc, shown};

/// Every text that is cut after a token, in all depths.
fn prefixes(tokens: TokenStream) -> Vec<TokenStream> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut cut = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let before = || tokens.iter().take(index).cloned();
        if let TokenTree::Group(group) = token {
            for inner in prefixes(group.stream()) {
                let group = proc_macro2::Group::new(group.delimiter(), inner);
                cut.push(before().chain([TokenTree::Group(group)]).collect());
            }
        }
        cut.push(before().collect());
    }
    cut.push(tokens.into_iter().collect());
    cut
}

/// Every text that has one more token, in all depths.
fn gaps(tokens: &TokenStream, more: &TokenTree) -> Vec<TokenStream> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut filled = Vec::new();
    for index in 0..=tokens.len() {
        let (before, after) = tokens.split_at(index);
        let text = |middle: &[TokenTree], after: &[TokenTree]| [before, middle, after].concat().into_iter().collect();
        filled.push(text(std::slice::from_ref(more), after));
        if let Some((TokenTree::Group(group), after)) = after.split_first() {
            for inner in gaps(&group.stream(), more) {
                filled.push(text(&[proc_macro2::Group::new(group.delimiter(), inner).into()], after));
            }
        }
    }
    filled
}

/// The text expands to an expression, and an editor finds every name of it.
fn check(text: &TokenStream) {
    let (code, shown) = (one_for_rustc(text.clone()), shown(text.clone()));
    let whole = quote! { { #code } };
    assert!(is_expression(&whole), "not an expression: {text}\n{whole}");
    let (mut typed, mut kept) = (Vec::new(), Vec::new());
    words_of(text.clone(), &mut typed);
    words_of(shown.clone(), &mut kept);
    for word in typed {
        assert!(is_ours(&word) || kept.contains(&word), "`{word}` is lost: {text}\n{shown}");
    }
}

#[test]
fn every_prefix_expands() {
    for text in texts() {
        for text in prefixes(text) {
            check(&text);
        }
    }
}

#[test]
fn every_gap_takes_a_marker() {
    // What rust-analyzer puts where the cursor is.
    let marker = TokenTree::Ident(Ident::new("raCompletionMarker", Span::call_site()));
    for text in texts() {
        for text in gaps(&text, &marker) {
            check(&text);
        }
    }
}

#[test]
fn every_prefix_takes_a_marker() {
    let marker = TokenTree::Ident(Ident::new("raCompletionMarker", Span::call_site()));
    for text in texts() {
        for text in prefixes(text) {
            check(&text.into_iter().chain([marker.clone()]).collect());
        }
    }
}
