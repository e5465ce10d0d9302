//! The reader: one pass over a document, pulled by the columns of a schema.

mod skip;

use bumpalo::Bump;

use super::shape::Shape;
use super::{Limits, number, string};
use crate::decode::{Fault, Found, Reader};
use crate::time::{Date, Timestamp};

/// The most fields of an object and entries of a map that are read.
const MAX_FIELDS: usize = 10_000;
/// The most items of a list that are read.
const MAX_ITEMS: usize = 1_000_000;

/// Reads one document.
///
/// The text is known to be UTF-8, so a string is a slice of it and is checked for no more than where it ends.
pub(super) struct JsonReader<'a, 'r> {
    text: &'a str,
    at: usize,
    /// Where the text begins in the payload.
    base: usize,
    depth: usize,
    /// Where the value taken last begins, for faults that are found after it was taken.
    last: usize,
    limits: &'r Limits,
    arena: &'a Bump,
    shape: &'r mut Shape,
}

impl<'a, 'r> JsonReader<'a, 'r> {
    #[inline(always)]
    pub(super) fn new(text: &'a str, base: usize, limits: &'r Limits, arena: &'a Bump, shape: &'r mut Shape) -> Self {
        Self { text, at: 0, base, depth: 0, last: 0, limits, arena, shape }
    }

    /// How much was taken.
    pub(super) fn taken(&self) -> usize {
        self.at
    }

    #[inline(always)]
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The next byte that is no white space; it is not taken.
    #[inline(always)]
    pub(super) fn peek(&mut self) -> Option<u8> {
        match *self.rest() {
            [byte, ..] if byte > b' ' => Some(byte),
            // Many producers write one space behind `:` and `,`.
            [b' ', byte, ..] if byte > b' ' => {
                self.at += 1;
                Some(byte)
            }
            _ => self.peek_behind_space(),
        }
    }

