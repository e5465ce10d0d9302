//! Words of SQL inside an expression, and what they are called in Rust.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

use crate::diag::Diags;
use crate::tokens::{ends_operand, inside, is_punct, split_commas, stream, text};

/// Reports a word of SQL at `index`; the place of the first token that it does not speak for.
pub(crate) fn word(tokens: &[TokenTree], index: usize, word: &Ident, diags: &mut Diags) -> usize {
    let end = index + 1;
    if is_member(tokens, index) {
        return end;
    }
    let is = |at: usize, word: &str| matches!(tokens.get(at), Some(TokenTree::Ident(ident)) if ident.to_string().eq_ignore_ascii_case(word));
    // After an operand Rust has no place for a word.
    let infix = index.checked_sub(1).and_then(|at| tokens.get(at)).is_some_and(ends);
    let not = infix && is(index, "not");
    let at = if not { end } else { index };
    let (left, after) = (operand_before(tokens, index), at + 1);
    let range = |from: usize, to: usize| tidy(tokens.get(from..to).unwrap_or_default());
    let name = if not { format!("{word} {}", text(&one(tokens, at))) } else { word.to_string() };
    let bang = if not { "!" } else { "" };
    let span = stream(tokens.get(index..=at).unwrap_or_default());
    match tokens.get(at).map(|token| token.to_string().to_lowercase()).unwrap_or_default().as_str() {
        "and" if infix && !not => diags.push(span, format!("`{name}` is spelt `&&` here"), "write `&&`"),
        "or" if infix && !not => diags.push(span, format!("`{name}` is spelt `||` here"), "write `||`"),
        "is" if infix && !not => {
            let negated = is(after, "not");
            let what = after + usize::from(negated);
            let span = stream(tokens.get(index..=what).unwrap_or(tokens.get(index..).unwrap_or_default()));
            if is(what, "true") || is(what, "false") {
                let help = if is(what, "true") == negated { "write `!(..)`" } else { "take it away" };
                diags.push(span, "a yes/no expression needs no comparison", help);
            } else {
                let method = if negated { "is_some" } else { "is_none" };
                diags.push(span, "a column that may be null is an `Option`", format!("write `{left}.{method}()`"));
            }
            return what + 1;
        }
        "like" | "ilike" | "rlike" if infix => {
            let (method, pattern) = like(tokens.get(after));
            diags.push(
                span,
                format!("`{name}` is a method here"),
                match method {
                    Some(method) => format!("write `{bang}{left}.{method}({pattern:?})`"),
                    None => {
                        format!("write `{left}.starts_with(\"..\")`, `.ends_with(\"..\")` or `.contains(\"..\")`")
                    }
                },
            );
        }
        "between" if infix => {
            let and = (after..tokens.len()).find(|at| is(*at, "and"));
            let high = and.unwrap_or(tokens.len());
            let end = operation_end(tokens, high + 1);
            let (low, high) = (range(after, high), range(high + 1, end));
            diags.push(
                span,
                format!("`{name}` is a range here"),
                format!("write `{bang}({low}..={high}).contains(&{left})`"),
            );
            return end;
        }
        "in" if infix && (not || !after_for(tokens, index)) => {
            let list = tokens.get(after).map(list).unwrap_or_default();
            diags.push(span, format!("`{name}` is a method here"), format!("write `{bang}[{list}].contains(&{left})`"));
        }
        // A column may have one of these names, and a function may be called `not`: Rust allows no word after them, though.
        "not" if !infix && operand_follows(tokens, end, word == "NOT") => {
            let last = operation_end(tokens, end);
            let operand = range(end, last);
            let help = if last > end + 1 { format!("write `!({operand})`") } else { format!("write `!{operand}`") };
            diags.push(span, format!("`{word}` is spelt `!` here"), help);
        }
        "distinct" if !infix && matches!(tokens.get(end), Some(TokenTree::Ident(_))) => {
            diags.push(
                span,
                format!("`{word}` is no part of a call here"),
                format!("write `count_distinct({})`", text(&one(tokens, end))),
            );
            return tokens.len();
        }
        "case" if !infix && matches!(tokens.get(end), Some(TokenTree::Ident(_))) => {
            diags.push(
                span,
                format!("`{word}` is spelt `if` or `match` here"),
                "write `if CONDITION { a } else { b }`",
            );
            return tokens.len();
        }
        name if !infix
            && let Some(TokenTree::Group(args)) = tokens.get(end)
            && let Some((what, help)) = function(name, args) =>
        {
            diags.push(
                span,
                format!("`{word}` {what} here"),
                format!("{help}; a function of yours is `self::{word}(..)`"),
            );
        }
        "null" if !infix => {
            diags.push(span, format!("there is no `{word}` here: what may be missing is an `Option`"), "write `None`");
        }
        _ => {}
    }
    after
}

