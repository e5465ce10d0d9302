//! The walk over expressions and blocks.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

use super::Walker;
use super::cursor::Cursor;
use super::scope::{Place, pattern};
use super::words::{is_keyword, unraw};

/// What the tokens before this point allow to come next.
#[derive(Clone, Copy, PartialEq)]
enum After {
    /// An operand may start, and a brace group is an escape.
    Operator,
    /// An operand may start, and a brace group is code: after `=>`, `else`, closure bars, at the start of a statement.
    Opening,
    /// An operand is complete.
    Operand,
}

/// Where an expression stands.
#[derive(Clone, Copy)]
struct Rules {
    /// A block follows (`if`, `while`, `match`, `for`): a brace group after an operand ends the expression.
    before_block: bool,
    /// The right side of a `let` in a condition or a guard: `&&` ends it.
    before_and: bool,
    /// A statement or the body of an arm: it ends after an `if`, `match`, loop or block at its start.
    statement: bool,
    /// An argument, which is taken by value.
    argument: bool,
}

const PLAIN: Rules = Rules { before_block: false, before_and: false, statement: false, argument: false };
const ARGUMENT: Rules = Rules { argument: true, ..PLAIN };
const STATEMENT: Rules = Rules { statement: true, ..PLAIN };
const CONDITION: Rules = Rules { before_block: true, ..PLAIN };

