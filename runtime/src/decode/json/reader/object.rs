//! Objects: their braces, commas and keys.

use std::ops::Range;

use super::super::shape::{END, Place};
use super::super::string;
use super::JsonReader;
use crate::decode::{Fault, Name};

/// The most fields of an object and entries of a map that are read.
pub(super) const MAX_FIELDS: usize = 10_000;

impl<'a> JsonReader<'a, '_> {
    /// Takes an object; `entry` takes each key and value.
    #[inline(always)]
    pub(super) fn entries(&mut self, mut entry: impl FnMut(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        // A copy, as this one is in memory where the code of a schema is not inlined.
        let mut reader = *self;
        if reader.peek() != Some(b'{') {
            return Err(reader.wrong("an object"));
        }
        reader.enter()?;
        if reader.peek() == Some(b'}') {
            reader.leave();
            *self = reader;
            return Ok(());
        }
        let mut entries = 0;
        loop {
            entries += 1;
            if entries > MAX_FIELDS {
                return Err(reader.too_many(MAX_FIELDS, "fields in an object"));
            }
            entry(&mut reader)?;
            match reader.peek() {
                Some(b',') => reader.at += 1,
                Some(b'}') => {
                    reader.leave();
                    *self = reader;
                    return Ok(());
                }
                _ => return Err(reader.syntax(reader.at, "`,` or `}`")),
            }
        }
    }

    /// Takes a key and the colon behind it.
    #[inline]
    pub(super) fn key(&mut self) -> Result<&'a str, Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax(self.at, "a key"));
        }
        self.last = self.at;
        self.at += 1;
        let key = self.string()?;
        self.colon()?;
        Ok(key)
    }

    /// Takes a field's name with what is before it and up to its value; gives also its number, which `numbers` knows by its name. Or else
    /// what closes a struct, which is [`END`].
    #[inline(always)]
    pub(super) fn field(
        &mut self,
        place: &mut Place<'_>,
        numbers: fn(&str) -> usize,
    ) -> Result<(Name<'a>, usize), Fault> {
        let Some((len, number)) = place.follow(self.text.as_bytes(), self.at) else {
            // A copy that need not be in memory, as the reader's.
            let mut turned = *place;
            let field = self.aside(|reader| reader.other_field(&mut turned, numbers));
            *place = turned;
            return field;
        };
        self.last = self.at;
        self.at += len;
        Ok((Name::quoted(self.text, self.last), number))
    }

    /// As [`Self::field`], of one that did not come here last.
    #[inline(never)]
    fn other_field(&mut self, place: &mut Place<'_>, numbers: fn(&str) -> usize) -> Result<(Name<'a>, usize), Fault> {
        let begin = self.at;
        let first = place.is_start();
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                let number = place.turn(self.since(begin), numbers, || END);
                return Ok((Name::from(""), number));
            }
            Some(b',') if !first => self.at += 1,
            Some(_) if first => {}
            _ => return Err(self.syntax(self.at, if first { "a key" } else { "`,` or `}`" })),
        }
        if self.peek() != Some(b'"') {
            return Err(self.syntax(self.at, "a key"));
        }
        let name = Name::quoted(self.text, self.at);
        let end = string::plain(self.text.as_bytes(), self.at + 1);
        if self.text.as_bytes().get(end) != Some(&b'"') || end - self.at > self.limits.string {
            // It has escapes, and is another one where it stands; or it is malformed.
            let key = self.key()?;
            place.lose(numbers);
            return Ok((Name::from(key), numbers(key)));
        }
        (self.last, self.at) = (begin, end + 1);
        self.colon()?;
        // Up to the value, so that white space that is always there costs nothing.
        self.peek();
        Ok((name, place.turn(self.since(begin), numbers, || numbers(name.as_str()))))
    }

    /// The text, and what was taken of it since then.
    #[inline(always)]
    fn since(&self, begin: usize) -> (&'a [u8], Range<usize>) {
        (self.text.as_bytes(), begin..self.at)
    }
}
