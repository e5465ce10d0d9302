//! `decode bytes`: a record is bytes.

use bumpalo::Bump;

use super::{Decoder, Fault, PlainFormat, once};

/// Records stay the bytes they are; the row has one column, `data`.
#[must_use]
pub fn bytes() -> Bytes {
    Bytes
}

/// The format [`bytes()`] and its decoder.
#[derive(Debug, Clone, Copy)]
pub struct Bytes;

/// A row of [`bytes()`].
#[derive(Debug, Clone, Copy)]
pub struct Data<'a> {
    /// The payload.
    pub data: &'a [u8],
}

crate::row!(DataBuilders, Data<'_> { data: Vec<u8> });

impl PlainFormat for Bytes {
    type Decoder = Self;
    fn decoder(self) -> Self {
        self
    }
    fn describe(&self) -> String {
        "bytes".to_owned()
    }
}

impl Decoder for Bytes {
    type Row<'a> = Data<'a>;
    type Scratch = ();

    #[inline]
    fn next<'a>(
        &self,
        payload: &'a [u8],
        at: &mut usize,
        _arena: &'a Bump,
        (): &mut (),
    ) -> Result<Option<Data<'a>>, Fault> {
        once(payload, at, |data| Ok(Data { data }))
    }
}