    #[inline(never)]
    fn peek_behind_space(&mut self) -> Option<u8> {
        let rest = self.rest();
        let space = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'\r')).count();
        self.at += space;
        rest.get(space).copied()
    }

    /// The rest of a string behind its opening quote.
    #[inline(always)]
    fn string(&mut self) -> Result<&'a str, Fault> {
        let rest = self.rest();
        let len = string::plain(rest);
        if rest.get(len) == Some(&b'"') && len <= self.limits.string {
            let start = self.at;
            self.at += len + 1;
            // Both ends are next to a quote, hence boundaries of characters.
            return Ok(self.text.get(start..start + len).unwrap_or_default());
        }
        self.escaped_string()
    }

    #[cold]
    #[inline(never)]
    fn escaped_string(&mut self) -> Result<&'a str, Fault> {
        // The end is found before anything is copied, so that no string over the limit is.
        let rest = self.rest();
        let len = string::skip(rest).map_err(|bad| self.bad_string(&bad))?;
        self.string_limit(len)?;
        let text = self.text.get(self.at..).unwrap_or_default();
        let (value, len) = string::unescape(text, self.arena).map_err(|bad| self.bad_string(&bad))?;
        self.at += len;
        Ok(value)
    }

    #[inline(always)]
    fn skip_string(&mut self) -> Result<(), Fault> {
        let len = string::skip(self.rest()).map_err(|bad| self.bad_string(&bad))?;
        self.string_limit(len)?;
        self.at += len;
        Ok(())
    }

    /// Refuses a string whose length with its closing quote is over the limit.
    #[inline(always)]
    fn string_limit(&self, len: usize) -> Result<(), Fault> {
        if len <= self.limits.string.saturating_add(1) {
            return Ok(());
        }
        let expected = format!("a string of at most {} bytes", self.limits.string);
        Err(Fault::new("LIMIT", self.base + self.at, expected, Found::Type("a longer one")))
    }

    #[cold]
    fn bad_string(&self, bad: &string::Bad) -> Fault {
        self.syntax(self.at + bad.at, bad.expected)
    }

    /// Takes a number of which `quick` may know the value; it is asked for text otherwise.
    #[inline(always)]
    fn number(&mut self, expected: &'static str) -> Result<(number::Parts, &'a [u8]), Fault> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => {}
            _ => return Err(self.wrong(expected)),
        }
        let rest = self.rest();
        match number::parts(rest) {
            Ok(parts) => {
                self.last = self.at;
                self.at += parts.len;
                Ok((parts, rest))
            }
            Err(at) => Err(self.syntax(self.at + at, "a number")),
        }
    }

    /// The text of the value taken last.
    fn last(&self) -> &'a str {
        self.text.get(self.last..self.at).unwrap_or_default()
    }

    #[inline(always)]
    fn literal(&mut self, literal: &'static str) -> Result<(), Fault> {
        if self.rest().starts_with(literal.as_bytes()) {
            self.last = self.at;
            self.at += literal.len();
            return Ok(());
        }
        Err(self.bad_literal(literal))
    }

    #[cold]
    fn bad_literal(&self, literal: &'static str) -> Fault {
        let same = self.rest().iter().zip(literal.as_bytes()).take_while(|(found, byte)| found == byte).count();
        self.syntax(self.at + same, format!("`{literal}`"))
    }

    /// Takes key `number` of an object and the colon behind it.
    #[inline(always)]
    fn key(&mut self, number: usize) -> Result<&'a str, Fault> {
        if self.rest().first() == Some(&b' ') {
            self.at += 1;
        }
        // Objects inside of others have keys of their own, and are not remembered.
        let known = if self.depth == 1 { self.shape.key(number, self.rest()) } else { None };
        let Some(len) = known else { return self.new_key(number) };
        self.last = self.at;
        self.at += len;
        // A key and its quotes and colon end where characters do.
        Ok(self.text.get(self.last + 1..self.at - 2).unwrap_or_default())
    }

    /// As [`Self::key`], of one that the record before did not have there.
    #[inline(never)]
    fn new_key(&mut self, number: usize) -> Result<&'a str, Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax(self.at, "a key"));
        }
        if number >= MAX_FIELDS {
            return Err(self.too_many(MAX_FIELDS, "fields in an object"));
        }
        self.last = self.at;
        self.at += 1;
        let key = self.string()?;
        let (end, escaped) = (self.at, self.at - self.last != key.len() + 2);
        self.colon()?;
        if self.depth == 1 && !escaped && self.at == end + 1 {
            let text = self.text.as_bytes().get(self.last..self.at).unwrap_or_default();
            self.shape.learn(number, text);
        }
        Ok(key)
    }

    /// Takes the colon behind a key.
    #[inline(always)]
    fn colon(&mut self) -> Result<(), Fault> {
        if self.peek() != Some(b':') {
            return Err(self.syntax(self.at, "`:` after a key"));
        }
        self.at += 1;
        Ok(())
    }

    /// Takes what opens a list or an object.
    #[inline(always)]
    fn enter(&mut self) -> Result<(), Fault> {
        if self.depth >= self.limits.depth {
            return Err(self.too_deep());
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Takes what closes it.
    #[inline(always)]
    fn leave(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    #[cold]
    fn too_deep(&self) -> Fault {
        let expected = format!("at most {} lists and objects inside each other", self.limits.depth);
        Fault::new("LIMIT", self.base + self.at, expected, Found::Type("one more"))
    }

    #[cold]
    fn too_many(&self, limit: usize, what: &str) -> Fault {
        Fault::new("LIMIT", self.base + self.at, format!("at most {limit} {what}"), Found::Type("one more"))
    }

    /// The fault "the text is no JSON at byte `at`".
    #[cold]
    #[inline(never)]
    pub(super) fn syntax(&self, at: usize, expected: impl Into<String>) -> Fault {
        let found = self.text.as_bytes().get(at).map_or(Found::End, |byte| Found::Byte(*byte));
        Fault::new("JSON_SYNTAX", self.base + at, expected, found)
    }

    /// The fault "the value that begins here is not `expected`".
    #[cold]
    #[inline(never)]
    fn wrong(&self, expected: &'static str) -> Fault {
        let found = match self.rest().first() {
            Some(b'"') => "a string",
            Some(b'-' | b'0'..=b'9') => "a number",
            Some(b't' | b'f') => "a bool",
            Some(b'n') => "null",
            Some(b'[') => "a list",
            Some(b'{') => "an object",
            _ => return self.syntax(self.at, expected),
        };
        Fault::new("TYPE", self.base + self.at, expected, Found::Type(found))
    }
}

impl<'a> Reader<'a> for JsonReader<'a, '_> {
    #[inline]
    fn null(&mut self) -> Result<bool, Fault> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.literal("null").map(|()| true)
    }

    #[inline]
    fn bool(&mut self) -> Result<bool, Fault> {
        match self.peek() {
            Some(b't') => self.literal("true").map(|()| true),
            Some(b'f') => self.literal("false").map(|()| false),
            _ => Err(self.wrong("a bool")),
        }
    }

    #[inline]
    fn i64(&mut self) -> Result<i64, Fault> {
        let (parts, bytes) = self.number("an integer")?;
        // `-0` is the float -0.0, as in serde_json.
        if !parts.integer || (parts.negative && parts.mantissa == 0 && parts.exact) {
            return Err(self.unexpected("an integer"));
        }
        let magnitude = parts.magnitude(bytes);
        let value = if parts.negative {
            magnitude.and_then(|magnitude| 0i64.checked_sub_unsigned(magnitude))
        } else {
            magnitude.and_then(|magnitude| i64::try_from(magnitude).ok())
        };
        value.ok_or_else(|| self.out_of_range("i64"))
    }

    #[inline]
    fn u64(&mut self) -> Result<u64, Fault> {
        let (parts, bytes) = self.number("an integer")?;
        if !parts.integer {
            return Err(self.unexpected("an integer"));
        }
        if parts.negative {
            return Err(self.out_of_range("u64"));
        }
        parts.magnitude(bytes).ok_or_else(|| self.out_of_range("u64"))
    }

    #[inline]
    fn f64(&mut self) -> Result<f64, Fault> {
        let (parts, _) = self.number("a number")?;
        if let Some(value) = parts.quick_f64() {
            return Ok(value);
        }
        match self.last().parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(self.out_of_range("f64")),
        }
    }

    #[inline]
    fn f32(&mut self) -> Result<f32, Fault> {
        let (parts, _) = self.number("a number")?;
        if let Some(value) = parts.quick_f32() {
            return Ok(value);
        }
        match self.last().parse::<f32>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(self.out_of_range("f32")),
        }
    }

    #[inline]
    fn decimal(&mut self) -> Result<&'a str, Fault> {
        if self.peek() == Some(b'"') {
            return self.str();
        }
        self.number("a number")?;
        Ok(self.last())
    }

    #[inline]
    fn str(&mut self) -> Result<&'a str, Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.wrong("a string"));
        }
        self.last = self.at;
        self.at += 1;
        self.string()
    }

    fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let text = self.str()?;
        string::base64(text, self.arena).ok_or_else(|| self.unexpected("base64"))
    }

    #[inline]
    fn timestamp(&mut self) -> Result<Timestamp, Fault> {
        self.peek();
        if let Some([b'"', text @ .., b'"']) = self.rest().first_chunk::<{ Timestamp::USUAL + 2 }>()
            && let Some(time) = text.as_array().and_then(Timestamp::parse_usual)
            && text.len() <= self.limits.string
        {
            self.last = self.at;
            self.at += text.len() + 2;
            return Ok(time);
        }
        let text = self.str()?;
        Timestamp::parse_rfc3339(text).ok_or_else(|| self.unexpected("a time such as \"2026-01-02T03:04:05Z\""))
    }

    #[inline]
    fn date(&mut self) -> Result<Date, Fault> {
        let text = self.str()?;
        Date::parse(text).ok_or_else(|| self.unexpected("a date such as \"2026-01-02\""))
    }

    #[inline]
    fn list(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        if self.peek() != Some(b'[') {
            return Err(self.wrong("a list"));
        }
        self.enter()?;
        if self.peek() == Some(b']') {
            self.leave();
            return Ok(());
        }
        let mut items = 0;
        loop {
            items += 1;
            if items > MAX_ITEMS {
                return Err(self.too_many(MAX_ITEMS, "items in a list"));
            }
            item(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.leave();
                    return Ok(());
                }
                _ => return Err(self.syntax(self.at, "`,` or `]`")),
            }
        }
    }

    #[inline(always)]
    fn object(&mut self, mut field: impl FnMut(&mut Self, &'a str) -> Result<(), Fault>) -> Result<(), Fault> {
        if self.peek() != Some(b'{') {
            return Err(self.wrong("an object"));
        }
        self.enter()?;
        if self.peek() == Some(b'}') {
            self.leave();
            return Ok(());
        }
        let mut fields = 0;
        loop {
            let key = self.key(fields)?;
            fields += 1;
            field(self, key)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.leave();
                    return Ok(());
                }
                _ => return Err(self.syntax(self.at, "`,` or `}`")),
            }
        }
    }

    #[inline(always)]
    fn skip(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'{' | b'[') => self.skip_nested(),
            _ => self.skip_scalar(),
        }
    }

    #[inline]
    fn arena(&self) -> &'a Bump {
        self.arena
    }

    #[cold]
    #[inline(never)]
    fn out_of_range(&self, expected: &'static str) -> Fault {
        Fault::new("RANGE", self.base + self.last, expected, Found::Text(self.last()))
    }

    #[cold]
    #[inline(never)]
    fn unexpected(&self, expected: &'static str) -> Fault {
        Fault::new("TYPE", self.base + self.last, expected, Found::Text(self.last()))
    }

    #[cold]
    #[inline(never)]
    fn missing(&self, column: &'static str) -> Fault {
        Fault::new("MISSING", self.base + self.at, "the field", Found::Nothing).within(column)
    }

    #[cold]
    #[inline(never)]
    fn duplicate(&self, column: &'static str) -> Fault {
        Fault::new("DUPLICATE", self.base + self.last, "the field once", Found::Type("it again")).within(column)
    }
}
