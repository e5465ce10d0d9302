//! Worker threads: each runs its own copy of the chain.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use tokio::sync::{OwnedSemaphorePermit, mpsc as replies};
use tracing::Span;

use super::keeping::Keeping;
use super::ledger::Slot;
use super::letters::{LetterBox, Post};
use super::share::{Load, Share};
use super::watchdog::{Watch, What};
#[cfg(feature = "parquet")]
use crate::checkpoint::restore::Rows;
use crate::error::{Error, Kind, text_of_panic};
use crate::observe::EPOCH;
use crate::operator::chain::{Chain, EpochPlan, KeyedSide, Output, Part};
use crate::operator::input::Counts;
#[cfg(feature = "parquet")]
use crate::operator::keyed::owner;
use crate::schema::Fault;
use crate::sink::{StageWriter, StagedFile};
use crate::source::{Chunk, Place, Spare};
use crate::thread::{self, Thread};
use crate::time::Timestamp;
use crate::{Result, clock};

/// What a worker is told to do.
pub(crate) enum Command {
    /// Work through a chunk. Answered only when it fails.
    Chunk(Chunk, Task),
    /// All chunks of the epoch are there: give what the map side has.
    Seal { workers: usize },
    /// Add parts to the state of keyed stage `stage`, give on what is due and end what ends by `watermark`.
    Reduce { stage: usize, parts: Vec<Part>, plan: EpochPlan, watermark: Option<Timestamp>, workers: usize },
    /// End the epoch; take snapshots of these ranges of key groups, those that are this worker's.
    Finish { epoch: u64, snapshots: Vec<(u16, u16)> },
    /// Put back rows of the state of keyed stage `stage`.
    #[cfg(feature = "parquet")]
    Restore { stage: usize, rows: Rows, workers: usize },
    /// All state is back.
    Restored { stage: usize, watermark: Option<Timestamp> },
}

/// What goes with a chunk.
pub(crate) struct Task {
    /// How many chunks of the epoch came before it, at all workers.
    pub number: u64,
    pub plan: EpochPlan,
    /// The span of the work on the epoch's chunks.
    pub process: Span,
    /// Its share of the byte budget.
    pub permit: OwnedSemaphorePermit,
    /// Its share of the worker's load.
    pub share: Share,
    /// Takes its buffers when it was worked through.
    pub spare: Spare,
}

/// Why a worker has failed.
pub(crate) struct Failure {
    pub error: Error,
    /// The number of the chunk; [`AFTER`] all chunks, where it was none.
    pub chunk: u64,
}

/// The number of what comes after all chunks of an epoch.
const AFTER: u64 = u64::MAX;

/// What a worker answers.
pub(crate) enum Reply {
    Sealed(Box<Sealed>),
    Reduced {
        output: Option<Vec<Part>>,
        late: u64,
    },
    Finished(Box<Finished>),
    /// State is back: how many keys there are now, and the bytes they take in memory and on disk; of the stage, or once all is back of all stages.
    Restored {
        keys: u64,
        bytes: u64,
        spilled: u64,
    },
    Failed(Failure),
}

/// The map side of an epoch.
#[derive(Default)]
pub(crate) struct Sealed {
    pub parts: Option<Vec<Part>>,
    pub counts: Counts,
    pub future: u64,
    /// The latest event time of each partition.
    pub event_times: Vec<(u32, Timestamp)>,
    pub late_dead: u64,
    /// What was wrong with the first record that was of no use, and where it is; the number of its chunk.
    pub first_bad: Option<(u64, Fault, Place)>,
    /// How long the worker was at work on it.
    pub busy: Duration,
}

/// A worker's share of an epoch.
#[derive(Default)]
pub(crate) struct Finished {
    pub files: Vec<StagedFile>,
    /// Of a sink that delivers, each with the number of its chunk: rows are delivered in the order in which they were read.
    pub batches: Vec<(u64, RecordBatch)>,
    /// The dead letters of all workers, at one of them.
    pub letters: Vec<Slot>,
    pub rows_out: u64,
    /// By keyed stage.
    pub state: Vec<StageState>,
}

