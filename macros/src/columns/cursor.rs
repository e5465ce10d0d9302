//! A cursor over token trees, and the parts of the text in which no column can stand: types and attributes.

use proc_macro2::{Delimiter, Group, Ident, Spacing, TokenStream, TokenTree};

/// A place in a sequence of token trees. Looking past the end is allowed and finds nothing.
pub(super) struct Cursor {
    tokens: Vec<TokenTree>,
    at: usize,
}

impl Cursor {
    pub(super) fn new(tokens: TokenStream) -> Self {
        Cursor { tokens: tokens.into_iter().collect(), at: 0 }
    }

    /// The token `ahead` places from here; 0 is the next one.
    pub(super) fn look(&self, ahead: usize) -> Option<&TokenTree> {
        self.tokens.get(self.at.saturating_add(ahead))
    }

    /// The token `behind` places before the next one.
    pub(super) fn back(&self, behind: usize) -> Option<&TokenTree> {
        self.tokens.get(self.at.checked_sub(behind)?)
    }

    pub(super) fn next(&mut self) -> Option<TokenTree> {
        let token = self.look(0).cloned();
        self.at = self.at.saturating_add(usize::from(token.is_some()));
        token
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn at_end(&self) -> bool {
        self.look(0).is_none()
    }

    /// Copies `count` tokens as they are.
    pub(super) fn copy(&mut self, out: &mut TokenStream, count: usize) {
        for _ in 0..count {
            out.extend(self.next());
        }
    }

    pub(super) fn copy_rest(&mut self, out: &mut TokenStream) {
        while let Some(token) = self.next() {
            out.extend([token]);
        }
    }

    pub(super) fn punct(&self, ahead: usize, ch: char) -> bool {
        matches!(self.look(ahead), Some(TokenTree::Punct(punct)) if punct.as_char() == ch)
    }

    /// Two characters that make one operator, such as `::` or `=>`.
    pub(super) fn pair(&self, ahead: usize, first: char, second: char) -> bool {
        match self.look(ahead) {
            Some(TokenTree::Punct(punct)) => {
                punct.as_char() == first
                    && punct.spacing() == Spacing::Joint
                    && self.punct(ahead.saturating_add(1), second)
            }
            _ => false,
        }
    }

    /// A `:` that is not half of a `::`.
    pub(super) fn colon(&self, ahead: usize) -> bool {
        self.punct(ahead, ':') && !self.pair(ahead, ':', ':')
    }

    /// A `.` that is not the first of a `..`.
    pub(super) fn dot(&self, ahead: usize) -> bool {
        self.punct(ahead, '.') && !self.pair(ahead, '.', '.')
    }

    pub(super) fn ident(&self, ahead: usize) -> Option<&Ident> {
        match self.look(ahead) {
            Some(TokenTree::Ident(ident)) => Some(ident),
            _ => None,
        }
    }

    pub(super) fn word(&self, ahead: usize, word: &str) -> bool {
        self.ident(ahead).is_some_and(|ident| ident == word)
    }

    pub(super) fn group(&self, ahead: usize, delimiter: Delimiter) -> Option<&Group> {
        match self.look(ahead) {
            Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group),
            _ => None,
        }
    }

    pub(super) fn brace(&self, ahead: usize) -> bool {
        self.group(ahead, Delimiter::Brace).is_some()
    }

    pub(super) fn parenthesis(&self, ahead: usize) -> bool {
        self.group(ahead, Delimiter::Parenthesis).is_some()
    }

    /// Copies `#[..]` or `#![..]`; false if there is none here.
    pub(super) fn attribute(&mut self, out: &mut TokenStream) -> bool {
        let inner = usize::from(self.punct(1, '!'));
        let found = self.punct(0, '#') && self.group(inner.saturating_add(1), Delimiter::Bracket).is_some();
        if found {
            self.copy(out, inner.saturating_add(2));
        }
        found
    }

