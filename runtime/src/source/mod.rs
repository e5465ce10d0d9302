//! Sources: where records come from.
//!
//! A source is one file here: a function that names it in a pipeline, a builder whose methods are its options, and a
//! [`Source`] that opens a [`Feed`]. Positions are a source's own JSON, kept in the checkpoint and given back at the
//! next start, so that Kinesis' sequence numbers, Kafka's offsets with their topic id, and a file's byte offsets fit.

mod chunk;
pub mod file;
#[cfg(feature = "kinesis")]
pub mod kinesis;
pub mod memory;
mod metrics;
#[cfg(not(all(feature = "kinesis", feature = "socket")))]
mod off;
pub mod rate;
#[cfg(feature = "socket")]
pub mod socket;
mod spare;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use serde_json::Value;

pub use self::chunk::Chunk;
pub use self::file::file;
#[cfg(feature = "kinesis")]
pub use self::kinesis::kinesis;
pub use self::memory::memory;
pub use self::metrics::Metrics;
#[cfg(not(feature = "kinesis"))]
pub(crate) use self::off::off;
#[cfg(not(all(feature = "kinesis", feature = "socket")))]
#[doc(hidden)]
pub use self::off::*;
pub use self::rate::rate;
#[cfg(feature = "socket")]
pub use self::socket::socket;
pub use self::spare::Buffers;
pub(crate) use self::spare::Spare;
use crate::Result;
use crate::time::Timestamp;

/// A future that is boxed, for traits that are used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where records come from.
///
/// A source is a function, a [`Source`], its record and its [`Feed`]:
///
/// ```
/// use millstream::Result;
/// use millstream::source::{
///     BoxFuture, Chunk, ChunkSender, Description, Feed, Fetched, Limits, PartitionProgress, Place, Record, Resume, Source,
/// };
/// use serde_json::json;
///
/// /// `from countdown(10)`: the numbers from 10 down to 1.
/// pub fn countdown(from: u64) -> Countdown {
///     Countdown { from }
/// }
///
/// pub struct Countdown {
///     from: u64,
/// }
///
/// /// The columns before `decode`, and `record` after it.
/// #[derive(Clone, Copy)]
/// pub struct Second<'a> {
///     pub data: &'a [u8],
///     pub number: u64,
/// }
/// millstream::row!(SecondBuilders, Second<'_> { data: Vec<u8>, number: u64 });
///
/// impl<'a> Record<'a> for Second<'a> {
///     fn place(&self) -> Place {
///         Place { source: "countdown".into(), partition: "countdown".into(), position: self.number.to_string(), arrival: None }
///     }
/// }
///
/// impl Source for Countdown {
///     type Record<'a> = Second<'a>;
///     type Meta = ();
///     fn record<'a>(chunk: &'a Chunk, (): &'a (), index: usize) -> Second<'a> {
///         Second { data: chunk.payload(index), number: chunk.first + index as u64 }
///     }
///     fn describe(&self) -> Description {
///         let target = self.from.to_string();
///         Description { kind: "countdown", target, options: Vec::new(), replayable: true, finite: true }
///     }
///     fn open(&self, resume: Resume) -> BoxFuture<'_, Result<Box<dyn Feed>>> {
///         // The position that a checkpoint has is the one that the last fetch gave.
///         let next = resume.partitions.get("countdown").and_then(|state| state.to.as_u64()).unwrap_or(0);
///         Box::pin(async move { Ok(Box::new(Counting { from: self.from, next }) as Box<dyn Feed>) })
///     }
/// }
///
/// struct Counting {
///     from: u64,
///     next: u64,
/// }
///
/// impl Feed for Counting {
///     fn fetch<'a>(&'a mut self, limits: &'a Limits, out: &'a mut ChunkSender) -> BoxFuture<'a, Result<Fetched>> {
///         Box::pin(async move {
///             let before = self.next;
///             let rows = limits.rows.unwrap_or(u64::MAX).min(self.from - before);
///             let payloads: Vec<_> = (before..before + rows).map(|n| (self.from - n).to_string().into_bytes()).collect();
///             self.next += rows;
///             if rows > 0 {
///                 out.send(Chunk { end: json!(self.next), ..Chunk::of(&payloads, before) }).await;
///             }
///             let drained = self.next == self.from;
///             let progress = PartitionProgress {
///                 id: "countdown".into(),
///                 from: json!(before),
///                 to: json!(self.next),
///                 drained,
///                 ..PartitionProgress::default()
///             };
///             Ok(Fetched { partitions: vec![progress], exhausted: drained, ..Fetched::default() })
///         })
///     }
/// }
/// # use millstream::prelude::*;
/// let rows = millstream::sink::collect();
/// let pipeline = pipeline! { from countdown(3) | decode text | select { line, n = record.number } | sink rows.clone() };
/// pipeline.run_blocking()?;
/// assert_eq!(rows.len(), 3);
/// # Ok::<(), millstream::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source",
    note = "`from` takes a source such as `kinesis(\"readings\")` or `file(\"in/*.json\")`"
)]
pub trait Source: Send + Sync + 'static {
    /// A record as expressions see it before `decode`, and as `record` after it: a struct with public fields, made only
    /// as far as it is used.
    type Record<'a>: Record<'a>;
    /// What a chunk carries besides payloads.
    type Meta: Send + Sync + 'static;

    /// Record `index` of a chunk. Called for each record, so it must be cheap and inline.
    fn record<'a>(chunk: &'a Chunk, meta: &'a Self::Meta, index: usize) -> Self::Record<'a>;

    /// What the source is and whether it can be read again.
    fn describe(&self) -> Description;

    /// Opens the source where `resume` says, or at its configured start.
    ///
    /// # Errors
    /// The source cannot be reached, or does not fit what the checkpoint was written for.
    fn open(&self, resume: Resume) -> BoxFuture<'_, Result<Box<dyn Feed>>>;

    /// What a chunk of `records` records that a unit test has pushed carries, such as made-up partition keys. `None`, the
    /// default, when the source cannot be stood in for.
    fn test_meta(&self, _records: usize) -> Option<Self::Meta> {
        None
    }
}