/// What a keyed stage gives to the checkpoint.
#[derive(Default)]
pub(crate) struct StageState {
    pub changes: Vec<RecordBatch>,
    pub snapshots: Vec<((u16, u16), Vec<RecordBatch>)>,
    pub keys: u64,
    pub updated: u64,
    pub removed: u64,
    pub bytes: u64,
    /// How many windows have groups, and when the oldest began.
    pub open: Option<(u64, Timestamp)>,
    /// Bytes that went from memory to disk after the epoch.
    pub evicted: u64,
    /// Keys that are on disk only, and the bytes there.
    pub spilled: (u64, u64),
    /// How long it took to add the epoch's rows, and to give groups on and forget those that have ended.
    pub updating: Duration,
    pub removing: Duration,
}

/// A running worker.
pub(crate) struct Worker {
    pub commands: thread::Sender<Command>,
    pub load: Load,
    pub watch: Arc<Watch>,
    pub thread: Option<Thread>,
}

/// Starts a worker. It ends when its command channel is dropped.
pub(super) fn start(
    number: usize,
    make: impl FnOnce() -> Chain + Send + 'static,
    (writer, letters): (Option<Box<dyn StageWriter>>, &[LetterBox]),
    keeping: Keeping,
    answers: replies::UnboundedSender<(usize, Reply)>,
) -> Result<Worker> {
    let (commands, inbox) = thread::channel();
    let letters = Post::new(letters);
    let watch = Arc::new(Watch::default());
    let watched = Arc::clone(&watch);
    let thread = thread::spawn(&format!("millstream-worker-{number}"), move || {
        let made = catch_unwind(AssertUnwindSafe(make)).map_err(|panic| panicked(panic.as_ref()));
        let chain = match made.and_then(|mut chain| keeping.begin(&mut chain, &watched.pulse).map(|()| chain)) {
            Ok(chain) => chain,
            Err(error) => {
                answers.send((number, Reply::Failed(Failure { error, chunk: AFTER }))).ok();
                // Whoever sends a command is to find the reason, not a closed channel.
                while inbox.recv().is_some() {}
                return;
            }
        };
        let mut state = State {
            number,
            watch: watched,
            chain,
            keeping,
            writer,
            letters,
            epoch: 0,
            chunk: AFTER,
            took: Vec::new(),
            sealed: Sealed::default(),
            finished: Finished::default(),
            failed: false,
        };
        while let Some(command) = inbox.recv() {
            let answer = catch_unwind(AssertUnwindSafe(|| state.obey(command)));
            let answer = match answer {
                Ok(Ok(None)) => continue,
                Ok(Ok(Some(reply))) => reply,
                Ok(Err(error)) => Reply::Failed(Failure { error, chunk: state.chunk }),
                Err(panic) => Reply::Failed(Failure { error: panicked(panic.as_ref()), chunk: state.chunk }),
            };
            state.watch.end();
            // The state is not to be trusted after a failure, and the driver stops at the first.
            state.failed |= matches!(answer, Reply::Failed(_));
            if answers.send((number, answer)).is_err() {
                return;
            }
        }
    })
    .map_err(|error| Error::io("starting a worker thread", error))?;
    Ok(Worker { commands, load: Load::default(), watch, thread: Some(thread) })
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    Error::new(Kind::Internal, format!("an expression of the pipeline panicked: {}", text_of_panic(panic)))
        .help("nothing of the epoch was written; mend the expression and start again")
}

struct State {
    number: usize,
    watch: Arc<Watch>,
    chain: Chain,
    keeping: Keeping,
    writer: Option<Box<dyn StageWriter>>,
    letters: Post,
    epoch: u64,
    /// The number of the chunk at hand or of the last one; [`AFTER`] all of the epoch's.
    chunk: u64,
    /// By keyed stage, how long its part of the epoch took: adding to the state, and giving on and forgetting.
    took: Vec<(Duration, Duration)>,
    sealed: Sealed,
    finished: Finished,
    failed: bool,
}

