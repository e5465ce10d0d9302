//! `decode fields(separator = semicolon)`: a record is `NAME;VALUE;SECOND`.

use millstream::decode::{Arena, Decoder, Fault, Found, PlainFormat, once};
use millstream::time::Timestamp;

/// `decode fields`
#[must_use]
pub fn fields() -> Fields {
    Fields { separator: semicolon }
}

/// The format [`fields`] and its decoder.
pub struct Fields {
    separator: Separator,
}

/// What stands between two fields.
#[derive(Clone, Copy)]
pub struct Separator(char);

/// `separator = semicolon`
#[allow(non_upper_case_globals)]
pub const semicolon: Separator = Separator(';');

impl Fields {
    /// What stands between two fields.
    #[must_use]
    pub fn separator(mut self, separator: Separator) -> Self {
        self.separator = separator;
        self
    }
}

/// A row of [`fields`].
#[derive(Clone, Copy)]
pub struct Fielded<'a> {
    /// What was measured.
    pub name: &'a str,
    /// The value.
    pub value: f64,
    /// When.
    pub at: Timestamp,
}
millstream::row!(FieldedBuilders, Fielded<'_> { name: String, value: f64, at: Timestamp });

impl PlainFormat for Fields {
    type Decoder = Self;
    fn decoder(self) -> Self {
        self
    }
    fn describe(&self) -> String {
        "fields".to_owned()
    }
}

impl Decoder for Fields {
    type Row<'a> = Fielded<'a>;
    type Scratch = ();
    fn next<'a>(
        &self,
        payload: &'a [u8],
        at: &mut usize,
        _arena: &'a Arena,
        (): &mut (),
    ) -> Result<Option<Fielded<'a>>, Fault> {
        once(payload, at, |payload| {
            let text = std::str::from_utf8(payload).ok();
            let row = text.and_then(|text| {
                let (name, rest) = text.split_once(self.separator.0)?;
                let (value, second) = rest.split_once(self.separator.0)?;
                let second: i64 = second.parse().ok()?;
                Some(Fielded { name, value: value.parse().ok()?, at: Timestamp::from_micros(second * 1_000_000) })
            });
            row.ok_or_else(|| Fault::new("FIELDS", 0, "NAME;VALUE;SECOND", Found::Text(text.unwrap_or_default())))
        })
    }
}
