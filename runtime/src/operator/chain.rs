//! A pipeline as the engine sees it: typed inside, erased at its edges.

use std::any::Any;

use arrow::array::RecordBatch;

use super::dead_letters::Letters;
use super::input::{Counts, Policy};
use super::pulse::Pulse;
use crate::Result;
use crate::schema::Fault;
use crate::sink::Mode;
use crate::source::{Chunk, Place};
use crate::time::Timestamp;

/// What operators may know of the epoch they work in. All of it comes from the plan, never from a clock of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochPlan {
    /// The number of the epoch.
    pub epoch: u64,
    /// The watermark at the epoch's start: rows whose windows end at or before it are late. `None` before the first.
    pub watermark: Option<Timestamp>,
    /// The time at which the epoch was planned.
    pub batch_time: Timestamp,
    /// Event times after this one do not move the watermark.
    pub horizon: Timestamp,
}

/// What operators know of the pipeline they are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Which groups reach the sink, and when.
    pub mode: Mode,
    /// What becomes of late rows of the first keyed stage.
    pub late: Policy,
}

impl Default for Settings {
    /// Append; late rows are counted.
    fn default() -> Self {
        Self { mode: Mode::Append, late: Policy::Skip }
    }
}

/// What came of a chunk.
#[derive(Debug, Default)]
pub struct Report {
    /// Counts of its rows.
    pub counts: Counts,
    /// The latest event time that moves the watermark.
    pub max_event_time: Option<Timestamp>,
    /// Rows whose event time was too far in the future to move it.
    pub future: u64,
    /// Rows among the dead letters of `counts` that came too late.
    pub late_dead: u64,
    /// What was wrong with the first record that could not be decoded or computed, and where it is.
    pub first_bad: Option<(Fault, Place)>,
}

/// What a stage group gives on.
pub enum Output {
    /// Rows for the sink.
    Rows(Vec<RecordBatch>),
    /// Partial aggregates for the keyed stage that follows, one for each worker.
    Parts(Vec<Part>),
}

/// Partial aggregates of a typed table, on their way to the worker that owns their key groups.
pub type Part = Box<dyn Any + Send>;

/// Everything before the first shuffle, or all of a chain without one. One per worker.
pub trait MapSide: Send {
    /// Works through a chunk; dead letters go to `letters` one by one, as a chunk may be nothing else. `pulse` beats before
    /// each record.
    ///
    /// # Errors
    /// A record could not be decoded, or a row was late, and the policy is `fail`; or a dead letter cannot be written.
    fn chunk(&mut self, chunk: &Chunk, plan: &EpochPlan, letters: &mut dyn Letters, pulse: &Pulse) -> Result<Report>;

    /// Where the first and the last record of a chunk are; `None` if it has none.
    fn places(&self, chunk: &Chunk) -> Option<(Place, Place)>;

    /// Takes the rows that are ready for the sink; empty when a keyed stage follows.
    ///
    /// # Errors
    /// A row builder disagrees with its own schema.
    fn rows(&mut self, all: bool) -> Result<Vec<RecordBatch>>;

    /// Ends the epoch: gives what is left, split for `workers` workers, and counts what came late and was left out.
    ///
    /// # Errors
    /// As [`Self::rows`].
    fn seal(&mut self, workers: usize) -> Result<(Output, u64)>;
}

/// A keyed stage: owns the state of some key groups. One per worker and stage.
pub trait KeyedSide: Send {
    /// Adds partial aggregates to the state. Groups that end at or before `closing` need not be logged.
    ///
    /// # Errors
    /// The part is of another type: a bug.
    fn merge(&mut self, part: Part, closing: Option<Timestamp>) -> Result<()>;

    /// Gives the groups on that are due by the output mode, and forgets those that end at or before `watermark`. Rows for the
    /// sink go to `hand` as they are made, but for the last.
    ///
    /// # Errors
    /// An aggregate's result cannot be represented, or that of `hand`.
    fn close(
        &mut self,
        plan: &EpochPlan,
        watermark: Option<Timestamp>,
        workers: usize,
        hand: &mut Hand<'_>,
    ) -> Result<(Output, u64)>;

    /// Takes the changes of the epoch: rows of key group, pane (or the event time of the last row, where there are no
    /// windows), keys and accumulators.
    ///
    /// # Errors
    /// A builder disagrees with its own schema.
    fn changes(&mut self) -> Result<Vec<RecordBatch>>;

    /// Gives all state of the key groups from `low` up to but without `high`, in the same form; one batch at least, if
    /// without rows.
    ///
    /// # Errors
    /// As [`Self::changes`], or groups on disk cannot be read.
    fn snapshot(&self, low: u16, high: u16) -> Result<Vec<RecordBatch>>;

    /// Puts back what [`Self::changes`] or [`Self::snapshot`] gave, if `owns` the key group; later rows replace earlier
    /// ones.
    ///
    /// # Errors
    /// A batch has other columns than this stage.
    fn restore(&mut self, batches: &[RecordBatch], owns: &dyn Fn(u16) -> bool) -> Result<()>;

    /// After the last [`Self::restore`]: forgets the groups that had ended by then.
    ///
    /// # Errors
    /// Groups on disk cannot be read.
    fn restored(&mut self, watermark: Option<Timestamp>) -> Result<()>;

    /// The number of keys, over all windows.
    fn keys(&self) -> u64;

    /// An estimate of the bytes held.
    fn bytes(&self) -> u64;

    /// How many windows have groups, and when the oldest began; `None` without windows.
    fn open(&self) -> Option<(u64, Timestamp)>;

    /// How many keys were added or changed since the last call, those of windows that have closed included.
    fn updated(&mut self) -> u64;

    /// How many keys were forgotten since the last call, as their groups had ended.
    fn removed(&mut self) -> u64;

    /// Whether changes are to be remembered for [`Self::changes`]; off without a checkpoint.
    fn log_changes(&mut self, on: bool);

    /// Lets the stage put groups on disk, see [`Self::evict`]; `pulse` beats for each piece that is read or written.
    ///
    /// # Errors
    /// Its state has a type that cannot be put there.
    #[cfg(feature = "spill")]
    fn spill(
        &mut self,
        scratch: std::sync::Arc<crate::state::scratch::Scratch>,
        pulse: std::sync::Arc<Pulse>,
    ) -> Result<()>;

    /// Puts groups on disk until memory has so many bytes less, between two epochs.
    ///
    /// # Errors
    /// The disk cannot be written.
    #[cfg(feature = "spill")]
    fn evict(&mut self, bytes: u64) -> Result<()>;

    /// The keys that are on disk only, and the bytes they take there.
    #[cfg(feature = "spill")]
    fn spilled(&self) -> (u64, u64);
}

/// Takes rows for the sink while more are made.
pub type Hand<'h> = dyn FnMut(Vec<RecordBatch>) -> Result<()> + 'h;

/// One worker's pipeline.
pub struct Chain {
    /// Up to the first shuffle.
    pub map: Box<dyn MapSide>,
    /// The keyed stages, in order.
    pub keyed: Vec<Box<dyn KeyedSide>>,
}
