//! Formats: from a record's bytes to rows.
//!
//! A format is one file here: a function that names it in a pipeline, and a [`Format`] (rows of a schema, as `json`) or a
//! [`PlainFormat`] (rows of its own, as `text`). [`Decoder`] works on a chunk of records at a time; [`Reader`] is what the
//! derived code of a schema pulls its fields from.

pub mod bytes;
pub mod json;
#[cfg(any(feature = "gzip", feature = "zstd"))]
mod packed;
pub mod text;

use bumpalo::Bump;

pub use self::bytes::bytes;
pub use self::json::json;
pub use self::text::text;
pub use crate::schema::{Arena, Fault, Found, Name, Reader};
use crate::schema::{Projection, StreamSchema};
use crate::source::Chunk;

/// Turns payloads into rows.
///
/// A format with rows of its own is a function, a [`PlainFormat`], its row and its decoder:
///
/// ```
/// use millstream::decode::{Arena, Decoder, Fault, Found, PlainFormat, once};
///
/// /// `decode pair`: a record is `NAME=VALUE`.
/// pub fn pair() -> Pair {
///     Pair
/// }
///
/// pub struct Pair;
///
/// #[derive(Clone, Copy)]
/// pub struct NameAndValue<'a> {
///     pub name: &'a str,
///     pub value: f64,
/// }
/// millstream::row!(PairBuilders, NameAndValue<'_> { name: String, value: f64 });
///
/// impl PlainFormat for Pair {
///     type Decoder = Self;
///     fn decoder(self) -> Self {
///         self
///     }
///     fn describe(&self) -> String {
///         "pair".to_owned()
///     }
/// }
///
/// impl Decoder for Pair {
///     type Row<'a> = NameAndValue<'a>;
///     type Scratch = ();
///     fn next<'a>(
///         &self,
///         payload: &'a [u8],
///         at: &mut usize,
///         _arena: &'a Arena,
///         (): &mut (),
///     ) -> Result<Option<NameAndValue<'a>>, Fault> {
///         once(payload, at, |payload| {
///             let text = std::str::from_utf8(payload).ok();
///             let pair = text.and_then(|text| text.split_once('='));
///             let row = pair.and_then(|(name, value)| Some(NameAndValue { name, value: value.parse().ok()? }));
///             row.ok_or_else(|| Fault::new("PAIR", 0, "NAME=VALUE", Found::Type("something else")))
///         })
///     }
/// }
/// # use millstream::prelude::*;
/// let pipeline = pipeline! { from memory(["a=1"]) | decode pair | filter value > 0.0 | sink collect() };
/// assert_eq!(pipeline.run_blocking()?.rows.rows, 1);
/// # Ok::<(), millstream::Error>(())
/// ```
///
/// The engine calls [`Self::prepare`] once per chunk, [`Self::unpack`] for each payload, and [`Self::next`] until it gives no
/// more rows.
pub trait Decoder: Send + Sync + 'static {
    /// The row.
    type Row<'a>: Copy;
    /// What a worker keeps between records and chunks, such as an index of the chunk. The next chunk of a partition may be
    /// another worker's, so nothing may depend on what was kept of the one before but speed.
    type Scratch: Default + Send;
    /// Whether a payload goes on behind a fault: `at` is then behind what is given up, and only that is a dead letter.
    /// Otherwise the whole payload is.
    const RESUMES: bool = false;

    /// Looks at a whole chunk before its records are decoded.
    fn prepare(&self, _chunk: &Chunk, _scratch: &mut Self::Scratch) {}

    /// Whether payloads are UTF-8 text as they come: a chunk of them is then checked as a whole, which takes a fraction of
    /// what it takes record by record, and [`Self::next_known`] is told.
    #[inline]
    fn is_text(&self) -> bool {
        false
    }

    /// As [`Self::next`], of a payload that may be known to be UTF-8: `text` is the payload then. By default it makes no
    /// difference.
    ///
    /// # Errors
    /// See [`Self::next`].
    #[inline]
    fn next_known<'a>(
        &self,
        payload: &'a [u8],
        _text: Option<&'a str>,
        at: &mut usize,
        arena: &'a Bump,
        scratch: &mut Self::Scratch,
    ) -> Result<Option<Self::Row<'a>>, Fault> {
        self.next(payload, at, arena, scratch)
    }

    /// Makes of a record's payload what [`Self::next`] is to read, such as by unpacking it; by default the payload itself.
    /// What it makes lives in the arena.
    ///
    /// # Errors
    /// The payload is not what the format says.
    #[inline]
    fn unpack<'a>(&self, payload: &'a [u8], _arena: &'a Bump, _scratch: &mut Self::Scratch) -> Result<&'a [u8], Fault> {
        Ok(payload)
    }

    /// The next row of `payload`, which starts at byte `at` and is moved behind it; `None` after the last one. What
    /// cannot point into the payload lives in the arena.
    ///
    /// # Errors
    /// The payload is not what the format or the schema says. The rest of it is given up, unless the format
    /// [resumes](Self::RESUMES).
    fn next<'a>(
        &self,
        payload: &'a [u8],
        at: &mut usize,
        arena: &'a Bump,
        scratch: &mut Self::Scratch,
    ) -> Result<Option<Self::Row<'a>>, Fault>;
}

/// The row of a payload that is one: what `row` makes of it, and then nothing more.
///
/// # Errors
/// Those of `row`.
#[inline]
pub fn once<'a, R>(
    payload: &'a [u8],
    at: &mut usize,
    row: impl FnOnce(&'a [u8]) -> Result<R, Fault>,
) -> Result<Option<R>, Fault> {
    if *at > 0 {
        return Ok(None);
    }
    // A payload may be empty, and is one row all the same.
    *at = payload.len() + 1;
    row(payload).map(Some)
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
