//! Dead letters as rows of a sink.

use crate::schema::Row;
use crate::source::Place;
use crate::time::{Date, Timestamp};
use crate::{Result, StreamSchema};

/// A record that could not be decoded, of which a row could not be computed, or that came too late: a row of the sink in
/// `else dead_letter(SINK)`.
///
/// What was written can be read as this struct, from files or by `decode json as DeadLetter`, or in other programs by
/// its columns.
///
/// ```
/// # fn main() -> millstream::Result<()> {
/// use millstream::prelude::*;
/// use millstream::DeadLetter;
/// # #[derive(StreamSchema)]
/// # struct Reading { n: u8 }
///
/// let pipeline = pipeline! {
///     from memory(["{}"]) | decode json as Reading else dead_letter(collect()) | select { n } | sink collect()
/// };
/// let mut run = pipeline.test();
/// let letters: Vec<DeadLetter> = run.push([r#"{"n": 300}"#])?.dead_letters();
/// assert_eq!((letters[0].code.as_str(), letters[0].column.as_str()), ("RANGE", "n"));
/// assert_eq!(letters[0].raw, br#"{"n": 300}"#);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, StreamSchema)]
pub struct DeadLetter {
    /// The payload as it came; of `json(lines)` the line.
    pub raw: Vec<u8>,
    /// What was wrong with it.
    pub error: String,
    /// The stable code of the fault, such as `RANGE`, or `late`.
    pub code: String,
    /// The column it was wrong in; empty when it was the record as a whole.
    pub column: String,
    /// The stream, topic or path.
    pub source: String,
    /// The shard, partition or file.
    pub shard_id: String,
    /// The sequence number or offset.
    pub sequence_number: String,
    /// When the record arrived at the service, if known.
    pub arrival: Option<Timestamp>,
    /// The day on which its epoch was planned, in UTC, to partition by.
    pub date: Date,
}

impl DeadLetter {
    pub(super) fn new(raw: &[u8], error: String, code: &str, column: &str, place: Place, date: Date) -> Self {
        Self {
            raw: raw.to_vec(),
            error,
            code: code.to_owned(),
            column: column.to_owned(),
            source: place.source,
            shard_id: place.partition,
            sequence_number: place.position,
            arrival: place.arrival,
            date,
        }
    }
}

/// Columns of a dead letter.
#[derive(Clone, Copy)]
struct Letter<A, B, C, D, E, F, G, H, I> {
    raw: A,
    error: B,
    code: C,
    column: D,
    source: E,
    shard_id: F,
    sequence_number: G,
    arrival: H,
    date: I,
}

crate::row!(
    LetterBuilders,
    Letter { raw: A, error: B, code: C, column: D, source: E, shard_id: F, sequence_number: G, arrival: H, date: I }
);

/// The builders of dead letters.
pub(crate) type Builders =
    LetterBuilders<Vec<u8>, String, String, String, String, String, String, Option<Timestamp>, Date>;

impl DeadLetter {
    /// The row of it.
    pub(crate) fn row(&self) -> impl Row<Builders = Builders> + '_ {
        Letter {
            raw: self.raw.as_slice(),
            error: self.error.as_str(),
            code: self.code.as_str(),
            column: self.column.as_str(),
            source: self.source.as_str(),
            shard_id: self.shard_id.as_str(),
            sequence_number: self.sequence_number.as_str(),
            arrival: self.arrival,
            date: self.date,
        }
    }
}

/// Takes dead letters as they come.
pub trait Letters {
    /// Takes one: a record with rows that came too `late`, or one that cannot be decoded or computed.
    ///
    /// # Errors
    /// It cannot be written.
    fn post(&mut self, letter: DeadLetter, late: bool) -> Result<()>;
}

/// Keeps them.
impl Letters for Vec<DeadLetter> {
    fn post(&mut self, letter: DeadLetter, _late: bool) -> Result<()> {
        self.push(letter);
        Ok(())
    }
}