impl Walker<'_> {
    /// Expressions between `,` and `;` up to the end.
    pub(super) fn list(&mut self, cursor: &mut Cursor, out: &mut TokenStream) {
        self.expressions(cursor, out, PLAIN);
    }

    /// The arguments of a call.
    fn arguments(&mut self, cursor: &mut Cursor, out: &mut TokenStream) {
        self.expressions(cursor, out, ARGUMENT);
    }

    fn expressions(&mut self, cursor: &mut Cursor, out: &mut TokenStream, rules: Rules) {
        let mut after = After::Operator;
        while !cursor.at_end() {
            self.expr(cursor, out, rules, after);
            after = self.separator(cursor, out);
        }
    }

    /// One expression, up to what it cannot hold. A guard is one, too; the names of its `let`s stay bound.
    pub(super) fn argument(&mut self, cursor: &mut Cursor, out: &mut TokenStream) {
        self.expr(cursor, out, PLAIN, After::Operator);
    }

    /// A condition behind `if` or `while`, with its `let`s; their names stay bound for the caller to end.
    fn condition(&mut self, cursor: &mut Cursor, out: &mut TokenStream) {
        self.expr(cursor, out, CONDITION, After::Operator);
    }

    /// Copies what ended an expression.
    fn separator(&mut self, cursor: &mut Cursor, out: &mut TokenStream) -> After {
        if cursor.pair(0, '=', '>') {
            cursor.copy(out, 2);
            return After::Opening;
        }
        let after = if cursor.word(0, "else") { After::Opening } else { After::Operator };
        cursor.copy(out, 1);
        after
    }

    fn expr(&mut self, cursor: &mut Cursor, out: &mut TokenStream, rules: Rules, start: After) {
        let mut after = start;
        let mut first = true;
        while let Some(token) = cursor.look(0) {
            let mut block_like = false;
            match token {
                TokenTree::Literal(_) => {
                    cursor.copy(out, 1);
                    after = After::Operand;
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    match after {
                        After::Operator => self.capture(cursor, out, rules.argument),
                        After::Operand if rules.before_block => return,
                        _ => {
                            block_like = after == After::Opening;
                            self.block(cursor, out);
                        }
                    }
                    after = After::Operand;
                }
                TokenTree::Group(group) => {
                    let call = after == After::Operand && group.delimiter() == Delimiter::Parenthesis;
                    self.group(cursor, out, if call { Self::arguments } else { Self::list });
                    after = After::Operand;
                }
                TokenTree::Ident(ident) => {
                    let word = ident.to_string();
                    match word.as_str() {
                        "else" => return,
                        "if" | "while" | "match" | "for" | "loop" | "unsafe" | "async" | "const" => {
                            block_like = true;
                            after = self.block_like(cursor, out, &word);
                        }
                        _ if is_keyword(&word) => after = self.keyword(cursor, out, &word, after, rules),
                        _ => {
                            self.name(cursor, out, rules);
                            after = After::Operand;
                        }
                    }
                }
                TokenTree::Punct(punct) => {
                    let ch = punct.as_char();
                    match ch {
                        ',' | ';' => return,
                        '=' if cursor.pair(0, '=', '>') => return,
                        '&' if rules.before_and && after == After::Operand && cursor.pair(0, '&', '&') => return,
                        _ => after = self.punct(cursor, out, rules, ch, after),
                    }
                }
            }
            let goes_on = cursor.dot(0) || cursor.punct(0, '?');
            if first && rules.statement && block_like && after == After::Operand && !goes_on {
                return;
            }
            first = false;
        }
    }

    fn punct(&mut self, cursor: &mut Cursor, out: &mut TokenStream, rules: Rules, ch: char, after: After) -> After {
        match ch {
            '#' if cursor.attribute(out) => after,
            '|' | '<' if after == After::Operand && cursor.pair(0, ch, ch) => {
                cursor.copy(out, 2);
                After::Operator
            }
            '|' if after != After::Operand => {
                self.closure(cursor, out, rules);
                After::Operand
            }
            // `<T as Trait>::name`
            '<' if after != After::Operand => {
                cursor.angles(out);
                if cursor.pair(0, ':', ':') { self.path(cursor, out, rules) } else { After::Operator }
            }
            ':' if cursor.pair(0, ':', ':') => self.path(cursor, out, rules),
            '-' if cursor.pair(0, '-', '>') => {
                cursor.copy(out, 2);
                cursor.type_(out, false);
                After::Operand
            }
            // A label, with or without its loop.
            '\'' => {
                cursor.copy(out, 2);
                if !cursor.colon(0) {
                    return after;
                }
                cursor.copy(out, 1);
                After::Opening
            }
            '.' if cursor.dot(0) => {
                cursor.copy(out, 1);
                match cursor.look(0) {
                    Some(TokenTree::Ident(_)) => {
                        cursor.path(out);
                    }
                    Some(TokenTree::Literal(_)) => cursor.copy(out, 1),
                    _ => {}
                }
                After::Operand
            }
            '.' => {
                let closed = usize::from(cursor.pair(1, '.', '='));
                cursor.copy(out, closed.saturating_add(2));
                After::Operator
            }
            '?' => {
                cursor.copy(out, 1);
                After::Operand
            }
            _ => {
                cursor.copy(out, 1);
                After::Operator
            }
        }
    }

    /// A keyword that opens no block.
    fn keyword(&mut self, cursor: &mut Cursor, out: &mut TokenStream, word: &str, after: After, rules: Rules) -> After {
        match word {
            "as" => {
                cursor.copy(out, 1);
                cursor.type_(out, false);
                After::Operand
            }
            "let" => {
                cursor.copy(out, 1);
                let names = pattern(cursor, out, Place::Open);
                if cursor.punct(0, '=') {
                    cursor.copy(out, 1);
                    self.expr(cursor, out, Rules { before_and: true, ..rules }, After::Operator);
                }
                self.scope.bind(names);
                After::Operand
            }
            "true" | "false" => {
                cursor.copy(out, 1);
                After::Operand
            }
            "self" | "Self" | "super" | "crate" | "_" => self.path(cursor, out, rules),
            "return" | "break" | "yield" | "in" => {
                cursor.copy(out, 1);
                After::Operator
            }
            _ => {
                cursor.copy(out, 1);
                after
            }
        }
    }

    /// An expression that begins with a word and has a block.
    fn block_like(&mut self, cursor: &mut Cursor, out: &mut TokenStream, word: &str) -> After {
        cursor.copy(out, 1);
        let mark = self.scope.mark();
        match word {
            "if" => {
                self.condition(cursor, out);
                self.block(cursor, out);
                self.scope.back_to(mark);
                while cursor.word(0, "else") {
                    cursor.copy(out, 1);
                    if cursor.word(0, "if") {
                        cursor.copy(out, 1);
                        self.condition(cursor, out);
                    }
                    self.block(cursor, out);
                    self.scope.back_to(mark);
                }
            }
            "while" => {
                self.condition(cursor, out);
                self.block(cursor, out);
            }
            "match" => {
                self.condition(cursor, out);
                if cursor.brace(0) {
                    self.group(cursor, out, Self::arms);
                }
            }
            // `for<'a> |x: &'a str| ..`
            "for" if cursor.punct(0, '<') => {
                cursor.angles(out);
                return After::Opening;
            }
            "for" => {
                let names = pattern(cursor, out, Place::Open);
                if cursor.word(0, "in") {
                    cursor.copy(out, 1);
                    self.condition(cursor, out);
                }
                self.scope.bind(names);
                self.block(cursor, out);
            }
            // `loop`, `unsafe`, `async`, `async move`, `const`; the last three may stand before a closure, too.
            _ => {
                if cursor.word(0, "move") {
                    cursor.copy(out, 1);
                }
                if !cursor.brace(0) {
                    return After::Opening;
                }
                self.block(cursor, out);
            }
        }
        self.scope.back_to(mark);
        After::Operand
    }

    /// From the first bar to the end of the body; without braces that is the end of the expression around it.
    fn closure(&mut self, cursor: &mut Cursor, out: &mut TokenStream, rules: Rules) {
        cursor.copy(out, 1);
        let mark = self.scope.mark();
        let names = pattern(cursor, out, Place::Bars);
        cursor.copy(out, usize::from(cursor.punct(0, '|')));
        if cursor.pair(0, '-', '>') {
            cursor.copy(out, 2);
            cursor.type_(out, false);
        }
        self.scope.bind(names);
        self.expr(cursor, out, Rules { statement: false, ..rules }, After::Opening);
        self.scope.back_to(mark);
    }

    /// A name: a path, a call, a macro, a struct literal, or a bare word that may be a column.
    fn name(&mut self, cursor: &mut Cursor, out: &mut TokenStream, rules: Rules) {
        let Some(ident) = cursor.ident(0).cloned() else { return };
        let call = cursor.parenthesis(1);
        let bang = cursor.punct(1, '!') && !cursor.pair(1, '!', '=');
        let upper = unraw(&ident.to_string()).chars().next().is_some_and(char::is_uppercase);
        if upper || call || bang || cursor.pair(1, ':', ':') {
            self.path(cursor, out, rules);
            return;
        }
        let tokens = self.column(&ident, fields(cursor));
        cursor.next();
        match tokens {
            Some(tokens) => out.extend(tokens),
            None => out.extend([TokenTree::Ident(ident)]),
        }
    }

    /// A path from here, with the macro call or the struct literal it begins.
    fn path(&mut self, cursor: &mut Cursor, out: &mut TokenStream, rules: Rules) -> After {
        let last = cursor.path(out);
        if cursor.punct(0, '!') && !cursor.pair(0, '!', '=') {
            self.macro_call(cursor, out, &last);
        } else if cursor.brace(0) && !rules.before_block {
            self.group(cursor, out, Self::struct_literal);
        }
        After::Operand
    }

    /// The fields of a struct literal: `lat, lon: x, ..base`.
    fn struct_literal(&mut self, cursor: &mut Cursor, out: &mut TokenStream) {
        while !cursor.at_end() {
            while cursor.attribute(out) {}
            let shorthand = cursor.punct(1, ',') || cursor.look(1).is_none();
            if let Some(ident) = cursor.ident(0).cloned().filter(|_| shorthand) {
                cursor.copy(out, 1);
                if let Some(tokens) = self.column(&ident, None) {
                    let colon = proc_macro2::Punct::new(':', proc_macro2::Spacing::Alone);
                    out.extend([TokenTree::Punct(colon)]);
                    out.extend(tokens);
                }
            } else {
                if cursor.colon(1) {
                    cursor.copy(out, 2);
                }
                self.expr(cursor, out, ARGUMENT, After::Operator);
            }
            if !cursor.at_end() {
                self.separator(cursor, out);
            }
        }
    }

    /// The arms of a `match`.
    fn arms(&mut self, cursor: &mut Cursor, out: &mut TokenStream) {
        while !cursor.at_end() {
            let start = cursor.position();
            let mark = self.scope.mark();
            let names = pattern(cursor, out, Place::Open);
            self.scope.bind(names);
            if cursor.word(0, "if") {
                cursor.copy(out, 1);
                self.argument(cursor, out);
            }
            if cursor.pair(0, '=', '>') {
                cursor.copy(out, 2);
                self.expr(cursor, out, STATEMENT, After::Opening);
            }
            self.scope.back_to(mark);
            if cursor.punct(0, ',') || cursor.position() == start {
                cursor.copy(out, 1);
            }
        }
    }

    /// The brace group that comes next, if there is one, as code.
    fn block(&mut self, cursor: &mut Cursor, out: &mut TokenStream) {
        if cursor.brace(0) {
            self.group(cursor, out, Self::statements);
        }
    }

    fn statements(&mut self, cursor: &mut Cursor, out: &mut TokenStream) {
        while !cursor.at_end() {
            let start = cursor.position();
            if cursor.word(0, "let") {
                self.let_statement(cursor, out);
            } else if !cursor.attribute(out) && !item(cursor, out) {
                self.expr(cursor, out, STATEMENT, After::Opening);
                let ended = cursor.punct(0, ';') || cursor.punct(0, ',');
                if ended || cursor.position() == start {
                    cursor.copy(out, 1);
                }
            }
        }
    }

    /// `let PATTERN = EXPR else { .. };`, whose names begin behind it.
    fn let_statement(&mut self, cursor: &mut Cursor, out: &mut TokenStream) {
        cursor.copy(out, 1);
        let names = pattern(cursor, out, Place::Open);
        if cursor.punct(0, '=') {
            cursor.copy(out, 1);
            self.expr(cursor, out, PLAIN, After::Operator);
        }
        if cursor.word(0, "else") {
            cursor.copy(out, 1);
            self.block(cursor, out);
        }
        self.scope.bind(names);
        if cursor.punct(0, ';') {
            cursor.copy(out, 1);
        }
    }
}

