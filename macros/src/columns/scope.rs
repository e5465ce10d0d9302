//! The names bound at a point of an expression, and the patterns that bind them.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::cursor::Cursor;
use super::words::{is_keyword, is_name, unraw};

/// The names that a closure, `let`, `for` or an arm binds here. A scope ends by going back to its mark.
#[derive(Default)]
pub(super) struct Scope {
    names: Vec<String>,
}

impl Scope {
    pub(super) fn mark(&self) -> usize {
        self.names.len()
    }

    pub(super) fn back_to(&mut self, mark: usize) {
        self.names.truncate(mark);
    }

    pub(super) fn bind(&mut self, names: Vec<String>) {
        self.names.extend(names);
    }

    pub(super) fn binds(&self, word: &str) -> bool {
        self.names.iter().any(|name| name == unraw(word))
    }
}

/// Where a pattern stands, which says where it ends.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// After `let`, `for`, in an arm, in `matches!`: up to `=`, `=>`, `in`, `if`, `;` or `,`.
    Open,
    /// Between the bars of a closure.
    Bars,
    /// Inside `(..)` or `[..]`.
    Group,
    /// Inside the braces of a struct pattern, where `name:` is a field and not a binding with its type.
    Fields,
}

/// Copies a pattern (with the types in it) as it is and returns the names it binds.
pub(super) fn pattern(cursor: &mut Cursor, out: &mut TokenStream, place: Place) -> Vec<String> {
    let mut names = Vec::new();
    let inside = matches!(place, Place::Group | Place::Fields);
    let mut after_path = false;
    while let Some(token) = cursor.look(0) {
        let was_path = std::mem::take(&mut after_path);
        match token {
            TokenTree::Ident(ident) => {
                let word = ident.to_string();
                if !inside && matches!(word.as_str(), "in" | "if" | "else") {
                    return names;
                }
                if place == Place::Fields && cursor.colon(1) {
                    cursor.copy(out, 2);
                    continue;
                }
                let path = cursor.pair(1, ':', ':') || cursor.brace(1) || cursor.parenthesis(1) || cursor.punct(1, '!');
                if is_name(&word) && !path {
                    names.push(unraw(&word).to_owned());
                }
                after_path = !is_keyword(&word) || word == "Self" || path;
                cursor.path(out);
                if cursor.punct(0, '!') {
                    cursor.copy(out, 2);
                }
            }
            TokenTree::Group(group) => match group.delimiter() {
                Delimiter::Brace if was_path => names.extend(group_pattern(cursor, out, Place::Fields)),
                Delimiter::Brace if inside => cursor.copy(out, 1),
                // A block where a pattern should go on: the pattern is not typed to its end.
                Delimiter::Brace => return names,
                _ => names.extend(group_pattern(cursor, out, Place::Group)),
            },
            TokenTree::Literal(_) => cursor.copy(out, 1),
            TokenTree::Punct(punct) => match punct.as_char() {
                '.' if cursor.pair(0, '.', '.') => {
                    let closed = usize::from(cursor.pair(1, '.', '='));
                    cursor.copy(out, closed.saturating_add(2));
                }
                '=' | ';' if !inside => return names,
                '|' if place == Place::Bars => return names,
                ',' if place == Place::Open => return names,
                '#' if cursor.attribute(out) => {}
                '<' => cursor.angles(out),
                ':' if cursor.pair(0, ':', ':') => {
                    cursor.path(out);
                    after_path = true;
                }
                ':' => {
                    cursor.copy(out, 1);
                    cursor.type_(out, true);
                }
                _ => cursor.copy(out, 1),
            },
        }
    }
    names
}

/// The pattern inside the group that comes next.
fn group_pattern(cursor: &mut Cursor, out: &mut TokenStream, place: Place) -> Vec<String> {
    let Some(TokenTree::Group(group)) = cursor.next() else { return Vec::new() };
    let names = pattern(&mut Cursor::new(group.stream()), &mut TokenStream::new(), place);
    out.extend([TokenTree::Group(group)]);
    names
}
