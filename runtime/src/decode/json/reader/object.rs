//! Objects: their braces, commas and keys.

use super::super::shape::{LONGEST, Place};
use super::super::string;
use super::JsonReader;
use crate::decode::{Fault, Name};

/// The most fields of an object and entries of a map that are read.
const MAX_FIELDS: usize = 10_000;

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

    /// As [`Self::key`], of a struct; gives also the field's number, which `numbers` knows by its name.
    #[inline(always)]
    pub(super) fn field(
        &mut self,
        place: &mut Place<'_>,
        numbers: fn(&str) -> usize,
    ) -> Result<(Name<'a>, usize), Fault> {
        if self.byte() == Some(b' ') {
            self.at += 1;
        }
        let followed = self.text.as_bytes().get(self.at..).and_then(|rest| place.follow(rest));
        let Some((len, number)) = followed else {
            // A copy that need not be in memory, as the reader's.
            let mut turned = *place;
            let field = self.aside(|reader| reader.other_field(&mut turned, numbers));
            *place = turned;
            return field;
        };
        self.last = self.at;
        self.at += len;
        // Without its quotes and colon.
        Ok((Name::within(self.text, self.last + 1, self.at - 2), number))
    }

    /// As [`Self::field`], of one that was not there last.
    #[inline(never)]
    fn other_field(&mut self, place: &mut Place<'_>, numbers: fn(&str) -> usize) -> Result<(Name<'a>, usize), Fault> {
        self.peek();
        let rest = self.rest();
        if let Some((b'"', text)) = rest.split_first() {
            let len = string::plain(text);
            let whole = len + 3;
            if whole <= LONGEST && len <= self.limits.string && text.get(len..len + 2) == Some(b"\":") {
                self.last = self.at;
                self.at += whole;
                let name = Name::within(self.text, self.last + 1, self.at - 2);
                return Ok((name, place.turn(rest, whole, name, numbers)));
            }
        }
        let key = self.key()?;
        Ok((Name::from(key), numbers(key)))
    }
}