    /// Copies `<..>` up to its own `>`; the `>` of `->` and `=>` closes nothing. A `<` that is never closed is copied
    /// alone: the text behind it is not typed yet, or it is a comparison.
    pub(super) fn angles(&mut self, out: &mut TokenStream) {
        let mut depth = 0usize;
        let mut ahead = 0usize;
        while self.look(ahead).is_some() {
            if self.pair(ahead, '-', '>') || self.pair(ahead, '=', '>') {
                ahead = ahead.saturating_add(1);
            } else if self.punct(ahead, '<') {
                depth = depth.saturating_add(1);
            } else if self.punct(ahead, '>') {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return self.copy(out, ahead.saturating_add(1));
                }
            } else if self.punct(ahead, ';') {
                break;
            }
            ahead = ahead.saturating_add(1);
        }
        self.copy(out, 1);
    }

    /// Copies a path from its first segment or its leading `::`, with its turbofish, and returns its last name.
    pub(super) fn path(&mut self, out: &mut TokenStream) -> String {
        let mut last = self.ident(0).map(Ident::to_string).unwrap_or_default();
        self.copy(out, usize::from(!last.is_empty()));
        while self.pair(0, ':', ':') {
            self.copy(out, 2);
            if self.punct(0, '<') {
                self.angles(out);
            } else if let Some(ident) = self.ident(0) {
                last = ident.to_string();
                self.copy(out, 1);
            }
        }
        last
    }

    /// Copies one type. Behind `as` it ends before a `+`; in a binding (`let x: A + B`) it does not.
    pub(super) fn type_(&mut self, out: &mut TokenStream, binding: bool) {
        loop {
            self.type_prefix(out);
            match self.look(0) {
                Some(TokenTree::Group(group)) if group.delimiter() != Delimiter::Brace => self.copy(out, 1),
                Some(TokenTree::Ident(_)) => self.type_path(out),
                Some(TokenTree::Punct(punct)) if punct.as_char() == '<' => {
                    self.angles(out);
                    self.type_path(out);
                }
                Some(TokenTree::Punct(_)) if self.pair(0, ':', ':') => self.type_path(out),
                Some(TokenTree::Punct(punct)) if punct.as_char() == '!' => self.copy(out, 1),
                _ => {}
            }
            if !(binding && self.punct(0, '+')) {
                return;
            }
            self.copy(out, 1);
        }
    }

    /// `&'a mut`, `*const`, `dyn`, `impl`, `for<'a>`, `unsafe extern "C"`.
    fn type_prefix(&mut self, out: &mut TokenStream) {
        const WORDS: [&str; 7] = ["mut", "const", "dyn", "impl", "unsafe", "extern", "for"];
        loop {
            match self.look(0) {
                Some(TokenTree::Punct(punct)) if matches!(punct.as_char(), '&' | '*' | '?') => self.copy(out, 1),
                Some(TokenTree::Punct(punct)) if punct.as_char() == '\'' => self.copy(out, 2),
                Some(TokenTree::Ident(ident)) if WORDS.iter().any(|word| ident == word) => {
                    self.copy(out, 1);
                    if self.punct(0, '<') {
                        self.angles(out);
                    } else if matches!(self.look(0), Some(TokenTree::Literal(_))) {
                        self.copy(out, 1);
                    }
                }
                _ => return,
            }
        }
    }

    /// `a::B<C>`, `fn(A) -> B`, `Fn(A) -> B`.
    fn type_path(&mut self, out: &mut TokenStream) {
        // `x as usize < y` is an error of Rust's; it reads better if `y` is still seen as a column.
        let primitive = self.ident(0).is_some_and(|ident| super::words::is_primitive(&ident.to_string()));
        loop {
            if self.ident(0).is_some() {
                self.copy(out, 1);
            }
            if self.punct(0, '<') && !primitive {
                self.angles(out);
            }
            if !self.pair(0, ':', ':') {
                break;
            }
            self.copy(out, 2);
            if self.punct(0, '<') {
                self.angles(out);
            }
        }
        if !primitive && self.parenthesis(0) {
            self.copy(out, 1);
        }
        if self.pair(0, '-', '>') {
            self.copy(out, 2);
            self.type_(out, false);
        }
    }
}
