//! The reader: one pass over a document, pulled by the columns of a schema.

mod fault;
mod object;
mod skip;

use bumpalo::Bump;

use super::shape::{END, Shape};
use super::{Limits, number, string};
use crate::decode::{Fault, Name, Reader};
use crate::time::{Date, Timestamp};

use self::object::MAX_FIELDS;

/// The most items of a list that are read.
const MAX_ITEMS: usize = 1_000_000;

/// Reads one document.
///
/// The text is known to be UTF-8, so a string is a slice of it and is checked for no more than where it ends.
///
/// It is copied for all that is rare and not inlined, so that its place in the text need not be in memory: what takes the
/// next byte would wait for it each time.
#[derive(Clone, Copy)]
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
    shape: &'r Shape,
}

impl<'a, 'r> JsonReader<'a, 'r> {
    #[inline(always)]
    pub(super) fn new(text: &'a str, base: usize, limits: &'r Limits, arena: &'a Bump, shape: &'r Shape) -> Self {
        Self { text, at: 0, base, depth: 0, last: 0, limits, arena, shape }
    }

    /// Does something rare in a copy of the reader, and goes on where that ends.
    #[inline(always)]
    fn aside<T>(&mut self, rare: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut copy = *self;
        let taken = rare(&mut copy);
        (self.at, self.last) = (copy.at, copy.last);
        taken
    }

    /// How much was taken.
    pub(super) fn taken(&self) -> usize {
        self.at
    }

    #[inline(always)]
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The next byte, whatever it is.
    #[inline(always)]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space; it is not taken.
    #[inline(always)]
    pub(super) fn peek(&mut self) -> Option<u8> {
        match self.byte() {
            Some(byte) if byte > b' ' => Some(byte),
            _ => {
                self.at += space(self.rest());
                self.byte()
            }
        }
    }

    /// The rest of a string behind its opening quote.
    #[inline(always)]
    fn string(&mut self) -> Result<&'a str, Fault> {
        let (start, end) = (self.at, string::plain(self.text.as_bytes(), self.at));
        if self.text.as_bytes().get(end) == Some(&b'"') && end - start <= self.limits.string {
            self.at = end + 1;
            // Both ends are next to a quote, hence boundaries of characters.
            return Ok(self.text.get(start..end).unwrap_or_default());
        }
        self.aside(Self::escaped_string)
    }

    #[inline(never)]
    fn escaped_string(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        let text = self.text.as_bytes();
        let end = string::end(text, start).map_err(|bad| self.syntax(bad.at, bad.expected))?;
        // The end is found before anything is copied, so that no string over the limit is.
        self.string_limit(end - start)?;
        let value = string::unescape(text, start, end - 1 - start, self.arena);
        let value = value.map_err(|bad| self.syntax(bad.at, bad.expected))?;
        self.at = end;
        Ok(value)
    }

    #[inline(always)]
    fn skip_string(&mut self) -> Result<(), Fault> {
        let end = string::skip(self.text.as_bytes(), self.at).map_err(|bad| self.syntax(bad.at, bad.expected))?;
        self.string_limit(end - self.at)?;
        self.at = end;
        Ok(())
    }

    /// Refuses a string whose length with its closing quote is over the limit.
    #[inline(always)]
    fn string_limit(&self, len: usize) -> Result<(), Fault> {
        if len <= self.limits.string.saturating_add(1) {
            return Ok(());
        }
        Err(self.too_long())
    }

    /// Takes a number whose value and end `quick` may know, if it is here; `any` knows all, and what is wrong with it.
    #[inline(always)]
    fn quick<T>(
        &mut self,
        quick: impl FnOnce(&[u8], usize) -> Option<(T, usize)>,
        any: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Some((value, end)) = quick(self.text.as_bytes(), self.at) else { return self.aside(any) };
        self.last = self.at;
        self.at = end;
        Ok(value)
    }

    #[cold]
    #[inline(never)]
    fn any_i64(&mut self) -> Result<i64, Fault> {
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

    #[cold]
    #[inline(never)]
    fn any_u64(&mut self) -> Result<u64, Fault> {
        let (parts, bytes) = self.number("an integer")?;
        if !parts.integer {
            return Err(self.unexpected("an integer"));
        }
        if parts.negative {
            return Err(self.out_of_range("u64"));
        }
        parts.magnitude(bytes).ok_or_else(|| self.out_of_range("u64"))
    }

    #[inline(never)]
    fn any_timestamp(&mut self) -> Result<Timestamp, Fault> {
        let text = self.str()?;
        Timestamp::parse_rfc3339(text).ok_or_else(|| self.unexpected("a time such as \"2026-01-02T03:04:05Z\""))
    }

    #[inline(never)]
    fn any_f64(&mut self) -> Result<f64, Fault> {
        self.number("a number")?;
        match self.last().parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(self.out_of_range("f64")),
        }
    }

    #[inline(never)]
    fn any_f32(&mut self) -> Result<f32, Fault> {
        self.number("a number")?;
        match self.last().parse::<f32>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(self.out_of_range("f32")),
        }
    }

    /// Takes a number, and gives the text that begins with it.
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
}

