//! Formats: from a record's bytes to rows.
//!
//! A format is one file here: a function that names it in a pipeline, and a [`Format`] (rows of a schema, as `json`) or a
//! [`PlainFormat`] (rows of its own, as `text`). [`Decoder`] works on a chunk of records at a time; [`Reader`] is what the
//! derived code of a schema pulls its fields from.

pub mod bytes;
mod fault;
pub mod json;
pub mod text;

use bumpalo::Bump;

pub use self::bytes::bytes;
pub use self::fault::{Fault, Found};
pub use self::json::json;
pub use self::text::text;
use crate::schema::{Projection, StreamSchema};
use crate::source::Chunk;
use crate::time::{Date, Timestamp};

/// Turns payloads into rows.
///
/// The engine calls [`Self::prepare`] once per chunk and [`Self::next`] for each payload until it gives no more rows.
pub trait Decoder: Send + Sync + 'static {
    /// The row.
    type Row<'a>: Copy;
    /// What is kept between records and chunks, such as an index of the chunk.
    type Scratch: Default + Send;

    /// Looks at a whole chunk before its records are decoded.
    fn prepare(&self, _chunk: &Chunk, _scratch: &mut Self::Scratch) {}

    /// The next row of `payload`, which starts at byte `at` and is moved behind it; `None` after the last one. What
    /// cannot point into the payload lives in the arena.
    ///
    /// # Errors
    /// The payload is not what the format or the schema says. The rest of it is given up.
    fn next<'a>(
        &self,
        payload: &'a [u8],
        at: &mut usize,
        arena: &'a Bump,
        scratch: &mut Self::Scratch,
    ) -> Result<Option<Self::Row<'a>>, Fault>;
}

/// A format whose rows are of a schema: `decode json as Reading`.
#[diagnostic::on_unimplemented(
    message = "this format has rows of its own and takes no `as`",
    note = "write `decode text` or `decode bytes` without a type"
)]
pub trait Format {
    /// The decoder for schema `T` of which only the fields in `P` are used.
    type Decoder<T: StreamSchema, P: Projection>: Decoder;
    /// Makes the decoder.
    fn decoder<T: StreamSchema, P: Projection>(self) -> Self::Decoder<T, P>;
    /// The format's name and options, for `explain` and the checkpoint.
    fn describe(&self) -> String;
}

/// A format with rows of its own: `decode text`.
#[diagnostic::on_unimplemented(
    message = "this format needs a schema",
    note = "write the type of its rows: `decode json as Reading`"
)]
pub trait PlainFormat {
    /// The decoder.
    type Decoder: Decoder;
    /// Makes the decoder.
    fn decoder(self) -> Self::Decoder;
    /// The format's name and options, for `explain` and the checkpoint.
    fn describe(&self) -> String;
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
