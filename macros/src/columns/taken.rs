//! Which escapes an expression takes by value: a pipeline has its values once for all rows, so they must be `Copy` there.
//! What the tokens around do not show for certain is left to rustc.

use proc_macro2::{Delimiter, TokenTree};

use super::cursor::Cursor;

/// Whether the escape that comes next is taken by value: as an operand of arithmetic, by a method `into_..` or, where
/// `argument` says that a whole expression is (in a call, in a struct literal), as that.
pub(super) fn taken(cursor: &Cursor, argument: bool) -> bool {
    let (before, after) = (cursor.back(1), cursor.look(1));
    let ends = |token: Option<&TokenTree>| token.is_none() || is_punct(token, ",");
    if argument && (ends(before) || is_punct(before, ":")) && ends(after) {
        return true;
    }
    // `{a}.into_iter()` is named so because it takes it.
    if is_punct(after, ".") && cursor.ident(2).is_some_and(|method| method.to_string().starts_with("into_")) {
        return true;
    }
    // `{a}.len()`, `{f}(x)` and `{a}[0]` borrow, as `&{a}` and `*{a}` do.
    let goes_on = is_punct(after, ".?")
        || matches!(after, Some(TokenTree::Group(group)) if group.delimiter() != Delimiter::Brace);
    let multiplies = is_punct(before, "*") && cursor.back(2).is_some_and(ends_operand);
    let borrowed = is_punct(before, "&") || is_punct(before, "*") && !multiplies;
    let assigns = cursor.punct(2, '=') && !cursor.pair(2, '=', '=');
    let operand = multiplies || is_punct(before, "+-/%^") || is_punct(after, "+-*/%^") && !assigns;
    operand && !goes_on && !borrowed
}

fn is_punct(token: Option<&TokenTree>, any: &str) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if any.contains(punct.as_char()))
}

fn ends_operand(token: &TokenTree) -> bool {
    match token {
        TokenTree::Punct(punct) => punct.as_char() == '?',
        TokenTree::Ident(word) => word != "return" && word != "in",
        TokenTree::Group(_) | TokenTree::Literal(_) => true,
    }
}
