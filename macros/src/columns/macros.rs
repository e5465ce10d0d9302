//! Macro calls inside an expression: those that format, those that match, and all others.

use proc_macro2::{Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

use super::Walker;
use super::cursor::Cursor;
use super::scope::{Place, pattern};
use super::words::{is_keyword, is_path_keyword, unraw};

impl Walker<'_> {
    /// From the `!` of the macro `name` to the end of its group.
    pub(super) fn macro_call(&mut self, cursor: &mut Cursor, out: &mut TokenStream, name: &str) {
        cursor.copy(out, 1);
        if name == "macro_rules" {
            return cursor.copy(out, 2);
        }
        if !matches!(cursor.look(0), Some(TokenTree::Group(_))) {
            return;
        }
        if let Some(skip) = arguments_before_format(name) {
            self.group(cursor, out, |walker, cursor, out| walker.format_arguments(cursor, out, skip));
        } else if matches!(name, "matches" | "assert_matches" | "debug_assert_matches") {
            self.group(cursor, out, Self::matches_arguments);
        } else {
            self.group(cursor, out, Self::list);
        }
    }

    /// `EXPR, PATTERN if GUARD`
    fn matches_arguments(&mut self, cursor: &mut Cursor, out: &mut TokenStream) {
        self.argument(cursor, out);
        if !cursor.punct(0, ',') {
            return self.list(cursor, out);
        }
        cursor.copy(out, 1);
        let mark = self.scope.mark();
        let names = pattern(cursor, out, Place::Open);
        self.scope.bind(names);
        if cursor.word(0, "if") {
            cursor.copy(out, 1);
            self.argument(cursor, out);
        }
        self.scope.back_to(mark);
        self.list(cursor, out);
    }

    /// Arguments with a format string among them. The string stays as it is: a column that it names inline becomes a
    /// named argument behind the others.
    fn format_arguments(&mut self, cursor: &mut Cursor, out: &mut TokenStream, skip: usize) {
        let mut format: Option<Literal> = None;
        let mut named = Vec::new();
        let mut comma = true;
        for index in 0usize.. {
            if cursor.at_end() {
                break;
            }
            if let Some(TokenTree::Literal(literal)) = cursor.look(0) {
                let alone = cursor.look(1).is_none() || cursor.punct(1, ',');
                if index >= skip && format.is_none() && alone && is_string(literal) {
                    format = Some(literal.clone());
                }
            }
            if let Some(name) = cursor.ident(0).filter(|_| cursor.punct(1, '=') && !equality(cursor)) {
                named.push(unraw(&name.to_string()).to_owned());
                cursor.copy(out, 2);
            }
            self.argument(cursor, out);
            comma = cursor.punct(0, ',');
            cursor.copy(out, 1);
        }
        let Some(format) = format else { return };
        for name in inline_names(&format.to_string()) {
            if named.contains(&name) {
                continue;
            }
            let Some(ident) = inline_ident(&name, format.span()) else { continue };
            let Some(tokens) = self.column(&ident, None) else { continue };
            if !comma {
                out.extend([TokenTree::Punct(Punct::new(',', Spacing::Alone))]);
            }
            comma = false;
            out.extend([TokenTree::Ident(ident), TokenTree::Punct(Punct::new('=', Spacing::Alone))]);
            out.extend(tokens);
            named.push(name);
        }
    }
}

/// `name == ..` or `name => ..`, where `name` is no name of an argument.
fn equality(cursor: &Cursor) -> bool {
    cursor.pair(1, '=', '=') || cursor.pair(1, '=', '>')
}

/// How many arguments stand before the format string, for the macros that have one.
fn arguments_before_format(name: &str) -> Option<usize> {
    match name {
        "format" | "format_args" | "print" | "println" | "eprint" | "eprintln" | "panic" | "todo" | "unimplemented"
        | "unreachable" | "anyhow" | "bail" | "trace" | "debug" | "info" | "warn" | "error" => Some(0),
        "write" | "writeln" | "assert" | "debug_assert" | "ensure" => Some(1),
        "assert_eq" | "assert_ne" | "debug_assert_eq" | "debug_assert_ne" => Some(2),
        _ => None,
    }
}

fn is_string(literal: &Literal) -> bool {
    let text = literal.to_string();
    text.starts_with('"') || text.starts_with("r\"") || text.starts_with("r#")
}

/// The ident of an inline name; a keyword takes its `r#`, as Rust reads it.
fn inline_ident(name: &str, span: Span) -> Option<Ident> {
    if is_path_keyword(name) {
        return None;
    }
    let text = if is_keyword(name) { format!("r#{name}") } else { name.to_owned() };
    // By the lexer, since `Ident::new` panics on what is no ident.
    let mut tokens = text.parse::<TokenStream>().ok()?.into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(mut ident)), None) => {
            ident.set_span(span);
            Some(ident)
        }
        _ => None,
    }
}

/// The names in `{name}`, `{name:?}`, `{:width$}` and `{:.precision$}` of a string literal as it stands in the source.
fn inline_names(literal: &str) -> Vec<String> {
    let raw = literal.starts_with('r');
    let mut names = Vec::new();
    let mut chars = literal.chars().peekable();
    while let Some(ch) = chars.next() {
        match ch {
            '\\' if !raw => {
                let escaped = chars.next();
                // `\u{..}` has braces of its own.
                if escaped == Some('u') {
                    chars.by_ref().find(|ch| *ch == '}');
                }
            }
            '{' if chars.peek() == Some(&'{') => {
                chars.next();
            }
            '{' => {
                let hole: String = chars.by_ref().take_while(|ch| *ch != '}').collect();
                let (name, spec) = hole.split_once(':').unwrap_or((&hole, ""));
                let counts = spec.split_inclusive(|ch: char| !is_ident_char(ch));
                let counts = counts.filter_map(|part| part.strip_suffix('$'));
                let counts = counts.map(|count| count.trim_start_matches(|ch: char| ch.is_ascii_digit()));
                names.extend(
                    std::iter::once(name.trim()).chain(counts).filter(|name| is_ident(name)).map(str::to_owned),
                );
            }
            _ => {}
        }
    }
    names
}

fn is_ident(text: &str) -> bool {
    text.chars().all(is_ident_char) && text.chars().next().is_some_and(|ch| !ch.is_ascii_digit())
}

fn is_ident_char(ch: char) -> bool {
    ch.is_alphanumeric() || ch == '_'
}
