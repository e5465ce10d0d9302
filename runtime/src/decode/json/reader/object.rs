//! Objects: their braces, commas and keys.

use super::JsonReader;
use crate::decode::{Fault, Name};

/// The most fields of an object and entries of a map that are read.
const MAX_FIELDS: usize = 10_000;

impl<'a> JsonReader<'a, '_> {
    /// Takes an object; `entry` takes each key and value, and is told how many there were before.
    #[inline(always)]
    pub(super) fn entries(
        &mut self,
        mut entry: impl FnMut(&mut Self, usize) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
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
            entry(&mut reader, entries)?;
            entries += 1;
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

    /// Takes key `order` of an object and the colon behind it.
    #[inline(always)]
    pub(super) fn key(&mut self, order: usize) -> Result<&'a str, Fault> {
        self.field(order, |_| 0).map(|(name, _)| name.as_str())
    }

    /// As [`Self::key`]; gives also the field's number, which `number` knows by its name.
    #[inline(always)]
    pub(super) fn field(&mut self, order: usize, number: fn(&str) -> usize) -> Result<(Name<'a>, usize), Fault> {
        if self.byte() == Some(b' ') {
            self.at += 1;
        }
        // Objects inside of others have keys of their own, and are not remembered.
        let rest = self.text.as_bytes().get(self.at..).filter(|_| self.depth == 1);
        let Some((len, number)) = rest.and_then(|rest| self.shape.key(order, rest)) else {
            return self.aside(|reader| reader.new_field(order, number));
        };
        self.last = self.at;
        self.at += len;
        // Without its quotes and colon.
        Ok((Name::within(self.text, self.last + 1, self.at - 2), number))
    }

    /// As [`Self::field`], of one that the record before did not have there.
    #[inline(never)]
    fn new_field(&mut self, order: usize, number: fn(&str) -> usize) -> Result<(Name<'a>, usize), Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax(self.at, "a key"));
        }
        if order >= MAX_FIELDS {
            return Err(self.too_many(MAX_FIELDS, "fields in an object"));
        }
        self.last = self.at;
        self.at += 1;
        let key = self.string()?;
        let (end, escaped) = (self.at, self.at - self.last != key.len() + 2);
        self.colon()?;
        let number = number(key);
        if self.depth == 1 && !escaped && self.at == end + 1 {
            let text = self.text.as_bytes().get(self.last..self.at).unwrap_or_default();
            self.shape.learn(order, text, number);
        }
        Ok((Name::from(key), number))
    }
}