impl State {
    fn obey(&mut self, command: Command) -> Result<Option<Reply>> {
        if self.failed {
            return Ok(None);
        }
        match command {
            Command::Chunk(chunk, Task { number, plan, process, permit, share, spare }) => {
                let (worker, rows, bytes) = (self.number, chunk.len(), chunk.data.len());
                // What expressions log is in the span of the epoch.
                let _process = process.enter();
                let _chunk = tracing::trace_span!(target: EPOCH, "chunk", worker, rows, bytes).entered();
                self.epoch = plan.epoch;
                let begun = clock::monotonic();
                self.letters.begin(plan.epoch);
                // What lies between this chunk and the one before is another worker's.
                if self.writer.is_none() && self.chunk.wrapping_add(1) != number {
                    let rows = self.chain.map.rows(true)?;
                    self.write(self.chunk, rows)?;
                }
                self.letters.chunk(number)?;
                self.chunk = number;
                if let Some(places) = self.chain.map.places(&chunk) {
                    self.watch.begin(plan.epoch, What::Records(Box::new(places)));
                }
                let report = self.chain.map.chunk(&chunk, &plan, &mut self.letters, &self.watch.pulse)?;
                self.watch.end();
                // They are there when the source is let go on.
                spare.give(chunk.data, chunk.spans);
                drop((permit, share));
                self.sealed.counts += report.counts;
                self.sealed.future += report.future;
                self.sealed.late_dead += report.late_dead;
                if let Some((fault, place)) = report.first_bad {
                    self.sealed.first_bad.get_or_insert((number, fault, place));
                }
                if let Some(time) = report.max_event_time {
                    match self.sealed.event_times.iter_mut().find(|(partition, _)| *partition == chunk.partition) {
                        Some((_, latest)) => *latest = time.max(*latest),
                        None => self.sealed.event_times.push((chunk.partition, time)),
                    }
                }
                let rows = self.chain.map.rows(false)?;
                self.write(number, rows)?;
                self.sealed.busy += clock::since(begun);
                Ok(None)
            }
            Command::Seal { workers } => {
                let begun = clock::monotonic();
                // The rows that are left are the last chunk's. What fails with them does so after all chunks.
                let last = std::mem::replace(&mut self.chunk, AFTER);
                let (output, late) = self.chain.map.seal(workers)?;
                let parts = self.output(last, output)?;
                self.letters.flush()?;
                let mut sealed = std::mem::take(&mut self.sealed);
                sealed.counts.late += late;
                sealed.parts = parts;
                sealed.busy += clock::since(begun);
                Ok(Some(Reply::Sealed(Box::new(sealed))))
            }
            Command::Reduce { stage, parts, plan, watermark, workers } => {
                self.epoch = plan.epoch;
                let Some(keyed) = self.chain.keyed.get_mut(stage) else { return Err(no_stage(stage)) };
                let begun = clock::monotonic();
                self.watch.begin(plan.epoch, What::Groups(stage));
                for part in parts {
                    self.watch.pulse.beat();
                    keyed.merge(part, watermark)?;
                }
                let merged = clock::monotonic();
                let (writer, finished, at) = (&mut self.writer, &mut self.finished, (plan.epoch, AFTER));
                let pulse = &self.watch.pulse;
                let mut hand = |rows| {
                    pulse.beat();
                    write(writer, finished, at, rows)
                };
                let (output, late) = keyed.close(&plan, watermark, workers, &mut hand)?;
                self.watch.end();
                self.took.push((merged - begun, clock::since(merged)));
                let output = self.output(AFTER, output)?;
                Ok(Some(Reply::Reduced { output, late }))
            }
            Command::Finish { epoch, snapshots } => {
                let mut finished = std::mem::take(&mut self.finished);
                if let Some(writer) = &mut self.writer {
                    finished.files = writer.seal(epoch)?;
                }
                finished.letters = self.letters.seal(epoch)?;
                let took = std::mem::take(&mut self.took)
                    .into_iter()
                    .chain(std::iter::repeat((Duration::ZERO, Duration::ZERO)));
                for (keyed, (updating, removing)) in self.chain.keyed.iter_mut().zip(took) {
                    let mut state = StageState {
                        changes: keyed.changes()?,
                        updated: keyed.updated(),
                        removed: keyed.removed(),
                        open: keyed.open(),
                        updating,
                        removing,
                        ..StageState::default()
                    };
                    for &(low, high) in &snapshots {
                        state.snapshots.push(((low, high), keyed.snapshot(low, high)?));
                    }
                    finished.state.push(state);
                }
                let evicted = self.keeping.relieve(&mut self.chain.keyed)?;
                for ((state, keyed), evicted) in finished.state.iter_mut().zip(&self.chain.keyed).zip(evicted) {
                    (state.keys, state.bytes, state.evicted) = (keyed.keys(), keyed.bytes(), evicted);
                    state.spilled = spilled(keyed.as_ref());
                }
                Ok(Some(Reply::Finished(Box::new(finished))))
            }
            #[cfg(feature = "parquet")]
            Command::Restore { stage, rows, workers } => {
                let Some(keyed) = self.chain.keyed.get_mut(stage) else { return Err(no_stage(stage)) };
                let counts = |group: u16| rows.groups.get(usize::from(group)).copied().unwrap_or(false);
                let number = self.number;
                keyed.restore(&rows.batches, &|group| counts(group) && owner(group, workers) == number)?;
                self.keeping.relieve(&mut self.chain.keyed)?;
                self.restored(stage)
            }
            Command::Restored { stage, watermark } => {
                let Some(keyed) = self.chain.keyed.get_mut(stage) else { return Err(no_stage(stage)) };
                keyed.restored(watermark)?;
                self.restored(stage)
            }
        }
    }

