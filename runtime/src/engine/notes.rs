//! What an operator is to hear of, but not with every epoch, of which there may be five a second.

use std::time::{Duration, Instant};

use super::commit::Committed;
use super::watermark::Holder;
use crate::observe::{ROWS, SOURCE};
use crate::operator::input::Counts;
use crate::time::Timestamp;

/// The least time between two notes of a kind.
const PAUSE: Duration = Duration::from_secs(10);
/// How long the watermark may stand still, though rows come, before it is told who holds it.
const STILL: Duration = Duration::from_secs(60);

/// Gathers counts of several epochs, and tells of them now and then: the first time at once.
#[derive(Default)]
pub(super) struct Notes {
    told: Option<Instant>,
    counts: Counts,
    future: u64,
    throttled: f64,
    watermark: Option<Timestamp>,
    /// Since when the watermark stands there.
    since: Option<Instant>,
    /// The partition that was told to hold it there.
    named: Option<String>,
}

impl Notes {
    /// Takes in an epoch.
    pub(super) fn epoch(&mut self, committed: &Committed, now: Instant) {
        self.counts += committed.counts;
        self.future += committed.future;
        self.throttled += committed.metrics["numAwsRateLimitErrors"];
        if self.told.is_none_or(|told| now.duration_since(told) >= PAUSE) && self.tell(committed.watermark) {
            self.told = Some(now);
        }
        self.watch(committed, now);
    }

    /// Tells of what has been gathered; whether there was something.
    pub(super) fn tell(&mut self, watermark: Option<Timestamp>) -> bool {
        let (counts, future, throttled) =
            (std::mem::take(&mut self.counts), std::mem::take(&mut self.future), std::mem::take(&mut self.throttled));
        let watermark = watermark.map(tracing::field::display);
        if counts.late > 0 {
            tracing::warn!(target: ROWS, rows = counts.late, watermark, "rows came too late and were left out");
        }
        if counts.skipped > 0 {
            tracing::warn!(target: ROWS, rows = counts.skipped, "rows that cannot be decoded or computed were skipped");
        }
        if counts.dead > 0 {
            tracing::warn!(target: ROWS, rows = counts.dead, "rows went to the dead letters");
        }
        if future > 0 {
            let message = "rows have event times too far in the future to move the watermark";
            tracing::warn!(target: ROWS, rows = future, message);
        }
        if throttled > 0.0 {
            let message = "calls were refused for their rate, and are repeated";
            tracing::warn!(target: SOURCE, calls = throttled, message);
        }
        counts.late + counts.skipped + counts.dead + future > 0 || throttled > 0.0
    }

    /// Names the partition for which a watermark waits that does not move.
    fn watch(&mut self, committed: &Committed, now: Instant) {
        let since = match self.since {
            Some(since) if self.watermark == committed.watermark => since,
            _ => {
                (self.watermark, self.since, self.named) = (committed.watermark, Some(now), None);
                return;
            }
        };
        let Some(Holder { id, max_event_time, .. }) = committed.holder.as_ref().filter(|_| committed.counts.rows > 0)
        else {
            return;
        };
        let still = now.duration_since(since);
        if still >= STILL && self.named.as_ref() != Some(id) {
            let max_event_time = max_event_time.map(tracing::field::display);
            let message = "the watermark stands still: it waits for this partition";
            tracing::warn!(target: ROWS, partition = id, max_event_time, seconds = still.as_secs(), message);
            self.named = Some(id.clone());
        }
    }
}
