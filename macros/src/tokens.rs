//! Small steps over raw tokens.

use proc_macro2::{Delimiter, Group, Ident, Literal, Spacing, TokenStream, TokenTree};

/// A place in a list of tokens.
pub(crate) struct Cursor<'t> {
    tokens: &'t [TokenTree],
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(tokens: &'t [TokenTree]) -> Self {
        Self { tokens }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(crate) fn peek(&self) -> Option<&'t TokenTree> {
        self.tokens.first()
    }

    pub(crate) fn peek_second(&self) -> Option<&'t TokenTree> {
        self.tokens.get(1)
    }

    pub(crate) fn next(&mut self) -> Option<&'t TokenTree> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    pub(crate) fn ident(&mut self) -> Option<&'t Ident> {
        let Some(TokenTree::Ident(ident)) = self.peek() else { return None };
        self.next();
        Some(ident)
    }

    /// Takes this word.
    pub(crate) fn word(&mut self, word: &str) -> Option<&'t Ident> {
        let Some(TokenTree::Ident(ident)) = self.peek() else { return None };
        if ident != word {
            return None;
        }
        self.ident()
    }

    pub(crate) fn literal(&mut self) -> Option<&'t Literal> {
        let Some(TokenTree::Literal(literal)) = self.peek() else { return None };
        self.next();
        Some(literal)
    }

    pub(crate) fn group(&mut self, delimiter: Delimiter) -> Option<&'t Group> {
        let Some(TokenTree::Group(group)) = self.peek() else { return None };
        if group.delimiter() != delimiter {
            return None;
        }
        self.next();
        Some(group)
    }

    /// Takes this single punctuation character, which must not be the start of a longer operator such as `==`.
    pub(crate) fn lone(&mut self, char: char) -> bool {
        if is_lone(self.peek(), self.peek_second(), char) {
            self.next();
            return true;
        }
        false
    }

    /// Whether `::` is next.
    pub(crate) fn at_colons(&self) -> bool {
        is_punct(self.peek(), ':') && is_punct(self.peek_second(), ':')
    }

    /// Takes `..`.
    pub(crate) fn dots(&mut self) -> bool {
        let dots = is_punct(self.peek(), '.') && is_punct(self.peek_second(), '.');
        if dots {
            self.next();
            self.next();
        }
        dots
    }

    /// Takes everything up to the first of these words that stands after an operand, where Rust could not go on.
    pub(crate) fn until_word(&mut self, words: &[&str]) -> &'t [TokenTree] {
        let mut length = self.tokens.len();
        for (index, pair) in self.tokens.windows(2).enumerate() {
            if let [before, TokenTree::Ident(word)] = pair
                && words.iter().any(|reserved| word == reserved)
                && ends_operand(before)
            {
                length = index + 1;
                break;
            }
        }
        let (taken, rest) = self.tokens.split_at(length);
        self.tokens = rest;
        taken
    }

    pub(crate) fn rest(&mut self) -> &'t [TokenTree] {
        std::mem::take(&mut self.tokens)
    }
}

/// Whether a token can be the last of an operand.
pub(crate) fn ends_operand(token: &TokenTree) -> bool {
    match token {
        TokenTree::Ident(ident) => !is_operator_word(&ident.to_string()),
        TokenTree::Punct(punct) => matches!(punct.as_char(), '?' | '>'),
        TokenTree::Literal(_) | TokenTree::Group(_) => true,
    }
}

/// Keywords that an operand follows.
fn is_operator_word(word: &str) -> bool {
    matches!(
        word,
        "as" | "if" | "else" | "match" | "while" | "in" | "return" | "break" | "let" | "move" | "mut" | "ref"
    )
}

pub(crate) fn is_punct(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char)
}

/// Whether `token` is this character and no operator with what follows.
pub(crate) fn is_lone(token: Option<&TokenTree>, next: Option<&TokenTree>, char: char) -> bool {
    let Some(TokenTree::Punct(punct)) = token else { return false };
    if punct.as_char() != char {
        return false;
    }
    let joined = punct.spacing() == Spacing::Joint;
    !(joined && matches!(next, Some(TokenTree::Punct(next)) if matches!(next.as_char(), '=' | '>')))
}

/// Cuts at top-level commas, except those between the types of a turbofish. No piece for a comma at the end.
pub(crate) fn split_commas(tokens: &[TokenTree]) -> Vec<&[TokenTree]> {
    let mut pieces = Vec::new();
    let (mut start, mut angles) = (0, 0usize);
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Punct(punct) = token else { continue };
        let before = |back: usize| index.checked_sub(back).and_then(|at| tokens.get(at));
        match punct.as_char() {
            '<' if angles > 0 || (is_punct(before(1), ':') && is_punct(before(2), ':')) => angles += 1,
            '>' if !is_punct(before(1), '-') && !is_punct(before(1), '=') => angles = angles.saturating_sub(1),
            ',' if angles == 0 => {
                pieces.extend(tokens.get(start..index));
                start = index + 1;
            }
            _ => {}
        }
    }
    pieces.extend(tokens.get(start..).filter(|piece| !piece.is_empty()));
    pieces
}

/// A comma with nothing before it.
pub(crate) fn doubled_comma(tokens: &[TokenTree]) -> Option<&TokenTree> {
    let alone = tokens.first().filter(|token| is_punct(Some(token), ','));
    let mut pairs = tokens.windows(2);
    alone
        .or_else(|| pairs.find(|pair| pair.iter().all(|token| is_punct(Some(token), ','))).and_then(|pair| pair.last()))
}

/// The tokens of a group, as a list.
pub(crate) fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

/// A list of tokens as a stream.
pub(crate) fn stream(tokens: &[TokenTree]) -> TokenStream {
    tokens.iter().cloned().collect()
}

/// Tokens as the user wrote them, on one line.
pub(crate) fn text(tokens: &TokenStream) -> String {
    tokens.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
