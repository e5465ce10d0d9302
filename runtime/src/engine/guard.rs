//! Whether too much of the input is of no use: a mistake upstream must not drain it into the dead letters unseen.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tracing::field::display;

use crate::Result;
use crate::error::{Error, Kind};
use crate::observe::ROWS;
use crate::schema::Fault;
use crate::source::Place;

/// The time that is looked back on.
const SPAN: Duration = Duration::from_secs(60);
/// Rows below which no rate means anything.
const LEAST: u64 = 100;
/// The rate from which on it is told of.
const TELL: f64 = 0.05;

/// Rows of the last minute, and how many of them could not be decoded or computed.
pub(super) struct Guard {
    /// The rate that ends the run, if it is to.
    limit: Option<f64>,
    epochs: VecDeque<(Instant, u64, u64)>,
    rows: u64,
    bad: u64,
    told: bool,
}

impl Guard {
    pub(super) fn new(limit: Option<f64>) -> Self {
        Self { limit, epochs: VecDeque::new(), rows: 0, bad: 0, told: false }
    }

    /// Takes in an epoch that is computed and not committed; `first` is its first error, with its place.
    ///
    /// # Errors
    /// The rate is over the limit.
    pub(super) fn epoch(&mut self, rows: u64, bad: u64, first: Option<&(Fault, Place)>, now: Instant) -> Result<()> {
        self.epochs.push_back((now, rows, bad));
        self.rows += rows;
        self.bad += bad;
        while let Some(&(at, rows, bad)) = self.epochs.front()
            && now.saturating_duration_since(at) > SPAN
        {
            self.rows -= rows;
            self.bad -= bad;
            self.epochs.pop_front();
        }
        let rate = self.bad as f64 / self.rows.max(1) as f64;
        let over = |limit: f64| self.rows >= LEAST && rate > limit;
        if let Some(limit) = self.limit.filter(|limit| over(*limit)) {
            return Err(self.too_many(rate, limit, first));
        }
        if !over(TELL) {
            self.told = false;
        } else if !self.told {
            self.told = true;
            let message = "many rows of the last minute cannot be decoded or computed";
            // What was found stays out of logs; it may be what nobody is to read there.
            let (code, at) = (first.map(|(fault, _)| fault.code()), first.map(|(_, place)| display(place)));
            tracing::warn!(target: ROWS, rows = self.bad, of = self.rows, rate, code, at, message);
        }
        Ok(())
    }

    #[cold]
    fn too_many(&self, rate: f64, limit: f64, first: Option<&(Fault, Place)>) -> Error {
        let (bad, rows, rate, limit) = (self.bad, self.rows, rate * 100.0, limit * 100.0);
        let message = format!(
            "{bad} of the {rows} rows of the last minute cannot be decoded or computed: {rate:.1} %, more than {limit} %; \
             the first one of the last epoch: {}",
            first.map_or("none".to_owned(), |(fault, place)| format!("{fault}; it is in {place}"))
        );
        Error::new(Kind::Data, message).help(
            "the last epoch was not committed and is read again: mend what writes the records, or the schema; or let more \
             pass with `.max_error_rate(..)`",
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn f_038_the_rate_is_that_of_a_minute_and_of_enough_rows() {
        let begun = clock::monotonic();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut guard = Guard::new(Some(0.05));
        // Too few to say anything, though all are bad.
        guard.epoch(99, 99, None, at(0)).unwrap();
        // A minute later those are forgotten.
        guard.epoch(1_000, 50, None, at(61)).unwrap();
        guard.epoch(1_000, 50, None, at(100)).unwrap();
        let error = guard
            .epoch(
                10,
                1,
                Some(&(Fault::computed("why"), Place { source: "where".to_owned(), ..Place::default() })),
                at(110),
            )
            .unwrap_err();
        assert_eq!(error.kind().exit_code(), 65);
        for words in ["101 of the 2010 rows", "5.0 %, more than 5 %", "why (EXPRESSION); it is in where"] {
            assert!(error.to_string().contains(words), "{error}");
        }
        // Without a limit it is told of and no more.
        let mut guard = Guard::new(None);
        guard.epoch(1_000, 1_000, None, at(0)).unwrap();
        assert!(guard.told);
        guard.epoch(1_000, 0, None, at(70)).unwrap();
        assert!(!guard.told);
    }
}
