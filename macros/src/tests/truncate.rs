//! Half-typed texts: an editor expands them at every keystroke.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};

use super::{EXAMPLES, is_expression, tokens, words_of};
use crate::emit::expand;
use crate::words;

/// Words of the language, which need not come back.
fn is_ours(word: &str) -> bool {
    let ours = [words::AS, words::ELSE, words::LET, words::NAME, words::MODE, words::OUTER, words::TTL, words::NEVER];
    words::STAGES.contains(&word)
        || words::WINDOWS.contains(&word)
        || words::POLICIES.contains(&word)
        || words::MODES.contains(&word)
        || ours.contains(&word)
        || word == words::EVERY
}

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

fn check(text: &TokenStream) {
    let expansion = expand(text.clone());
    assert!(is_expression(&expansion), "not an expression: {text}\n{expansion}");
    let (mut typed, mut kept) = (Vec::new(), Vec::new());
    words_of(text.clone(), &mut typed);
    words_of(expansion.clone(), &mut kept);
    for word in typed {
        assert!(is_ours(&word) || kept.contains(&word), "`{word}` is lost: {text}\n{expansion}");
    }
}

#[test]
fn every_prefix_expands() {
    for example in EXAMPLES {
        for text in prefixes(tokens(example)) {
            check(&text);
        }
    }
}

#[test]
fn every_gap_takes_a_marker() {
    for example in EXAMPLES {
        for text in prefixes(tokens(example)) {
            let marker = TokenTree::Ident(Ident::new("raCompletionMarker", Span::call_site()));
            check(&text.into_iter().chain([marker]).collect());
        }
    }
}
