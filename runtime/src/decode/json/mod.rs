//! `decode json as T`.
//!
//! A hand-written reader goes over a document once and gives the columns of the schema what they ask for. It takes and
//! refuses what serde_json does, with these differences, all of them stricter:
//!
//! * A struct is an object; a list of its fields in order is refused.
//! * The whole record must be UTF-8, also where nobody reads it.
//! * There are limits: [`Json::max_depth`], [`Json::max_string`], [`Json::max_record`], 10000 fields of an object and
//!   1000000 items of a list.
//! * A key that occurs twice in a map is refused, not only one that occurs twice in a struct.
//!
//! What a pipeline does not use is skipped: checked for syntax, UTF-8 and limits, but of any type. Numbers are exact or
//! faults, never saturated; floats are the nearest ones.

mod lanes;
mod number;
mod reader;
mod shape;
mod string;
mod swar;

use std::marker::PhantomData;

use bumpalo::Bump;

use self::reader::JsonReader;
use self::shape::Shape;
#[cfg(any(feature = "gzip", feature = "zstd"))]
use super::packed::{Packing, Unpacker};
use super::{Decoder, Fault, Format, Found};
use crate::schema::{All, Projection, StreamSchema};
use crate::setting::Setting;

/// JSON: a record is an object.
///
/// ```
/// use millstream::decode::{Format, json};
/// assert_eq!(json().describe(), "json");
/// assert_eq!(json().lines().max_depth(8).describe(), "json(lines, max_depth = 8)");
/// ```
pub fn json() -> Json {
    Json {
        limits: Limits::default(),
        lines: false,
        #[cfg(any(feature = "gzip", feature = "zstd"))]
        packing: None,
    }
}

/// The format [`json`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Json {
    limits: Limits,
    lines: bool,
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    packing: Option<Packing>,
}

/// The format [`Json::strict`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Strict(Json);

/// What a record may demand.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Limits {
    depth: usize,
    string: usize,
    record: usize,
}

/// The levels that fit into the reader's stack of bits.
const DEEPEST: usize = 128;
/// How far a line is looked for at least before a part of the payload is tried as it is.
const WINDOW: usize = 1 << 10;

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64, string: 4 << 20, record: 10 << 20 }
    }
}

impl Json {
    /// A record holds several documents, one to a line or one after the other; each is a row. What cannot be decoded is
    /// given up as far as the next line that begins with `{`: that much is one bad row and one dead letter, and the other
    /// documents of the record are rows. So the dead letter, mended, can be put into the stream again by itself.
    pub fn lines(mut self) -> Self {
        self.lines = true;
        self
    }

    /// A record's payload is compressed with gzip, in one member or several.
    #[cfg(feature = "gzip")]
    pub fn gzip(mut self) -> Self {
        self.packing = Some(Packing::Gzip);
        self
    }

    /// A record's payload is compressed with zstd, in one frame or several.
    #[cfg(feature = "zstd")]
    pub fn zstd(mut self) -> Self {
        self.packing = Some(Packing::Zstd);
        self
    }

    /// All fields of the schema are read and checked, also those that the pipeline does not use.
    pub fn strict(self) -> Strict {
        Strict(self)
    }

    /// The most lists and objects inside each other: 64, and at most 128.
    pub fn max_depth(mut self, levels: impl Setting<usize>) -> Self {
        self.limits.depth = levels.given().unwrap_or(self.limits.depth).min(DEEPEST);
        self
    }

    /// The most bytes of a string as it stands in the record: 4 MiB.
    pub fn max_string(mut self, bytes: impl Setting<usize>) -> Self {
        self.limits.string = bytes.given().unwrap_or(self.limits.string);
        self
    }

    /// The most bytes of a record, unpacked if it is compressed: 10 MiB.
    pub fn max_record(mut self, bytes: impl Setting<usize>) -> Self {
        self.limits.record = bytes.given().unwrap_or(self.limits.record);
        self
    }

    fn options(&self, strict: bool) -> String {
        let mut options = Vec::new();
        if self.lines {
            options.push("lines".to_owned());
        }
        #[cfg(any(feature = "gzip", feature = "zstd"))]
        options.extend(self.packing.map(|packing| packing.name().to_owned()));
        if strict {
            options.push("strict".to_owned());
        }
        let (default, own) = (Limits::default(), &self.limits);
        for (name, own, default) in [
            ("max_depth", own.depth, default.depth),
            ("max_string", own.string, default.string),
            ("max_record", own.record, default.record),
        ] {
            if own != default {
                options.push(format!("{name} = {own}"));
            }
        }
        if options.is_empty() { "json".to_owned() } else { format!("json({})", options.join(", ")) }
    }
}

