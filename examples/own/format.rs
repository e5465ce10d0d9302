//! `decode pairs`: a record is `NAME=VALUE`.

use millstream::decode::{Arena, Decoder, Fault, Found, PlainFormat, once};

/// `decode pairs`
#[must_use]
pub fn pairs() -> Pairs {
    Pairs
}

/// The format [`pairs`] and its decoder.
pub struct Pairs;

/// A row of [`pairs`].
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    /// What is left of the `=`.
    pub name: &'a str,
    /// What is right of it.
    pub value: f64,
}

impl PlainFormat for Pairs {
    type Decoder = Self;
    fn decoder(self) -> Self {
        self
    }
    fn describe(&self) -> String {
        "pairs".to_owned()
    }
}

impl Decoder for Pairs {
    type Row<'a> = Pair<'a>;
    type Scratch = ();
    fn next<'a>(
        &self,
        payload: &'a [u8],
        at: &mut usize,
        _arena: &'a Arena,
        (): &mut (),
    ) -> Result<Option<Pair<'a>>, Fault> {
        once(payload, at, |payload| {
            let pair = std::str::from_utf8(payload).ok().and_then(|text| text.split_once('='));
            let pair = pair.and_then(|(name, value)| Some(Pair { name, value: value.parse().ok()? }));
            pair.ok_or_else(|| Fault::new("PAIR", 0, "NAME=VALUE", Found::Type("something else")))
        })
    }
}
