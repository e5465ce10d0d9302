//! Formats of sinks that write bytes: from rows to payloads.
//!
//! A format is one file here: a value that names it in the options of a sink, `format = json`, and an [`Encode`]. It works on
//! a batch at a time and appends to one buffer, so nothing is allocated for a row.

pub mod json;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails is meant to panic")]
mod tests;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

pub use self::json::{JsonRow, json};
use crate::Result;

/// Turns rows into payloads.
#[diagnostic::on_unimplemented(
    message = "the sink has no format to write its rows in",
    label = "`format = ..` is missing, or is no format",
    note = "write `format = json` among the options of the sink"
)]
pub trait Encode: Clone + Send + Sync + 'static {
    /// What it is called in a pipeline, such as `json`.
    fn name(&self) -> &'static str;

    /// Whether rows of a schema can be written.
    ///
    /// # Errors
    /// [`Config`](crate::error::Kind::Config), naming the column that cannot.
    fn check(&self, schema: &Schema) -> Result<()>;

    /// Appends a payload for each row of a batch whose schema was checked.
    ///
    /// # Errors
    /// A column is of a type the format has no words for.
    fn encode(&self, batch: &RecordBatch, out: &mut Payloads) -> Result<()>;
}

/// Payloads side by side in one buffer.
#[derive(Debug, Clone, Default)]
pub struct Payloads {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Payloads {
    /// The buffer that the payload under construction is appended to.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Ends the payload under construction.
    pub fn end(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A payload; empty if there is none of this number.
    #[must_use]
    pub fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        let span = start.zip(self.ends.get(index)).map(|(start, end)| start..*end);
        span.and_then(|span| self.bytes.get(span)).unwrap_or_default()
    }
}
