//! One epoch's fetch, on a task of its own, so that it overlaps the computation of the epoch before.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{Instrument, Span};

use super::driver::Stop;
use crate::error::{Error, Kind, text_of_panic};
use crate::observe::EPOCH;
use crate::source::{ChunkReceiver, ChunkSender, Feed, Fetched, Limits, PartitionProgress, Spare};
use crate::{Result, clock};

/// A source is asked in slices of this length, so that a stop is heeded soon.
const SLICE: Duration = Duration::from_millis(500);

/// Bytes of payload for each worker, and once more, that wait at most: enough that none runs dry, few enough that what is
/// read is still near when it is worked on, and that memory is used again rather than asked for.
const AHEAD: usize = 4 << 20;

/// A fetch under way.
pub(super) struct Fetch {
    pub chunks: ChunkReceiver,
    pub task: JoinHandle<(Box<dyn Feed>, Result<Fetched>)>,
    pub started: Instant,
    /// The span of its epoch.
    pub span: Span,
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The bytes of payload that wait at most for so many workers.
pub(super) fn ahead(workers: usize) -> usize {
    AHEAD * (workers + 1)
}

/// Begins to fetch an epoch for so many workers, into buffers of `spare`.
pub(super) fn begin(
    mut feed: Box<dyn Feed>,
    mut limits: Limits,
    (workers, spare): (usize, Spare),
    stop: watch::Receiver<Stop>,
    span: Span,
) -> Fetch {
    let started = clock::monotonic();
    if let Some(longest) = feed.longest() {
        limits.until = limits.until.min(started + longest);
    }
    let (mut sender, chunks) = ChunkSender::with(limits.bytes.min(ahead(workers)), spare);
    let (rows, bytes) = (tracing::field::Empty, tracing::field::Empty);
    let fetching = tracing::debug_span!(target: EPOCH, parent: &span, "fetch", rows, bytes);
    let told = fetching.clone();
    let task = async move {
        let result = in_slices(feed.as_mut(), limits, &mut sender, &stop).await;
        let (bytes, rows) = sender.sent();
        told.record("rows", rows).record("bytes", bytes);
        (feed, result)
    };
    Fetch { chunks, task: tokio::spawn(task.instrument(fetching)), started, span }
}

/// The error of a fetch that did not come to its end.
pub(super) fn broken(ended: tokio::task::JoinError) -> Error {
    let error = match ended.try_into_panic() {
        Ok(panic) => format!("the source panicked: {}", text_of_panic(panic.as_ref())),
        Err(error) => format!("the source's task was ended: {error}"),
    };
    Error::new(Kind::Internal, error).help("mend the source; if it is one of millstream's, please report it")
}

/// Asks until a limit is reached, the time is up, the source has ended, or the run is to stop.
async fn in_slices(
    feed: &mut dyn Feed,
    limits: Limits,
    out: &mut ChunkSender,
    stop: &watch::Receiver<Stop>,
) -> Result<Fetched> {
    let mut whole = Fetched::default();
    loop {
        let (bytes, rows) = out.sent();
        let slice = Limits {
            bytes: limits.bytes.saturating_sub(bytes),
            rows: limits.rows.map(|limit| limit.saturating_sub(rows)),
            until: limits.until.min(clock::monotonic() + SLICE),
            eager: limits.eager,
        };
        let until = slice.until;
        let fetched = feed.fetch(&slice, out).await?;
        join(&mut whole, fetched);
        let now = clock::monotonic();
        // A source that returns before its time has reached a limit, too.
        if whole.exhausted || whole.full || now < until || now >= limits.until || *stop.borrow() != Stop::No {
            return Ok(whole);
        }
    }
}

/// Adds a later slice to what came before.
fn join(whole: &mut Fetched, later: Fetched) {
    let mut known: BTreeMap<String, PartitionProgress> =
        std::mem::take(&mut whole.partitions).into_iter().map(|partition| (partition.id.clone(), partition)).collect();
    // What is said of a partition that is forgotten in the same epoch would bring it back.
    known.retain(|id, _| !later.forgotten.contains(id));
    for mut partition in later.partitions {
        if let Some(earlier) = known.remove(&partition.id) {
            partition.from = earlier.from;
            partition.drained |= earlier.drained;
        }
        known.insert(partition.id.clone(), partition);
    }
    for id in &later.forgotten {
        known.remove(id);
    }
    whole.partitions = known.into_values().collect();
    whole.forgotten.extend(later.forgotten);
    whole.exhausted = later.exhausted;
    whole.full = later.full;
    whole.metrics.add(later.metrics);
}
