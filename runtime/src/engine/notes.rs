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

/// 2000-01-01T00:00:00Z. Event times before that are most often in another unit than the schema says: seconds that are read as
/// milliseconds lie in January 1970.
const EARLY: Timestamp = Timestamp::from_micros(946_684_800_000_000);

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
    /// Whether it was told of event times that lie far in the past.
    early: bool,
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
        self.early(committed);
    }

    /// Tells, once, of a partition all of whose event times lie far in the past.
    fn early(&mut self, committed: &Committed) {
        let found = committed.partitions.iter().find(|partition| partition.max_event_time.is_some_and(|at| at < EARLY));
        if let Some(partition) = found.filter(|_| !self.early) {
            let max_event_time = partition.max_event_time.map(tracing::field::display);
            let message = "all event times of this partition lie before the year 2000: is their unit the one that the schema says?";
            tracing::warn!(target: ROWS, partition = partition.id, max_event_time, message);
            self.early = true;
        }
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
            let message = "rows have event times too far in the future to move the watermark; a wrong clock, or another unit than the schema says";
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
