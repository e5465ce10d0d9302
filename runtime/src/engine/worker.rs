//! Worker threads: each runs its own copy of the chain.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use tokio::sync::{OwnedSemaphorePermit, mpsc as replies};
use tracing::Span;

use super::ledger::Slot;
use super::letters::{LetterBox, Post};
use super::watchdog::{Watch, What};
#[cfg(feature = "parquet")]
use crate::checkpoint::restore::Rows;
use crate::error::{Error, Kind, text_of_panic};
use crate::observe::EPOCH;
use crate::operator::chain::{Chain, EpochPlan, Output, Part};
use crate::operator::input::Counts;
#[cfg(feature = "parquet")]
use crate::operator::keyed::owner;
use crate::schema::Fault;
use crate::sink::{StageWriter, StagedFile};
use crate::source::{Chunk, Place};
use crate::thread::{self, Thread};
use crate::time::Timestamp;
use crate::{Result, clock};

/// What a worker is told to do.
pub(crate) enum Command {
    /// Work through a chunk; the permit is its share of the byte budget, the span that of the work on the epoch's chunks.
    /// Answered only when it fails.
    Chunk(Chunk, OwnedSemaphorePermit, EpochPlan, Span),
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

/// What a worker answers.
pub(crate) enum Reply {
    Sealed(Box<Sealed>),
    Reduced {
        output: Option<Vec<Part>>,
        late: u64,
    },
    Finished(Box<Finished>),
    /// State is back: how many keys there are now, and the bytes they take; of the stage, or once all is back of all stages.
    Restored {
        keys: u64,
        bytes: u64,
    },
    Failed(Error),
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
    /// What was wrong with the first record that was of no use, and where it is.
    pub first_bad: Option<(Fault, Place)>,
    /// How long the worker was at work on it.
    pub busy: Duration,
}

/// A worker's share of an epoch.
#[derive(Default)]
pub(crate) struct Finished {
    pub files: Vec<StagedFile>,
    pub batches: Vec<RecordBatch>,
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
    /// How long it took to add the epoch's rows, and to give groups on and forget those that have ended.
    pub updating: Duration,
    pub removing: Duration,
}

/// A running worker.
pub(crate) struct Worker {
    pub commands: thread::Sender<Command>,
    pub watch: Arc<Watch>,
    pub thread: Option<Thread>,
}

/// Starts a worker. It ends when its command channel is dropped.
pub(crate) fn start(
    number: usize,
    make: impl FnOnce() -> Chain + Send + 'static,
    (writer, letters): (Option<Box<dyn StageWriter>>, &[LetterBox]),
    log_changes: bool,
    answers: replies::UnboundedSender<(usize, Reply)>,
) -> Result<Worker> {
    let (commands, inbox) = thread::channel();
    let letters = Post::new(letters);
    let watch = Arc::new(Watch::default());
    let watched = Arc::clone(&watch);
    let thread = thread::spawn(&format!("millstream-worker-{number}"), move || {
        let mut chain = match catch_unwind(AssertUnwindSafe(make)) {
            Ok(chain) => chain,
            Err(panic) => {
                answers.send((number, Reply::Failed(panicked(panic.as_ref())))).ok();
                // Whoever sends a command is to find the reason, not a closed channel.
                while inbox.recv().is_some() {}
                return;
            }
        };
        for stage in &mut chain.keyed {
            stage.log_changes(log_changes);
        }
        let mut state = State {
            number,
            watch: watched,
            chain,
            writer,
            letters,
            epoch: 0,
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
                Ok(Err(error)) => Reply::Failed(error),
                Err(panic) => Reply::Failed(panicked(panic.as_ref())),
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
    Ok(Worker { commands, watch, thread: Some(thread) })
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    Error::new(Kind::Internal, format!("an expression of the pipeline panicked: {}", text_of_panic(panic)))
        .help("nothing of the epoch was written; mend the expression and start again")
}

struct State {
    number: usize,
    watch: Arc<Watch>,
    chain: Chain,
    writer: Option<Box<dyn StageWriter>>,
    letters: Post,
    epoch: u64,
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
            Command::Chunk(chunk, permit, plan, process) => {
                let (worker, rows, bytes) = (self.number, chunk.len(), chunk.data.len());
                // What expressions log is in the span of the epoch.
                let _process = process.enter();
                let _chunk = tracing::trace_span!(target: EPOCH, "chunk", worker, rows, bytes).entered();
                self.epoch = plan.epoch;
                let begun = clock::monotonic();
                self.letters.begin(plan.epoch);
                if let Some(places) = self.chain.map.places(&chunk) {
                    self.watch.begin(plan.epoch, What::Records(Box::new(places)));
                }
                let report = self.chain.map.chunk(&chunk, &plan, &mut self.letters, &self.watch.pulse)?;
                self.watch.end();
                drop(permit);
                self.sealed.counts += report.counts;
                self.sealed.future += report.future;
                self.sealed.late_dead += report.late_dead;
                self.sealed.first_bad = self.sealed.first_bad.take().or(report.first_bad);
                if let Some(time) = report.max_event_time {
                    match self.sealed.event_times.iter_mut().find(|(partition, _)| *partition == chunk.partition) {
                        Some((_, latest)) => *latest = time.max(*latest),
                        None => self.sealed.event_times.push((chunk.partition, time)),
                    }
                }
                let rows = self.chain.map.rows(false)?;
                self.write(rows)?;
                self.sealed.busy += clock::since(begun);
                Ok(None)
            }
            Command::Seal { workers } => {
                let begun = clock::monotonic();
                let (output, late) = self.chain.map.seal(workers)?;
                let parts = self.output(output)?;
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
                    keyed.merge(part, watermark)?;
                }
                let merged = clock::monotonic();
                let (output, late) = keyed.close(&plan, watermark, workers)?;
                self.watch.end();
                self.took.push((merged - begun, clock::since(merged)));
                let output = self.output(output)?;
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
                        keys: keyed.keys(),
                        updated: keyed.updated(),
                        removed: keyed.removed(),
                        bytes: keyed.bytes(),
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
                Ok(Some(Reply::Finished(Box::new(finished))))
            }
            #[cfg(feature = "parquet")]
            Command::Restore { stage, rows, workers } => {
                let Some(keyed) = self.chain.keyed.get_mut(stage) else { return Err(no_stage(stage)) };
                let counts = |group: u16| rows.groups.get(usize::from(group)).copied().unwrap_or(false);
                let number = self.number;
                keyed.restore(&rows.batches, &|group| counts(group) && owner(group, workers) == number)?;
                Ok(Some(Reply::Restored { keys: keyed.keys(), bytes: keyed.bytes() }))
            }
            Command::Restored { stage, watermark } => {
                let Some(keyed) = self.chain.keyed.get_mut(stage) else { return Err(no_stage(stage)) };
                keyed.restored(watermark);
                Ok(Some(Reply::Restored { keys: keyed.keys(), bytes: keyed.bytes() }))
            }
        }
    }

    /// Writes rows, or passes partial aggregates on.
    fn output(&mut self, output: Output) -> Result<Option<Vec<Part>>> {
        match output {
            Output::Rows(rows) => self.write(rows).map(|()| None),
            Output::Parts(parts) => Ok(Some(parts)),
        }
    }

    fn write(&mut self, rows: Vec<RecordBatch>) -> Result<()> {
        for batch in rows {
            self.finished.rows_out += batch.num_rows() as u64;
            match &mut self.writer {
                Some(writer) => writer.write(self.epoch, &batch)?,
                None => self.finished.batches.push(batch),
            }
        }
        Ok(())
    }
}

fn no_stage(stage: usize) -> Error {
    Error::new(Kind::Internal, format!("there is no keyed stage {stage}"))
        .help("this is a bug in millstream, please report it")
}