/// What every record can say of itself, for error messages and dead letters.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a source's record")]
pub trait Record<'a>: Copy {
    /// Where it is: such as `shard shardId-000000000001, sequence number 4960..` or `in/a.json, line at byte 4711`.
    fn place(&self) -> Place;
}

/// Where a record is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The stream, topic or path.
    pub source: String,
    /// The shard, partition or file.
    pub partition: String,
    /// The sequence number or offset.
    pub position: String,
    /// When it arrived at the service, if known.
    pub arrival: Option<Timestamp>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.source == self.partition {
            write!(f, "{}, position {}", self.source, self.position)
        } else {
            write!(f, "{}, {}, position {}", self.source, self.partition, self.position)
        }
    }
}

/// What a source is.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// The kind, such as `kinesis`.
    pub kind: &'static str,
    /// What it reads, such as the stream's name or a path.
    pub target: String,
    /// Options worth showing, never secret ones.
    pub options: Vec<(&'static str, String)>,
    /// Whether it can be read again from a position. Without that nothing is exactly once, and a start with a checkpoint is
    /// refused unless [`allow_loss_on_restart`](crate::Pipeline::allow_loss_on_restart) is said.
    pub replayable: bool,
    /// Whether it ends by itself: files read once, memory, a rate with a count.
    pub finite: bool,
}

/// Where a source goes on.
#[derive(Debug, Clone, Default)]
pub struct Resume {
    /// The position of every partition that a commit names, by the partition's id; empty at the first start.
    pub partitions: BTreeMap<String, PartitionState>,
    /// The name of the pipeline, if it has one.
    pub pipeline: Option<String>,
    /// What [`Feed::identity`] said at the first start.
    pub identity: Option<Value>,
    /// What [`Feed::starts`] said at the first start, for a source that was opened before but never committed.
    pub starts: Option<Value>,
}

/// A partition in a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionState {
    /// The position after the last record of the last commit.
    pub to: Value,
    /// Whether the partition was read to its end and has none to come, such as a closed shard.
    pub drained: bool,
    /// The partitions it came from in a split or merge.
    pub parents: Vec<String>,
}

/// How much an epoch may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of payload, over all partitions.
    pub bytes: usize,
    /// Records, over all partitions, shared equally among those that have not ended. A share is rounded up, so an epoch may
    /// have up to one record more for each partition; it is kept to the record, so that a test can rely on it.
    pub rows: Option<u64>,
    /// When to stop waiting for more. The fetch returns earlier when `bytes` or `rows` are reached or the source ends.
    pub until: Instant,
    /// Return as soon as there is something and no more is at hand, rather than waiting for `until`.
    pub eager: bool,
}

