//! Which names in an expression are columns: a walk over tokens, with the scopes of Rust and without a full parse, so
//! that half-typed text works too.
//!
//! The tokens of the user come out as they went in, with their spans. Only two things change: a bare name that is a
//! column becomes what `resolve` says (`country` becomes `__row.country`), and an escape `{expr}` becomes the ident of
//! its capture. The rules stand in the table of `tests/table.rs`, one line each.
//!
//! ```text
//! list   = expr { (`,` | `;`) expr }                     inside (..), [..] and macros
//! block  = { item | `let` PATTERN [: TYPE] [= expr [else block]] `;` | expr }
//! expr   = operands and operators up to a top-level `,` `;` `=>` `else`
//! ```

mod cursor;
mod expr;
mod macros;
mod scope;
mod taken;
#[cfg(test)]
mod tests;
mod words;

use proc_macro2::{Group, Ident, TokenStream, TokenTree};

use cursor::Cursor;
use scope::Scope;

use crate::spans;

/// An expression after the walk.
pub(crate) struct Walk {
    pub tokens: TokenStream,
    pub used: Vec<ColumnUse>,
    pub captures: Vec<Capture>,
}

/// One use of a column.
pub(crate) struct ColumnUse {
    pub ident: Ident,
    /// The column and the fields behind it that are no method calls, without `r#`: `location.lat` is `[location, lat]`,
    /// `name.len()` is `[name]`.
    pub path: Vec<String>,
}

/// One escape to plain Rust.
pub(crate) struct Capture {
    /// The expression inside the braces.
    pub tokens: TokenStream,
    /// What stands for it in the walked expression. Its location is the opening brace: a span over the whole escape
    /// would make an editor show the capture for every name in it.
    pub ident: Ident,
    /// Whether the expression takes it by value.
    pub taken: bool,
}

/// Walks one expression. `resolve` gives the tokens that stand for a column (such as `__row.ident`, with the user's own
/// ident token); None leaves the ident alone. `next_capture` numbers the captures of a whole pipeline.
pub(crate) fn walk(
    expr: TokenStream,
    resolve: &mut dyn FnMut(&Ident) -> Option<TokenStream>,
    next_capture: &mut usize,
) -> Walk {
    let mut walker = Walker { resolve, next_capture, scope: Scope::default(), used: Vec::new(), captures: Vec::new() };
    let mut tokens = TokenStream::new();
    walker.list(&mut Cursor::new(expr), &mut tokens);
    Walk { tokens, used: walker.used, captures: walker.captures }
}

struct Walker<'a> {
    resolve: &'a mut dyn FnMut(&Ident) -> Option<TokenStream>,
    next_capture: &'a mut usize,
    scope: Scope,
    used: Vec<ColumnUse>,
    captures: Vec<Capture>,
}

impl Walker<'_> {
    /// The tokens for a bare name, if it is a column here; its use is noted with `fields` behind it.
    fn column(&mut self, ident: &Ident, fields: impl IntoIterator<Item = String>) -> Option<TokenStream> {
        let word = ident.to_string();
        if !words::is_name(&word) || self.scope.binds(&word) {
            return None;
        }
        let tokens = (self.resolve)(ident)?;
        let path = std::iter::once(words::unraw(&word).to_owned()).chain(fields).collect();
        self.used.push(ColumnUse { ident: ident.clone(), path });
        Some(tokens)
    }

    /// Replaces the escape that comes next.
    fn capture(&mut self, cursor: &mut Cursor, out: &mut TokenStream, argument: bool) {
        let taken = taken::taken(cursor, argument);
        let Some(TokenTree::Group(group)) = cursor.next() else { return };
        let span = spans::place(group.span_open());
        let ident = Ident::new(&format!("__cap{}", self.next_capture), span);
        *self.next_capture = self.next_capture.saturating_add(1);
        self.captures.push(Capture { tokens: group.stream(), ident: ident.clone(), taken });
        out.extend([TokenTree::Ident(ident)]);
    }

    /// Walks the group that comes next by `inside`, in a scope of its own. A group in which nothing changed is kept as
    /// the very token it was: a new group loses the spans of its two delimiters.
    fn group(
        &mut self,
        cursor: &mut Cursor,
        out: &mut TokenStream,
        inside: impl FnOnce(&mut Self, &mut Cursor, &mut TokenStream),
    ) {
        let Some(token) = cursor.next() else { return };
        let TokenTree::Group(group) = &token else { return out.extend([token]) };
        let before = (self.used.len(), self.captures.len());
        let mark = self.scope.mark();
        let mut content = Cursor::new(group.stream());
        let mut tokens = TokenStream::new();
        inside(self, &mut content, &mut tokens);
        content.copy_rest(&mut tokens);
        self.scope.back_to(mark);
        if before == (self.used.len(), self.captures.len()) {
            return out.extend([token]);
        }
        let mut walked = Group::new(group.delimiter(), tokens);
        walked.set_span(group.span());
        out.extend([TokenTree::Group(walked)]);
    }
}
