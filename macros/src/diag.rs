//! Faults of the user's text: gathered, never thrown, and reported together.

use std::fmt::Display;

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};

/// The faults found so far.
#[derive(Debug, Default)]
pub(crate) struct Diags {
    faults: Vec<Fault>,
    warnings: Vec<(Ident, String)>,
}

#[derive(Debug)]
struct Fault {
    start: Span,
    end: Span,
    text: String,
}

impl Diags {
    /// A fault at these tokens: lower case, the user's own token in backticks, no final period. The help can be typed.
    pub(crate) fn push(&mut self, at: impl ToTokens, message: impl Display, help: impl Display) {
        let mut spans = at.into_token_stream().into_iter().map(|token| token.span());
        let start = spans.next().unwrap_or_else(Span::call_site);
        self.fault(start, spans.last().unwrap_or(start), message, help);
    }

    /// A warning at a word: lower case, after rustc's "use of deprecated constant".
    pub(crate) fn warn(&mut self, at: &Ident, message: impl Display) {
        self.warnings.push((at.clone(), message.to_string()));
    }

    /// An item for each warning. rustc knows one way for a macro to warn: the use of something deprecated.
    pub(crate) fn warnings(&self) -> TokenStream {
        let warning = |(at, message): &(Ident, String)| {
            // The user's own place, as nothing is warned about in a macro's.
            let name = Ident::new("without_a_name", at.span());
            quote! {
                const _: () = {
                    #[allow(non_upper_case_globals)]
                    #[deprecated(note = #message)]
                    const #name: () = ();
                    #name
                };
            }
        };
        self.warnings.iter().map(warning).collect()
    }

    /// A fault at a span.
    pub(crate) fn push_at(&mut self, at: Span, message: impl Display, help: impl Display) {
        self.fault(at, at, message, help);
    }

    fn fault(&mut self, start: Span, end: Span, message: impl Display, help: impl Display) {
        self.faults.push(Fault { start, end, text: format!("{message}\nhelp: {help}") });
    }

    /// The number of faults; a stage that adds to it is left out of the expansion.
    pub(crate) fn len(&self) -> usize {
        self.faults.len()
    }

    /// Takes back what was pushed since there were `len` faults.
    pub(crate) fn back_to(&mut self, len: usize) {
        self.faults.truncate(len);
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// One `compile_error!` for each fault; `None` when there are none.
    pub(crate) fn finish(self) -> Option<TokenStream> {
        (!self.faults.is_empty()).then(|| self.faults.iter().flat_map(Fault::tokens).collect())
    }
}

impl Fault {
    /// `::core::compile_error! { "text" }`, from the first to the last token of the place: rustc joins the spans.
    fn tokens(&self) -> Vec<TokenTree> {
        let punct = |char, spacing, span| {
            let mut punct = Punct::new(char, spacing);
            punct.set_span(span);
            TokenTree::Punct(punct)
        };
        let mut text = Literal::string(&self.text);
        text.set_span(self.end);
        let mut body = Group::new(Delimiter::Brace, TokenTree::Literal(text).into());
        body.set_span(self.end);
        vec![
            punct(':', Spacing::Joint, self.start),
            punct(':', Spacing::Alone, self.start),
            TokenTree::Ident(Ident::new("core", self.start)),
            punct(':', Spacing::Joint, self.start),
            punct(':', Spacing::Alone, self.start),
            TokenTree::Ident(Ident::new("compile_error", self.start)),
            punct('!', Spacing::Alone, self.start),
            TokenTree::Group(body),
        ]
    }
}

/// The name that was probably meant: the closest, if it is close.
pub(crate) fn did_you_mean<'n>(typed: &str, names: &[&'n str]) -> Option<&'n str> {
    let near = names.iter().map(|name| (distance(typed, name), *name)).min_by_key(|(distance, _)| *distance)?;
    let longest = typed.chars().count().max(near.1.chars().count());
    if near.0 * 3 <= longest {
        return Some(near.1);
    }
    // A word that goes on where a name ends: `deny_unknown_fields`.
    names.iter().find(|name| name.len() > 4 && typed.starts_with(**name)).copied()
}

/// The number of letters to insert, remove, replace or swap with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut least = (at(&above, j) + usize::from(a != b)).min(at(&above, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && from.get(i - 1) == Some(b) && to.get(j - 1) == Some(a);
            if swapped {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(0)
}

/// A list for a sentence: `` `a`, `b` or `c` ``.
pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => quoted.concat(),
    }
}