/// An open source.
///
/// The engine calls [`Self::fetch`] once per epoch, the next one while the last is still being computed.
pub trait Feed: Send {
    /// Fetches one epoch's records into `out`, waiting while it is full.
    ///
    /// # Errors
    /// The source failed for good; what can be retried is.
    fn fetch<'a>(&'a mut self, limits: &'a Limits, out: &'a mut ChunkSender) -> BoxFuture<'a, Result<Fetched>>;

    /// What the checkpoint remembers of the source as a whole, such as a stream's ARN and creation time.
    fn identity(&self) -> Value {
        Value::Null
    }

    /// The start that the configured one was resolved to, such as the time that `latest` meant; made durable before the
    /// first fetch.
    fn starts(&self) -> Value {
        Value::Null
    }

    /// The time from which on records are read, if the source begins at one, such as the time that `latest` meant: until
    /// the first record arrives the pipeline says that it waits for records newer than that.
    fn since(&self) -> Option<Timestamp> {
        None
    }

    /// The longest time to collect records for an epoch, whatever the trigger says.
    fn longest(&self) -> Option<Duration> {
        None
    }

    /// Takes only what is there now, for the trigger `AvailableNow`: after that [`Fetched::exhausted`] is true.
    fn stop_at_present(&mut self) {}

    /// The run ends in order: a place to give back what the outside keeps for it. Not called after a failure.
    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What a fetch came to.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// Every partition that is known and not yet forgotten: those that gave records and those that did not.
    pub partitions: Vec<PartitionProgress>,
    /// Ids of partitions that no checkpoint needs to remember any more, such as closed shards whose data has expired.
    pub forgotten: Vec<String>,
    /// Whether nothing more will come: a finite source has ended, or all that was there at the start has been read.
    pub exhausted: bool,
    /// Whether a limit of bytes or rows kept back what is at hand: the epoch ends here, however long the fetch took.
    pub full: bool,
    /// Figures for the progress document; counts are those of this fetch.
    pub metrics: Metrics,
}

/// How far a partition is after a fetch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PartitionProgress {
    /// Its number for this run, as in [`Chunk::partition`].
    pub partition: u32,
    /// Its id in the checkpoint, such as `shardId-000000000001` or a path.
    pub id: String,
    /// The position before the fetch.
    pub from: Value,
    /// The position after it.
    pub to: Value,
    /// Whether it has been read to its end and has none to come.
    pub drained: bool,
    /// Whether it is proven to be caught up and silent, so that it need not hold the watermark.
    pub idle: bool,
    /// How far behind the newest record it is, in milliseconds, where the source says so.
    pub ms_behind: Option<u64>,
    /// The partitions it came from.
    pub parents: Vec<String>,
    /// The range of hash keys it holds, where the source has one.
    pub hash_range: Option<[String; 2]>,
}

/// The engine's end of a fetch: takes chunks, holding the source back while too many bytes wait.
pub struct ChunkSender {
    queue: tokio::sync::mpsc::Sender<(Chunk, tokio::sync::OwnedSemaphorePermit)>,
    budget: std::sync::Arc<tokio::sync::Semaphore>,
    limit: usize,
    bytes: usize,
    rows: u64,
    spare: Spare,
}

/// The other end of a [`ChunkSender`]; a chunk's permit is its share of the byte budget, given back when dropped.
pub type ChunkReceiver = tokio::sync::mpsc::Receiver<(Chunk, tokio::sync::OwnedSemaphorePermit)>;

impl ChunkSender {
    /// A queue that holds at most `bytes` of payload, and always one chunk.
    #[must_use]
    pub fn bounded(bytes: usize) -> (Self, ChunkReceiver) {
        Self::with(bytes, Spare::keeping(bytes))
    }

    /// As [`Self::bounded`], with the buffers of chunks of other queues, too.
    pub(crate) fn with(bytes: usize, spare: Spare) -> (Self, ChunkReceiver) {
        let limit = bytes.clamp(1, u32::MAX as usize / 2);
        let (queue, receiver) = tokio::sync::mpsc::channel(1_024);
        let budget = std::sync::Arc::new(tokio::sync::Semaphore::new(limit));
        (Self { queue, budget, limit, bytes: 0, rows: 0, spare }, receiver)
    }

    /// Buffers for the next chunk: those of one that was worked through, if there are any, so that memory is used again; new
    /// ones otherwise. A source may as well make its own.
    #[must_use]
    pub fn buffers(&self) -> Buffers {
        self.spare.take()
    }

    /// Where buffers are taken from and given back to.
    pub(crate) fn spare(&self) -> &Spare {
        &self.spare
    }

    /// Bytes of payload and records handed over so far.
    #[must_use]
    pub fn sent(&self) -> (usize, u64) {
        (self.bytes, self.rows)
    }

    /// Hands over a chunk once there is room. `false` when the engine has stopped listening; the fetch may then return
    /// at once, as nobody will use what it says.
    pub async fn send(&mut self, chunk: Chunk) -> bool {
        self.bytes += chunk.data.len();
        self.rows += chunk.len() as u64;
        let share = chunk.data.len().clamp(1, self.limit) as u32;
        let Ok(permit) = std::sync::Arc::clone(&self.budget).acquire_many_owned(share).await else { return false };
        self.queue.send((chunk, permit)).await.is_ok()
    }
}

/// A number for a partition that is the same in every run, from its id.
#[must_use]
pub fn order_of(id: &str) -> u32 {
    xxhash_rust::xxh3::xxh3_64(id.as_bytes()) as u32
}

/// How long a fetch waits for more by default.
pub const DEFAULT_WAIT: Duration = Duration::from_secs(10);
