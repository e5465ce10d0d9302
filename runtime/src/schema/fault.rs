//! Why a record could not be decoded.

use std::fmt;

/// Why a record could not be decoded, and where in it: its column, what was expected there and what was found.
///
/// Boxed, so that the way of good records stays narrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    code: &'static str,
    column: String,
    offset: usize,
    expected: String,
    found: String,
}

/// What was found in a value's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// The input ended.
    End,
    /// A value of another type, by the name of its type.
    Type(&'static str),
    /// This text, of which the first 64 characters are kept.
    Text(&'a str),
    /// This byte, which no value begins with.
    Byte(u8),
    /// Nothing: the field is absent.
    Nothing,
}

impl Fault {
    /// A fault with a stable `code` such as `JSON_SYNTAX`, `TYPE`, `RANGE`, `MISSING`, `DUPLICATE`, `LIMIT` or `UTF8`, at
    /// byte `offset` of the payload.
    #[cold]
    #[must_use]
    pub fn new(code: &'static str, offset: usize, expected: impl Into<String>, found: Found<'_>) -> Self {
        let found = match found {
            Found::End => "the end of the record".to_owned(),
            Found::Type(name) => name.to_owned(),
            Found::Text(text) => {
                let mut short: String = text.chars().take(64).collect();
                if short.len() < text.len() {
                    short.push('…');
                }
                format!("`{short}`")
            }
            Found::Byte(byte) if byte.is_ascii_graphic() => format!("`{}`", char::from(byte)),
            Found::Byte(byte) => format!("byte 0x{byte:02x}"),
            Found::Nothing => "no such field".to_owned(),
        };
        Self(Box::new(Inner { code, column: String::new(), offset, expected: expected.into(), found }))
    }

    /// The same fault, seen from the struct around: `column` goes before the path of the column.
    #[cold]
    #[must_use]
    pub fn within(mut self, column: &str) -> Self {
        let rest = std::mem::take(&mut self.0.column);
        self.0.column = if rest.is_empty() { column.to_owned() } else { format!("{column}.{rest}") };
        self
    }

    /// The same fault, of a value in whose place `expected` was expected.
    #[cold]
    #[must_use]
    pub fn expecting(mut self, expected: impl Into<String>) -> Self {
        self.0.expected = expected.into();
        self
    }

    /// The stable code, such as `RANGE`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The path of the column, nested ones joined by `.`; empty when the fault is in the record as a whole.
    #[must_use]
    pub fn column(&self) -> &str {
        &self.0.column
    }

    /// The place in the payload, in bytes from its start.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.0.offset
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { code, column, offset, expected, found } = &*self.0;
        if !column.is_empty() {
            write!(f, "column `{column}`: ")?;
        }
        write!(f, "expected {expected}, found {found} at byte {offset} ({code})")
    }
}

impl std::error::Error for Fault {}