impl Strict {
    /// See [`Json::lines`].
    pub fn lines(self) -> Self {
        Self(self.0.lines())
    }

    /// See [`Json::gzip`].
    #[cfg(feature = "gzip")]
    pub fn gzip(self) -> Self {
        Self(self.0.gzip())
    }

    /// See [`Json::zstd`].
    #[cfg(feature = "zstd")]
    pub fn zstd(self) -> Self {
        Self(self.0.zstd())
    }

    /// See [`Json::strict`].
    pub fn strict(self) -> Self {
        self
    }

    /// See [`Json::max_depth`].
    pub fn max_depth(self, levels: usize) -> Self {
        Self(self.0.max_depth(levels))
    }

    /// See [`Json::max_string`].
    pub fn max_string(self, bytes: usize) -> Self {
        Self(self.0.max_string(bytes))
    }

    /// See [`Json::max_record`].
    pub fn max_record(self, bytes: usize) -> Self {
        Self(self.0.max_record(bytes))
    }
}

impl Format for Json {
    type Decoder<T: StreamSchema, P: Projection> = JsonDecoder<T, P>;
    fn decoder<T: StreamSchema, P: Projection>(self) -> JsonDecoder<T, P> {
        JsonDecoder { json: self, types: PhantomData }
    }
    fn describe(&self) -> String {
        self.options(false)
    }
}

impl Format for Strict {
    type Decoder<T: StreamSchema, P: Projection> = JsonDecoder<T, All>;
    fn decoder<T: StreamSchema, P: Projection>(self) -> JsonDecoder<T, All> {
        self.0.decoder::<T, All>()
    }
    fn describe(&self) -> String {
        self.0.options(true)
    }
}

/// The decoder of [`json`] for schema `T` of which the fields in `P` are read.
pub struct JsonDecoder<T, P> {
    json: Json,
    types: PhantomData<fn() -> (T, P)>,
}

/// What [`JsonDecoder`] remembers between documents.
#[derive(Default)]
pub struct Scratch {
    /// How long the next one may be, judging by the one before.
    likely: usize,
    /// How they are written.
    shape: Shape,
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    unpacker: Unpacker,
}

impl<T: StreamSchema, P: Projection> Decoder for JsonDecoder<T, P> {
    type Row<'a> = T::View<'a>;
    type Scratch = Scratch;
    const RESUMES: bool = true;

    #[cfg(any(feature = "gzip", feature = "zstd"))]
    #[inline]
    fn unpack<'a>(&self, payload: &'a [u8], arena: &'a Bump, scratch: &mut Scratch) -> Result<&'a [u8], Fault> {
        match self.json.packing {
            None => Ok(payload),
            Some(packing) => packing.unpack(payload, self.json.limits.record, &mut scratch.unpacker, arena),
        }
    }

    fn is_text(&self) -> bool {
        #[cfg(any(feature = "gzip", feature = "zstd"))]
        if self.json.packing.is_some() {
            return false;
        }
        // Of several documents in a payload each looks for its own end.
        !self.json.lines
    }

    #[inline]
    fn next<'a>(
        &self,
        payload: &'a [u8],
        at: &mut usize,
        arena: &'a Bump,
        scratch: &mut Scratch,
    ) -> Result<Option<Self::Row<'a>>, Fault> {
        self.next_known(payload, None, at, arena, scratch)
    }

    #[inline]
    fn next_known<'a>(
        &self,
        payload: &'a [u8],
        text: Option<&'a str>,
        at: &mut usize,
        arena: &'a Bump,
        scratch: &mut Scratch,
    ) -> Result<Option<Self::Row<'a>>, Fault> {
        let start = *at;
        // After a fault the rest is given up, and behind the end is also where an empty payload is done.
        *at = payload.len() + 1;
        if start == 0 && payload.len() > self.json.limits.record {
            return Err(self.too_long(payload));
        }
        if self.json.lines {
            let row = self.line(payload, start, at, arena, scratch);
            if row.is_err() {
                *at = next_line(payload, start);
            }
            return row;
        }
        if start > 0 {
            return Ok(None);
        }
        let text = match text {
            Some(text) => text,
            None => std::str::from_utf8(payload).map_err(|error| not_utf8(payload, error.valid_up_to()))?,
        };
        let mut reader = JsonReader::new(text, 0, &self.json.limits, arena, &scratch.shape);
        if reader.peek().is_none() {
            return Err(empty(payload));
        }
        let row = T::read::<_, P>(&mut reader)?;
        if reader.peek().is_some() {
            return Err(reader.syntax(reader.taken(), "the end of the record"));
        }
        Ok(Some(row))
    }
}

