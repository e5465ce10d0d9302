//! The text as raw tokens, cut at top-level `;` into chains and at top-level `|` into stages, before anything is parsed:
//! a broken stage cannot swallow its neighbours.

use proc_macro2::{Spacing, Span, TokenStream, TokenTree};

/// The tokens of a stage.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    /// The `|` before it; none before the first.
    pub(crate) bar: Option<Span>,
    pub(crate) tokens: Vec<TokenTree>,
}

/// The tokens of a chain; never without a slice.
#[derive(Debug, Clone)]
pub(crate) struct ChainText {
    pub(crate) slices: Vec<Slice>,
}

/// Cuts the text. `||` and `|=` are operators and cut nothing.
pub(crate) fn split(input: TokenStream) -> Vec<ChainText> {
    let mut chains = Vec::new();
    let mut slices = Vec::new();
    let mut slice = Slice { bar: None, tokens: Vec::new() };
    let mut tokens = input.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let TokenTree::Punct(punct) = &token else {
            slice.tokens.push(token);
            continue;
        };
        match punct.as_char() {
            ';' => {
                slices.push(std::mem::replace(&mut slice, Slice { bar: None, tokens: Vec::new() }));
                chains.push(ChainText { slices: std::mem::take(&mut slices) });
            }
            '|' => {
                let joined = punct.spacing() == Spacing::Joint;
                let operator = joined
                    && matches!(tokens.peek(), Some(TokenTree::Punct(next)) if matches!(next.as_char(), '|' | '='));
                if operator {
                    slice.tokens.push(token);
                    slice.tokens.extend(tokens.next());
                } else {
                    let bar = Some(punct.span());
                    slices.push(std::mem::replace(&mut slice, Slice { bar, tokens: Vec::new() }));
                }
            }
            _ => slice.tokens.push(token),
        }
    }
    let rest = !slice.tokens.is_empty() || slice.bar.is_some() || chains.is_empty();
    if rest {
        slices.push(slice);
        chains.push(ChainText { slices });
    }
    chains
}