/// A function of SQL that is something else in Rust: what, and what to write.
fn function(name: &str, args: &Group) -> Option<(&'static str, String)> {
    if args.delimiter() != Delimiter::Parenthesis {
        return None;
    }
    let args = inside(args);
    match name {
        "coalesce" | "nvl" | "ifnull" => {
            let args: Vec<String> = split_commas(&args).into_iter().map(tidy).collect();
            let (last, rest) = args.split_last()?;
            let (first, more) = rest.split_first()?;
            let any = more.iter().fold(first.clone(), |any, next| format!("{any}.or({next})"));
            Some((
                "is a method",
                format!("write `{any}.unwrap_or({last})`, or `.or({last})` if it may be missing, too"),
            ))
        }
        "cast" | "try_cast" => {
            let at = args.iter().position(|token| token.to_string().eq_ignore_ascii_case("as"))?;
            let (value, to) = (tidy(args.get(..at)?), args.get(at + 1)?.to_string());
            let value = if at > 1 { format!("({value})") } else { value };
            let to = TYPES.iter().find(|(of_sql, _)| to.eq_ignore_ascii_case(of_sql)).map_or(to.as_str(), |(_, to)| to);
            Some((
                "is spelt `as`",
                match to {
                    "String" => format!("write `{value}.to_string()`"),
                    "Date" => format!("write `{value}.date()` of a `Timestamp`"),
                    "Decimal" => format!("write `{value}.parse::<Decimal<18, 2>>()` of text"),
                    "Timestamp" => format!("write `{value}.parse::<Timestamp>()` of text"),
                    _ => format!("write `{value} as {to}` of a number, `{value}.parse::<{to}>()` of text"),
                },
            ))
        }
        _ => None,
    }
}

/// What types of SQL are called in Rust.
const TYPES: &[(&str, &str)] = &[
    ("tinyint", "i8"),
    ("smallint", "i16"),
    ("int", "i32"),
    ("integer", "i32"),
    ("bigint", "i64"),
    ("long", "i64"),
    ("real", "f32"),
    ("float", "f32"),
    ("double", "f64"),
    ("boolean", "bool"),
    ("string", "String"),
    ("text", "String"),
    ("varchar", "String"),
    ("char", "String"),
    ("decimal", "Decimal"),
    ("numeric", "Decimal"),
    ("date", "Date"),
    ("timestamp", "Timestamp"),
];

/// Tokens on one line, as one would write them.
fn tidy(tokens: &[TokenTree]) -> String {
    let text = text(&stream(tokens)).replace(" . ", ".").replace(" (", "(").replace(" ,", ",");
    text.strip_prefix("- ").map(|rest| format!("-{rest}")).unwrap_or(text)
}

/// Whether a word behind this token is none of Rust's. `>` may be the end of a type, or an operator.
fn ends(token: &TokenTree) -> bool {
    ends_operand(token) && !is_punct(Some(token), '>')
}

fn one(tokens: &[TokenTree], at: usize) -> TokenStream {
    tokens.get(at).cloned().into_iter().collect()
}

/// Whether the word is a field, a method or part of a path.
fn is_member(tokens: &[TokenTree], index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|at| tokens.get(at));
    is_punct(before, '.') || is_punct(before, ':') || is_punct(tokens.get(index + 1), ':')
}

/// `in` of a loop.
fn after_for(tokens: &[TokenTree], index: usize) -> bool {
    tokens.get(..index).is_some_and(|earlier| earlier.iter().any(|token| token.to_string() == "for"))
}

/// Whether an operand begins at `at`. A group after `not` may be the arguments of a function of that name.
fn operand_follows(tokens: &[TokenTree], at: usize, group: bool) -> bool {
    match tokens.get(at) {
        Some(TokenTree::Ident(_) | TokenTree::Literal(_)) => true,
        Some(TokenTree::Group(_)) => group,
        _ => false,
    }
}

/// The operand that ends before `index`: a name or value with the fields and calls behind it.
fn operand_before(tokens: &[TokenTree], index: usize) -> String {
    let mut start = index.saturating_sub(1);
    while let Some(before) = start.checked_sub(1).and_then(|at| tokens.get(at)) {
        let call = matches!(tokens.get(start), Some(TokenTree::Group(_))) && matches!(before, TokenTree::Ident(_));
        let member = is_punct(Some(before), '.') || is_punct(tokens.get(start), '.');
        if !(call || member) {
            break;
        }
        start -= 1;
    }
    tidy(tokens.get(start..index).unwrap_or_default())
}

/// Where what begins at `start` ends: before the next "and" or "or", however spelt.
fn operation_end(tokens: &[TokenTree], start: usize) -> usize {
    let ends = |at: &usize| match tokens.get(*at) {
        Some(TokenTree::Ident(word)) => ["and", "or"].iter().any(|end| word.to_string().eq_ignore_ascii_case(end)),
        Some(TokenTree::Punct(punct)) => matches!(punct.as_char(), '&' | '|'),
        _ => false,
    };
    (start..tokens.len()).find(ends).unwrap_or(tokens.len())
}

/// The method for a pattern, and its text.
fn like(pattern: Option<&TokenTree>) -> (Option<&'static str>, String) {
    let Some(TokenTree::Literal(literal)) = pattern else { return (None, String::new()) };
    let literal = literal.to_string();
    let literal = literal.trim_matches('"');
    let inner = literal.trim_matches('%');
    if inner.contains(['%', '_', '\\', '"']) {
        return (None, String::new());
    }
    let method = match (literal.starts_with('%'), literal.ends_with('%')) {
        (true, true) => Some("contains"),
        (true, false) => Some("ends_with"),
        (false, true) => Some("starts_with"),
        (false, false) => None,
    };
    (method, inner.to_owned())
}

/// What stands in the list of `in`.
fn list(token: &TokenTree) -> String {
    match token {
        TokenTree::Group(group) if group.delimiter() != Delimiter::Brace => tidy(&inside(group)),
        _ => "\"a\", \"b\"".to_owned(),
    }
}
