//! Why a record or a row of it is of no use.

use std::fmt;

/// Why a record could not be decoded, and where in it: its column, what was expected there and what was found. Or why a
/// column of a row could not be computed: what the `Err` of its expression says.
///
/// Boxed, so that the way of good records stays narrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    code: &'static str,
    column: String,
    offset: usize,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Read { expected: String, found: String },
    Computed(String),
    Panicked(String),
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
        Self(Box::new(Inner {
            code,
            column: String::new(),
            offset,
            what: What::Read { expected: expected.into(), found },
        }))
    }

    /// An expression over a row came to an `Err` that says `reason`; the code is `EXPRESSION`.
    #[cold]
    #[must_use]
    pub fn computed(reason: impl fmt::Display) -> Self {
        let what = What::Computed(reason.to_string());
        Self(Box::new(Inner { code: "EXPRESSION", column: String::new(), offset: 0, what }))
    }

    /// The user's code, or a format, panicked over a record and said `reason`; the code is `PANIC`.
    #[cold]
    pub(crate) fn panicked(reason: String) -> Self {
        Self(Box::new(Inner { code: "PANIC", column: String::new(), offset: 0, what: What::Panicked(reason) }))
    }

    /// Whether there was a panic.
    pub(crate) fn is_panic(&self) -> bool {
        matches!(self.0.what, What::Panicked(_))
    }

    /// Whether an expression came to an `Err`, rather than the record being malformed.
    pub(crate) fn is_computed(&self) -> bool {
        matches!(self.0.what, What::Computed(_))
    }

    /// The same fault, seen from the struct around: `column` goes before the path of the column.
    #[cold]
    #[must_use]
    pub fn within(mut self, column: &str) -> Self {
        let rest = std::mem::take(&mut self.0.column);
        self.0.column = if rest.is_empty() { column.to_owned() } else { format!("{column}.{rest}") };
        self
    }

    /// The same fault, of a value in whose place `instead` was expected.
    #[cold]
    #[must_use]
    pub fn expecting(mut self, instead: impl Into<String>) -> Self {
        if let What::Read { expected, .. } = &mut self.0.what {
            *expected = instead.into();
        }
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

    /// The place in the payload, in bytes from its start; 0 for an expression.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.0.offset
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { code, column, offset, what } = &*self.0;
        if !column.is_empty() {
            write!(f, "column `{column}`: ")?;
        }
        match what {
            What::Read { expected, found } => {
                write!(f, "expected {expected}, found {found} at byte {offset} ({code})")
            }
            What::Computed(reason) => write!(f, "{reason} ({code})"),
            What::Panicked(reason) => write!(f, "an expression panicked: {reason} ({code})"),
        }
    }
}

impl std::error::Error for Fault {}
