//! How columns are read from a format.

use bumpalo::Bump;

use super::Fault;
use crate::time::{Date, Timestamp};

/// The key of a field as the record has it. It is looked for in the record only when it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    text: &'a str,
    at: usize,
    quoted: bool,
}

impl<'a> Name<'a> {
    /// The key between the next two quotes in `text` from byte `at` on.
    #[inline]
    #[must_use]
    pub fn quoted(text: &'a str, at: usize) -> Self {
        Self { text, at, quoted: true }
    }

    /// The key; empty where there is none.
    #[inline]
    #[must_use]
    pub fn as_str(self) -> &'a str {
        if self.quoted { between_quotes(self.text, self.at) } else { self.text }
    }
}

#[cold]
#[inline(never)]
fn between_quotes(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default().split('"').nth(1).unwrap_or_default()
}

impl<'a> From<&'a str> for Name<'a> {
    #[inline]
    fn from(key: &'a str) -> Self {
        Self { text: key, at: 0, quoted: false }
    }
}

/// What a format offers to the columns of a schema: its next value, as what the column asks for.
///
/// Every method takes one value, or leaves the reader in an undefined place and returns the fault.
pub trait Reader<'a>: Sized {
    /// Takes a null if there is one.
    ///
    /// # Errors
    /// The input is malformed.
    fn null(&mut self) -> Result<bool, Fault>;
    /// A bool.
    ///
    /// # Errors
    /// The input is malformed or of another type; so for all of the following.
    fn bool(&mut self) -> Result<bool, Fault>;
    /// A signed integer.
    ///
    /// # Errors
    /// See [`Self::bool`]; also when out of range.
    fn i64(&mut self) -> Result<i64, Fault>;
    /// An unsigned integer.
    ///
    /// # Errors
    /// See [`Self::i64`].
    fn u64(&mut self) -> Result<u64, Fault>;
    /// The nearest `f64`.
    ///
    /// # Errors
    /// See [`Self::i64`]; a number too large is a fault, never infinity.
    fn f64(&mut self) -> Result<f64, Fault>;
    /// The nearest `f32`.
    ///
    /// # Errors
    /// See [`Self::f64`].
    fn f32(&mut self) -> Result<f32, Fault>;
    /// The text of a decimal number, digit by digit as it was written; in JSON a number or a string.
    ///
    /// # Errors
    /// See [`Self::bool`].
    fn decimal(&mut self) -> Result<&'a str, Fault> {
        self.str()
    }
    /// Text.
    ///
    /// # Errors
    /// See [`Self::bool`].
    fn str(&mut self) -> Result<&'a str, Fault>;
    /// Bytes; in JSON a string of base64.
    ///
    /// # Errors
    /// See [`Self::bool`].
    fn bytes(&mut self) -> Result<&'a [u8], Fault>;
    /// An instant; in JSON a string of RFC 3339.
    ///
    /// # Errors
    /// See [`Self::bool`].
    fn timestamp(&mut self) -> Result<Timestamp, Fault>;
    /// A day; in JSON a string `YYYY-MM-DD`.
    ///
    /// # Errors
    /// See [`Self::bool`].
    fn date(&mut self) -> Result<Date, Fault>;
    /// The items of a list; `item` takes each.
    ///
    /// # Errors
    /// See [`Self::bool`]; and the faults of `item`.
    fn list(&mut self, item: impl FnMut(&mut Self) -> Result<(), Fault>) -> Result<(), Fault>;
    /// The fields of a struct or the entries of a map; `field` is given each key and takes its value.
    ///
    /// # Errors
    /// See [`Self::bool`]; and the faults of `field`.
    fn object(&mut self, field: impl FnMut(&mut Self, &'a str) -> Result<(), Fault>) -> Result<(), Fault>;
    /// The fields of a struct: `number` says which one a key is, and `field` is given that number and takes the value. A reader
    /// may remember the numbers of keys, so `number` says the same each time.
    ///
    /// # Errors
    /// See [`Self::object`].
    fn fields(
        &mut self,
        number: fn(&str) -> usize,
        mut field: impl FnMut(&mut Self, usize, Name<'a>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.object(|reader, key| field(reader, number(key), Name::from(key)))
    }
    /// Takes a value of any type, checking that it is well formed.
    ///
    /// # Errors
    /// The input is malformed.
    fn skip(&mut self) -> Result<(), Fault>;
    /// The place for what cannot point into the payload.
    fn arena(&self) -> &'a Bump;
    /// The fault "the number just taken does not fit into `expected`".
    fn out_of_range(&self, expected: &'static str) -> Fault;
    /// The fault "the value just taken is not `expected`", such as an unknown variant of an enum.
    fn unexpected(&self, expected: &'static str) -> Fault;
    /// The fault "the object just taken has no field `column`".
    fn missing(&self, column: &'static str) -> Fault;
    /// The fault "the object being taken has the field `column` twice".
    fn duplicate(&self, column: &'static str) -> Fault;
}