impl<T: StreamSchema, P: Projection> JsonDecoder<T, P> {
    /// The next of several documents.
    ///
    /// Only so much of the payload is checked for UTF-8 as the document is likely to need: a line, or a window that
    /// grows until the document fits. To check all that follows for each document would be quadratic.
    fn line<'a>(
        &self,
        payload: &'a [u8],
        start: usize,
        at: &mut usize,
        arena: &'a Bump,
        scratch: &mut Scratch,
    ) -> Result<Option<T::View<'a>>, Fault> {
        let rest = payload.get(start..).unwrap_or_default();
        let space = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'\r')).count();
        let rest = rest.get(space..).unwrap_or_default();
        if rest.is_empty() {
            return if start == 0 { Err(empty(payload)) } else { Ok(None) };
        }
        let base = start + space;
        let near = rest.get(..scratch.likely.max(WINDOW)).unwrap_or(rest);
        let mut window = memchr::memchr(b'\n', near).map_or(near.len(), |line| line + 1);
        loop {
            let seen = rest.get(..window).unwrap_or(rest);
            let whole = seen.len() == rest.len();
            // What is not UTF-8 counts only when the document gets there; the window may end within a character.
            let (text, broken) = match std::str::from_utf8(seen) {
                Ok(text) => (text, None),
                Err(error) => {
                    let valid = seen.get(..error.valid_up_to()).unwrap_or_default();
                    let broken = (whole || error.error_len().is_some()).then(|| not_utf8(payload, base + valid.len()));
                    (std::str::from_utf8(valid).unwrap_or_default(), broken)
                }
            };
            let mut reader = JsonReader::new(text, base, &self.json.limits, arena, &scratch.shape);
            match T::read::<_, P>(&mut reader) {
                // A document ends with its own brace, so nothing behind it can change it.
                Ok(row) => {
                    *at = base + reader.taken();
                    scratch.likely = reader.taken() * 2;
                    return Ok(Some(row));
                }
                // The end of a line ends every token, so a fault before it stays one however much follows.
                Err(fault) if seen.ends_with(b"\n") && fault.offset() < base + text.len() => return Err(fault),
                Err(fault) if whole || broken.is_some() => {
                    let before = fault.offset() < base + text.len();
                    return Err(broken.filter(|_| !before).unwrap_or(fault));
                }
                Err(_) => {
                    let grown = rest.get(..window.max(WINDOW) * 8).unwrap_or(rest);
                    let line = memchr::memrchr(b'\n', grown).map_or(grown.len(), |line| line + 1);
                    window = if line > window { line } else { grown.len() };
                }
            }
        }
    }

    #[cold]
    fn too_long(&self, payload: &[u8]) -> Fault {
        let limit = self.json.limits.record;
        Fault::new(
            "LIMIT",
            limit,
            format!("a record of at most {limit} bytes"),
            Found::Text(&payload.len().to_string()),
        )
    }
}

/// Where documents go on after one that begins at or behind `start` cannot be decoded; behind the end if they do not. Lines
/// within a document that is written over several are indented, so they are not taken for documents.
#[cold]
fn next_line(payload: &[u8], start: usize) -> usize {
    let rest = payload.get(start..).unwrap_or_default();
    let begins = rest.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    let line = rest.get(begins..).and_then(|rest| memchr::memmem::find(rest, b"\n{"));
    line.map_or(payload.len() + 1, |line| start + begins + line + 1)
}

#[cold]
fn empty(payload: &[u8]) -> Fault {
    Fault::new("EMPTY", payload.len(), "a JSON document", Found::End)
}

#[cold]
fn not_utf8(payload: &[u8], at: usize) -> Fault {
    let byte = payload.get(at).copied().unwrap_or_default();
    Fault::new("UTF8", at, "UTF-8 text", Found::Byte(byte))
}
