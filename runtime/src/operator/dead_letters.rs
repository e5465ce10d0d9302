//! Dead letters as rows of a sink.

use super::chain::DeadLetter;
use crate::Result;
use crate::schema::Rows;
use crate::time::{Date, Timestamp};
use arrow::array::RecordBatch;

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

/// The rows of an epoch's dead letters; `date` is that of the epoch, so that they can be partitioned by it.
pub(crate) fn rows(letters: &[DeadLetter], batch_time: Timestamp) -> Result<Vec<RecordBatch>> {
    let mut rows = Rows::<Builders>::default();
    for letter in letters {
        rows.emit(Letter {
            raw: letter.raw.as_slice(),
            error: letter.error.as_str(),
            code: letter.code,
            column: letter.column.as_str(),
            source: letter.place.source.as_str(),
            shard_id: letter.place.partition.as_str(),
            sequence_number: letter.place.position.as_str(),
            arrival: letter.place.arrival,
            date: batch_time.date(),
        });
    }
    rows.take(true)
}