/// The `.field`s behind the name that comes next.
fn fields(cursor: &Cursor) -> Vec<String> {
    let mut fields = Vec::new();
    let mut ahead = 1usize;
    while cursor.dot(ahead) {
        let after = ahead.saturating_add(2);
        let method = cursor.parenthesis(after) || cursor.pair(after, ':', ':');
        match cursor.ident(ahead.saturating_add(1)) {
            Some(ident) if !method && ident != "await" => fields.push(unraw(&ident.to_string()).to_owned()),
            _ => break,
        }
        ahead = after;
    }
    fields
}

/// Copies an item as it is, up to its `;` or braces: the row is out of reach there.
fn item(cursor: &mut Cursor, out: &mut TokenStream) -> bool {
    const ITEMS: &str = "use fn struct enum trait impl mod type static extern pub const unsafe async";
    let Some(word) = cursor.ident(0).map(Ident::to_string) else { return false };
    let function = cursor.word(1, "fn") || cursor.word(1, "unsafe") || cursor.word(1, "extern");
    let begins = match word.as_str() {
        "const" => cursor.ident(1).is_some() && !cursor.word(1, "move"),
        "unsafe" => function || cursor.word(1, "impl") || cursor.word(1, "trait"),
        "async" => function,
        "static" => !cursor.word(1, "move") && cursor.ident(1).is_some(),
        word => ITEMS.split(' ').any(|item| item == word),
    };
    if !begins {
        return false;
    }
    let value = matches!(word.as_str(), "use" | "type" | "static") || (word == "const" && !function);
    while let Some(token) = cursor.next() {
        let end = match &token {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && !value,
            TokenTree::Punct(punct) => punct.as_char() == ';',
            _ => false,
        };
        out.extend([token]);
        if end {
            return true;
        }
    }
    true
}
