//! Faults in the user's text, collected as values so that one compile reports all of them.

use proc_macro2::TokenStream;
use quote::ToTokens;

/// The faults found so far.
#[derive(Default)]
pub(crate) struct Diags(Option<syn::Error>);

impl Diags {
    /// Adds a fault at `tokens`: what is wrong, in lower case and naming the user's token, and what to write instead.
    pub(crate) fn push(&mut self, tokens: impl ToTokens, message: impl AsRef<str>, help: impl AsRef<str>) {
        let error = syn::Error::new_spanned(tokens, format!("{}\nhelp: {}", message.as_ref(), help.as_ref()));
        match &mut self.0 {
            Some(first) => first.combine(error),
            none => *none = Some(error),
        }
    }

    /// The faults as `compile_error!`s; `None` when there are none.
    pub(crate) fn finish(self) -> Option<TokenStream> {
        self.0.map(|error| error.to_compile_error())
    }
}

/// The candidate that `word` was probably meant to be.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let near = |candidate: &&&str| {
        let longest = word.chars().count().max(candidate.chars().count());
        // A third of the letters may be wrong; or the word goes on where the candidate ends (`deny_unknown_fields`).
        distance(word, candidate) <= (longest / 3).max(1) || (candidate.len() > 4 && word.starts_with(**candidate))
    };
    candidates.iter().filter(near).min_by_key(|candidate| distance(word, candidate)).copied()
}

/// A list for a sentence: `` `a`, `b` or `c` ``.
pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// The number of letters to insert, delete or replace to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    // One row of the usual table: the distance of what was seen of `from` to each prefix of `to`.
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().enumerate() {
        let (mut diagonal, mut left) = (index, index + 1);
        for (cell, other) in row.iter_mut().skip(1).zip(&to) {
            let best = (diagonal + usize::from(letter != *other)).min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
