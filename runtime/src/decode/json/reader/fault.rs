//! What can be wrong with a document. By value, so that the reader need not be in memory for it.

use super::JsonReader;
use crate::decode::{Fault, Found};

impl JsonReader<'_, '_> {
    /// The fault "the text is no JSON at byte `at`".
    #[cold]
    #[inline(never)]
    pub(in super::super) fn syntax(self, at: usize, expected: &str) -> Fault {
        let found = self.text.as_bytes().get(at).map_or(Found::End, |byte| Found::Byte(*byte));
        Fault::new("JSON_SYNTAX", self.base + at, expected, found)
    }

    /// The fault "the value that begins here is not `expected`".
    #[cold]
    #[inline(never)]
    pub(super) fn wrong(self, expected: &'static str) -> Fault {
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

    #[cold]
    #[inline(never)]
    pub(super) fn bad_literal(self, literal: &'static str) -> Fault {
        let same = self.rest().iter().zip(literal.as_bytes()).take_while(|(found, byte)| found == byte).count();
        self.syntax(self.at + same, &format!("`{literal}`"))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn too_long(self) -> Fault {
        let expected = format!("a string of at most {} bytes", self.limits.string);
        Fault::new("LIMIT", self.base + self.at, expected, Found::Type("a longer one"))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn too_deep(self) -> Fault {
        let expected = format!("at most {} lists and objects inside each other", self.limits.depth);
        Fault::new("LIMIT", self.base + self.at, expected, Found::Type("one more"))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn too_many(self, limit: usize, what: &str) -> Fault {
        Fault::new("LIMIT", self.base + self.at, format!("at most {limit} {what}"), Found::Type("one more"))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn range_fault(self, expected: &'static str) -> Fault {
        Fault::new("RANGE", self.base + self.last, expected, Found::Text(self.last()))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn type_fault(self, expected: &'static str) -> Fault {
        Fault::new("TYPE", self.base + self.last, expected, Found::Text(self.last()))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn missing_fault(self, column: &'static str) -> Fault {
        Fault::new("MISSING", self.base + self.at, "the field", Found::Nothing).within(column)
    }
}

/// The fault "the object being taken has the field `column` twice", of the first key at `at` or behind it. Not of a reader: rustc would
/// hand on the place in memory of the one at hand, in which that would then have to be all the time.
#[cold]
#[inline(never)]
pub(super) fn duplicate(text: &str, base: usize, at: usize, column: &'static str) -> Fault {
    let before = text.get(at..).and_then(|rest| rest.find('"')).unwrap_or_default();
    Fault::new("DUPLICATE", base + at + before, "the field once", Found::Type("it again")).within(column)
}
