//! What an editor shows at a name of the user's is what stands there in the expansion for editors: the name itself.

use std::collections::BTreeMap;
use std::ops::Range;

use proc_macro2::{TokenStream, TokenTree};

use super::{is_ours, texts};
use crate::emit::shown;

/// The idents of a text that have a place, by that.
fn places(tokens: TokenStream, into: &mut BTreeMap<(usize, usize), Vec<String>>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => places(group.stream(), into),
            TokenTree::Ident(word) => {
                let Range { start, end } = word.span().byte_range();
                if start < end {
                    into.entry((start, end)).or_default().push(word.to_string());
                }
            }
            _ => {}
        }
    }
}

fn places_of(tokens: TokenStream) -> BTreeMap<(usize, usize), Vec<String>> {
    let mut found = BTreeMap::new();
    places(tokens, &mut found);
    found
}

#[test]
fn nothing_of_ours_stands_at_a_name() {
    for text in texts() {
        let (typed, shown) = (places_of(text.clone()), places_of(shown(text)));
        for (place, words) in &shown {
            let Some(word) = typed.get(place).and_then(|words| words.first()) else {
                // Inside of a string: a column that `format!` names there.
                continue;
            };
            assert!(words.iter().all(|other| other == word), "{words:?} stand at `{word}`");
        }
        for (place, words) in &typed {
            let word = &words[0];
            let times = shown.get(place).map_or(0, Vec::len);
            assert!(is_ours(word) || times > 0, "`{word}` has lost its place");
            // Where a column gets its name, that of the value it had before stands beside it.
            assert!(times <= 4, "`{word}` stands {times} times in one place");
        }
    }
}
