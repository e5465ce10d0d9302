//! Where the tokens of the expansion stand.
//!
//! rustc blames an expression on the span that joins those of its tokens, so tokens of ours that it may blame must stand at
//! a token of the user's. An editor shows for a token of the user's whatever stands there, so for it nothing of ours may.
//! Therefore a pipeline is expanded twice, once for each.

use std::cell::Cell;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};

thread_local! {
    static EDITOR: Cell<bool> = const { Cell::new(false) };
}

/// Runs an expansion that is for editors.
pub(crate) fn for_editors<T>(expand: impl FnOnce() -> T) -> T {
    let before = EDITOR.replace(true);
    let expansion = expand();
    EDITOR.set(before);
    expansion
}

/// Whether the expansion is for editors.
pub(crate) fn is_editor() -> bool {
    EDITOR.get()
}

/// The place of our tokens that rustc may blame: at the user's token, resolved where ours are.
pub(crate) fn place(at: Span) -> Span {
    if EDITOR.get() { Span::mixed_site() } else { Span::mixed_site().located_at(at) }
}

/// The place of our tokens that stand for one of the user's, such as `Duration::from_secs(10)` for `10s`: as if the user
/// had written them. Where rustc speaks of an argument it goes back from our tokens to the whole pipeline.
pub(crate) fn instead_of(at: Span) -> Span {
    if EDITOR.get() { Span::mixed_site() } else { at }
}

/// A name of the user's that we write once more.
pub(crate) fn again(name: &Ident) -> Ident {
    let mut again = name.clone();
    if EDITOR.get() {
        again.set_span(Span::mixed_site());
    }
    again
}

/// Tokens once more, in place of another one of the user's.
pub(crate) fn moved(tokens: &TokenStream, at: Span) -> TokenStream {
    set(tokens, instead_of(at))
}

/// A path of ours, blamed on the user's token.
pub(crate) fn at(path: &TokenStream, span: Span) -> TokenStream {
    set(path, place(span))
}

fn set(tokens: &TokenStream, span: Span) -> TokenStream {
    let set = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    tokens.clone().into_iter().map(set).collect()
}
