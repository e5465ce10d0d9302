//! `decode text`: a record is a line of text.

use bumpalo::Bump;

use super::{Decoder, Fault, Found, PlainFormat, once};

/// Records are UTF-8 text; the row has one column, `line`.
#[must_use]
pub fn text() -> Text {
    Text
}

/// The format [`text`] and its decoder.
#[derive(Debug, Clone, Copy)]
pub struct Text;

/// A row of [`text`].
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The record without its line break.
    pub line: &'a str,
}

crate::row!(LineBuilders, Line<'_> { line: String });

impl PlainFormat for Text {
    type Decoder = Self;
    fn decoder(self) -> Self {
        self
    }
    fn describe(&self) -> String {
        "text".to_owned()
    }
}

impl Decoder for Text {
    type Row<'a> = Line<'a>;
    type Scratch = ();

    fn is_text(&self) -> bool {
        true
    }

    #[inline]
    fn next<'a>(
        &self,
        payload: &'a [u8],
        at: &mut usize,
        arena: &'a Bump,
        (): &mut (),
    ) -> Result<Option<Line<'a>>, Fault> {
        self.next_known(payload, None, at, arena, &mut ())
    }

    #[inline]
    fn next_known<'a>(
        &self,
        payload: &'a [u8],
        text: Option<&'a str>,
        at: &mut usize,
        _arena: &'a Bump,
        (): &mut (),
    ) -> Result<Option<Line<'a>>, Fault> {
        once(payload, at, |payload| match text.map_or_else(|| std::str::from_utf8(payload), Ok) {
            Ok(line) => Ok(Line { line }),
            Err(error) => {
                let at = error.valid_up_to();
                let byte = payload.get(at).copied().unwrap_or_default();
                Err(Fault::new("UTF8", at, "UTF-8 text", Found::Byte(byte)))
            }
        })
    }
}