    /// How much state of a stage there is, on its way back.
    fn restored(&self, stage: usize) -> Result<Option<Reply>> {
        let Some(keyed) = self.chain.keyed.get(stage) else { return Err(no_stage(stage)) };
        let (keys, bytes, (_, spilled)) = (keyed.keys(), keyed.bytes(), spilled(keyed.as_ref()));
        Ok(Some(Reply::Restored { keys, bytes, spilled }))
    }

    /// Writes rows of a chunk, or passes partial aggregates on.
    fn output(&mut self, chunk: u64, output: Output) -> Result<Option<Vec<Part>>> {
        match output {
            Output::Rows(rows) => self.write(chunk, rows).map(|()| None),
            Output::Parts(parts) => Ok(Some(parts)),
        }
    }

    fn write(&mut self, chunk: u64, rows: Vec<RecordBatch>) -> Result<()> {
        write(&mut self.writer, &mut self.finished, (self.epoch, chunk), rows)
    }
}

/// The keys of a stage that are on disk only, and the bytes there.
#[cfg_attr(not(feature = "spill"), allow(unused_variables))]
fn spilled(stage: &dyn KeyedSide) -> (u64, u64) {
    #[cfg(feature = "spill")]
    return stage.spilled();
    #[cfg(not(feature = "spill"))]
    (0, 0)
}

/// Writes rows to the sink's files, or keeps them for it.
fn write(
    writer: &mut Option<Box<dyn StageWriter>>,
    finished: &mut Finished,
    (epoch, chunk): (u64, u64),
    rows: Vec<RecordBatch>,
) -> Result<()> {
    for batch in rows {
        finished.rows_out += batch.num_rows() as u64;
        match writer {
            Some(writer) => writer.write(epoch, &batch)?,
            None => finished.batches.push((chunk, batch)),
        }
    }
    Ok(())
}

fn no_stage(stage: usize) -> Error {
    Error::new(Kind::Internal, format!("there is no keyed stage {stage}"))
        .help("this is a bug in millstream, please report it")
}
