//! What a run came to.

use std::fmt;

use crate::operator::input::Counts;
use crate::time::Timestamp;

/// What a run came to. Its account adds up: rows in = rows used + filtered + late + skipped + dead letters.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// Epochs committed in this run.
    pub epochs: u64,
    /// The number of the last epoch committed, in this run or before; `None` if there never was one.
    pub last_epoch: Option<u64>,
    /// Counts of rows read.
    pub rows: Counts,
    /// Rows written to the sink.
    pub rows_out: u64,
    /// Where the watermark stands; `None` before the first event.
    pub watermark: Option<Timestamp>,
    /// Keys of groups that are still open, and so not in the output yet; 0 in modes update and complete, which show them.
    pub open_keys: u64,
    /// Whether the input has ended and every window was closed.
    pub drained: bool,
}

impl Summary {
    /// Rows that were used: neither filtered, late, skipped, nor dead letters.
    #[must_use]
    pub fn used(&self) -> u64 {
        let rows = self.rows;
        rows.rows.saturating_sub(rows.filtered + rows.late + rows.skipped + rows.dead)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows;
        write!(
            f,
            "{} rows in = {} used + {} filtered + {} late + {} skipped + {} dead letters; {} rows out in {} epoch{}",
            rows.rows,
            self.used(),
            rows.filtered,
            rows.late,
            rows.skipped,
            rows.dead,
            self.rows_out,
            self.epochs,
            if self.epochs == 1 { "" } else { "s" },
        )?;
        if self.open_keys > 0 {
            write!(f, "; {} keys in windows still open", self.open_keys)?;
            if let Some(watermark) = self.watermark {
                write!(f, ", since the watermark stands at {watermark}")?;
            }
        }
        Ok(())
    }
}
