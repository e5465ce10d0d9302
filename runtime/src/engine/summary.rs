//! What a run came to.

use std::fmt;

use crate::operator::input::Counts;
use crate::pipeline::KeyedPlan;
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
    /// Why they are open.
    pub(crate) open: Open,
    /// Whether the input has ended and every window was closed.
    pub drained: bool,
}

/// Why groups are open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Open {
    /// Their windows are.
    #[default]
    Windows,
    /// Their time to live has not run out.
    Ttl,
    /// Either.
    Groups,
}

impl Open {
    /// What the keyed stages of a pipeline hold.
    pub(crate) fn of(keyed: &[KeyedPlan]) -> Self {
        let windowed = keyed.iter().filter(|keyed| keyed.spec.window.is_windowed()).count();
        match windowed {
            0 => Self::Ttl,
            windowed if windowed == keyed.len() => Self::Windows,
            _ => Self::Groups,
        }
    }
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
            let keys = if self.open_keys == 1 { "key" } else { "keys" };
            let open = match self.open {
                Open::Windows => "in windows still open",
                Open::Ttl => "with time left to live",
                Open::Groups => "in groups still open",
            };
            write!(f, "; {} {keys} {open}", self.open_keys)?;
            match self.watermark {
                Some(watermark) => write!(f, ", since the watermark stands at {watermark}")?,
                None => f.write_str(", since there is no watermark yet")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_account_says_why_keys_are_open() {
        let watermark = Some(Timestamp::from_micros(0));
        let mut summary = Summary { open_keys: 2, watermark, ..Summary::default() };
        let open =
            |summary: &Summary| summary.to_string().split_once("; 0 rows out in 0 epochs; ").unwrap().1.to_owned();
        assert_eq!(open(&summary), "2 keys in windows still open, since the watermark stands at 1970-01-01T00:00:00Z");
        (summary.open, summary.watermark, summary.open_keys) = (Open::Ttl, None, 1);
        assert_eq!(open(&summary), "1 key with time left to live, since there is no watermark yet");
    }
}