/// How much white space is at the beginning. Many producers write one space behind `:` and `,`.
#[inline(never)]
fn space(bytes: &[u8]) -> usize {
    if let [b' ', byte, ..] = bytes
        && *byte > b' '
    {
        return 1;
    }
    bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'\r')).count()
}

impl<'a> Reader<'a> for JsonReader<'a, '_> {
    #[inline(always)]
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

    #[inline(always)]
    fn i64(&mut self) -> Result<i64, Fault> {
        self.quick(number::quick_i64, Self::any_i64)
    }

    #[inline(always)]
    fn u64(&mut self) -> Result<u64, Fault> {
        self.quick(number::quick_u64, Self::any_u64)
    }

    #[inline(always)]
    fn f64(&mut self) -> Result<f64, Fault> {
        self.quick(number::quick_f64, Self::any_f64)
    }

    #[inline(always)]
    fn f32(&mut self) -> Result<f32, Fault> {
        self.quick(number::quick_f32, Self::any_f32)
    }

    #[inline]
    fn decimal(&mut self) -> Result<&'a str, Fault> {
        if self.peek() == Some(b'"') {
            return self.str();
        }
        self.number("a number")?;
        Ok(self.last())
    }

    #[inline(always)]
    fn str(&mut self) -> Result<&'a str, Fault> {
        if self.byte() != Some(b'"') && self.peek() != Some(b'"') {
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

    #[inline(always)]
    fn timestamp(&mut self) -> Result<Timestamp, Fault> {
        if let Some([b'"', text @ .., b'"']) = self.rest().first_chunk::<{ Timestamp::USUAL + 2 }>()
            && let Some(time) = text.as_array().and_then(|text| Timestamp::parse_usual(text, &self.shape.day))
            && text.len() <= self.limits.string
        {
            self.last = self.at;
            self.at += text.len() + 2;
            return Ok(time);
        }
        self.aside(Self::any_timestamp)
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
        self.entries(|reader| {
            let key = reader.key()?;
            field(reader, key)
        })
    }

    #[inline(always)]
    fn fields(
        &mut self,
        numbers: fn(&str) -> usize,
        mut field: impl FnMut(&mut Self, usize, Name<'a>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        // A copy, as this one is in memory where the code of a schema is not inlined.
        let mut reader = *self;
        if reader.peek() != Some(b'{') {
            return Err(reader.wrong("an object"));
        }
        reader.enter()?;
        let mut place = reader.shape.start(numbers);
        let mut entries = 0;
        loop {
            let (name, number) = reader.field(&mut place, numbers)?;
            if number == END {
                break;
            }
            entries += 1;
            if entries > MAX_FIELDS {
                return Err(reader.too_many(MAX_FIELDS, "fields in an object"));
            }
            field(&mut reader, number, name)?;
        }
        reader.depth -= 1;
        *self = reader;
        Ok(())
    }

    #[inline(always)]
    fn skip(&mut self) -> Result<(), Fault> {
        match self.byte() {
            Some(b'"') => {
                self.at += 1;
                self.skip_string()
            }
            Some(b'-' | b'0'..=b'9') => self.skip_number(),
            _ => self.aside(Self::skip_nested),
        }
    }

    #[inline]
    fn arena(&self) -> &'a Bump {
        self.arena
    }

    #[inline(always)]
    fn out_of_range(&self, expected: &'static str) -> Fault {
        self.range_fault(expected)
    }

    #[inline(always)]
    fn unexpected(&self, expected: &'static str) -> Fault {
        self.type_fault(expected)
    }

    #[inline(always)]
    fn missing(&self, column: &'static str) -> Fault {
        self.missing_fault(column)
    }

    #[inline(always)]
    fn duplicate(&self, column: &'static str) -> Fault {
        fault::duplicate(self.text, self.base, self.last, column)
    }
}
