//! The thread that makes epochs durable, in order, while the next one is computed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tracing::Span;

use super::driver::Stop;
use super::ledger::{Ledger, Slot};
use super::letters::LetterBox;
use super::report::{Partition, Timings};
use super::room::Room;
use super::watchdog::{Watch, What};
use super::watermark::Holder;
use super::worker::Finished;
use crate::error::{Error, Kind, text_of_panic};
use crate::observe::EPOCH;
use crate::operator::chain::EpochPlan;
use crate::operator::input::Counts;
use crate::operator::keyed::STRIPES;
use crate::pipeline::Plan;
use crate::pipeline::options::Options;
use crate::sink::StageWriter;
use crate::source::{Metrics, PartitionProgress, Resume};
use crate::thread::{self, Thread};
use crate::time::Timestamp;
use crate::{Result, clock};

/// A computed epoch, to be committed.
pub(crate) struct EpochWork {
    pub span: Span,
    /// Bytes of payload.
    pub bytes: u64,
    pub plan: EpochPlan,
    pub watermark: Option<Timestamp>,
    /// Each partition with its latest event time.
    pub positions: Vec<(Option<Timestamp>, PartitionProgress)>,
    #[cfg_attr(not(feature = "parquet"), allow(dead_code))]
    pub forgotten: Vec<String>,
    pub metrics: Metrics,
    /// By worker.
    pub finished: Vec<Finished>,
    pub counts: Counts,
    /// What came late for each keyed stage: rows for the first, groups for the others.
    pub late: Vec<u64>,
    pub future: u64,
    pub holder: Option<Holder>,
    pub drained: bool,
    pub timings: Timings,
}

/// A committed and published epoch.
pub(crate) struct Committed {
    pub span: Span,
    pub bytes: u64,
    pub epoch: u64,
    pub pipeline_id: String,
    pub batch_time: Timestamp,
    pub counts: Counts,
    pub late: Vec<u64>,
    pub future: u64,
    pub rows_out: u64,
    pub watermark: Option<Timestamp>,
    pub keys: u64,
    pub state: Vec<StateFigures>,
    pub partitions: Vec<Partition>,
    pub holder: Option<Holder>,
    pub metrics: Metrics,
    /// Of the sink, if it delivers.
    pub delivered: Metrics,
    pub drained: bool,
    pub timings: Timings,
}

/// The size of a keyed stage's state, and the time that an epoch's work on it took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StateFigures {
    pub keys: u64,
    pub updated: u64,
    pub removed: u64,
    pub bytes: u64,
    /// Keys that are on disk only, and the bytes there.
    pub spilled: (u64, u64),
    /// Of the worker that took longest.
    pub updating: Duration,
    pub removing: Duration,
    pub writing: Duration,
}

/// What the checkpoint says about where to go on; nothing at a first start, and without a checkpoint.
#[derive(Default)]
pub(crate) struct Found {
    pub resume: Resume,
    /// Each partition's latest event time and whether it was drained.
    pub partitions: Vec<(String, Option<Timestamp>, bool)>,
    pub watermark: Option<Timestamp>,
    pub last_epoch: Option<u64>,
    pub drained: bool,
    /// Whether snapshots are kept by stripe.
    pub striped: bool,
    /// Of which stripes they are by key group.
    pub fine: [bool; STRIPES],
    /// The epoch of the snapshot of each key group, of the stage where it is oldest; empty before there are any.
    pub taken: Vec<u64>,
}

/// What was found, and what was made ready.
pub(crate) struct Recovered {
    pub found: Found,
    /// State to be read and put back.
    #[cfg(feature = "parquet")]
    pub state: Option<super::restore::Restore>,
    /// One for each worker; `None` when the sink delivers.
    pub writers: Vec<Option<Box<dyn StageWriter>>>,
    /// One for each sink of dead letters.
    pub letters: Vec<LetterBox>,
    /// Whether keyed stages must remember their changes.
    pub log_changes: bool,
    /// Whether the sink writes files.
    pub staging: bool,
    /// The pipeline's.
    pub id: String,
    pub run_id: String,
}

impl Recovered {
    /// Without writers.
    pub(super) fn new(found: Found, log_changes: bool, id: String, run_id: String) -> Self {
        Self {
            found,
            #[cfg(feature = "parquet")]
            state: None,
            writers: Vec::new(),
            letters: Vec::new(),
            log_changes,
            staging: false,
            id,
            run_id,
        }
    }
}

enum Job {
    Starts(Value, Value, oneshot::Sender<Result<()>>),
    #[cfg(feature = "parquet")]
    Damaged(Vec<String>),
    Epoch(Box<EpochWork>, oneshot::Sender<Result<Committed>>),
    Close(Option<Error>, oneshot::Sender<Result<()>>),
}

/// An epoch on its way to being committed.
pub(crate) struct Pending(oneshot::Receiver<Result<Committed>>);

impl Pending {
    /// Waits until the epoch is committed and published. May be given up and begun again, until it has answered.
    pub(crate) async fn wait(&mut self) -> Result<Committed> {
        (&mut self.0).await.map_err(|_| gone())?
    }
}

/// The commit thread.
pub(crate) struct Committer {
    jobs: thread::Sender<Job>,
    thread: Option<Thread>,
    /// Ends its waits for room on a full disk.
    given_up: Arc<AtomicBool>,
    pub(super) watch: Arc<Watch>,
}

impl Committer {
    /// Opens the checkpoint and the sinks, and starts the thread.
    pub(crate) async fn start(
        plan: &Plan,
        options: &Options,
        stop: watch::Receiver<Stop>,
        run: &Span,
    ) -> Result<(Self, Recovered)> {
        let (jobs, inbox) = thread::channel::<Job>();
        let (ready, opened) = oneshot::channel();
        let watch = Arc::new(Watch::default());
        let (watched, room) = (Arc::clone(&watch), Room::new(plan, options, stop));
        let given_up = room.given_up();
        let (plan, options, run) = (plan.clone(), options.clone(), run.clone());
        let thread = thread::spawn("millstream-commit", move || {
            let _run = run.entered();
            // What is delivered again runs code of the user's.
            let open = || plan.check().and_then(|()| Ledger::open(&plan, &options));
            let opened = catch_unwind(AssertUnwindSafe(open));
            match opened.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))) {
                Ok((ledger, recovered)) => {
                    if ready.send(Ok(recovered)).is_ok() {
                        work(ledger, room, &inbox, &watched);
                    }
                }
                Err(error) => {
                    ready.send(Err(error)).ok();
                }
            }
        })
        .map_err(|error| Error::io("starting the commit thread", error))?;
        let recovered: Recovered = opened.await.map_err(|_| gone())??;
        Ok((Self { jobs, thread: Some(thread), given_up, watch }, recovered))
    }

    /// Makes the resolved start of the source durable, before its first fetch.
    pub(crate) async fn starts(&self, starts: Value, identity: Value) -> Result<()> {
        let (done, answer) = oneshot::channel();
        self.jobs.send(Job::Starts(starts, identity, done)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Snapshots of state that cannot be read are not to be kept for repairs.
    #[cfg(feature = "parquet")]
    pub(crate) fn damaged(&self, paths: Vec<String>) -> Result<()> {
        self.jobs.send(Job::Damaged(paths)).map_err(|_| gone())
    }

    /// Hands an epoch over.
    pub(crate) fn submit(&self, work: EpochWork) -> Result<Pending> {
        let (done, answer) = oneshot::channel();
        self.jobs.send(Job::Epoch(Box::new(work), done)).map_err(|_| gone())?;
        Ok(Pending(answer))
    }

    /// The run has failed: what was handed over is done, but nothing waits for room on a disk any more.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }

    /// Ends the thread, after all that was handed over.
    pub(crate) async fn close(mut self, error: Option<Error>) -> Result<()> {
        if error.is_some() {
            self.give_up();
        }
        let (done, answer) = oneshot::channel();
        self.jobs.send(Job::Close(error, done)).map_err(|_| gone())?;
        let closed = answer.await.map_err(|_| gone())?;
        if let Some(thread) = self.thread.take() {
            // It has answered its last job, so it ends now.
            thread.join();
        }
        closed
    }
}

impl Drop for Committer {
    /// Nobody waits for the run any more.
    fn drop(&mut self) {
        self.give_up();
    }
}

fn work(mut ledger: Ledger, mut room: Room, inbox: &thread::Receiver<Job>, watch: &Watch) {
    // After a failure nothing may be committed: a later epoch would leave a gap.
    let mut failed = false;
    while let Some(job) = inbox.recv() {
        match job {
            Job::Starts(starts, identity, done) => {
                done.send(ledger.starts(&starts, identity)).ok();
            }
            #[cfg(feature = "parquet")]
            Job::Damaged(paths) => ledger.distrust(paths),
            Job::Epoch(work, done) => {
                let committed = if failed {
                    Err(gone())
                } else {
                    // A sink may run the user's code.
                    watch.begin(work.plan.epoch, What::Sink);
                    let committed = catch_unwind(AssertUnwindSafe(|| epoch(&mut ledger, &mut room, watch, *work)));
                    committed.unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
                };
                watch.end();
                failed |= committed.is_err();
                done.send(committed).ok();
            }
            Job::Close(error, done) => {
                done.send(ledger.close(error)).ok();
                return;
            }
        }
    }
}

/// Commits and publishes one epoch.
fn epoch(ledger: &mut Ledger, room: &mut Room, watch: &Watch, mut work: EpochWork) -> Result<Committed> {
    let rows_out: u64 = work.finished.iter().map(|finished| finished.rows_out).sum();
    let mut state: Vec<StateFigures> = Vec::new();
    for finished in &work.finished {
        state.resize(finished.state.len().max(state.len()), StateFigures::default());
        for (figures, of) in state.iter_mut().zip(&finished.state) {
            figures.keys += of.keys;
            figures.bytes += of.bytes;
            figures.spilled = (figures.spilled.0 + of.spilled.0, figures.spilled.1 + of.spilled.1);
            figures.updated += of.updated;
            figures.removed += of.removed;
            figures.updating = figures.updating.max(of.updating);
            figures.removing = figures.removing.max(of.removing);
        }
    }
    let slots = Slot::all(&mut work);
    let files: usize = slots.iter().map(|slot| slot.files.len()).sum();
    let committing = tracing::debug_span!(target: EPOCH, parent: &work.span, "commit", files);
    let writing = committing.in_scope(|| ledger.commit(&work, &slots))?;
    state.iter_mut().zip(writing).for_each(|(figures, writing)| figures.writing = writing);
    work.timings.committed = clock::monotonic();
    let publishing = tracing::debug_span!(target: EPOCH, parent: &work.span, "publish", rows_out);
    publishing.in_scope(|| ledger.publish(work.plan.epoch, &slots, room, watch))?;
    work.timings.published = clock::monotonic();
    Ok(Committed {
        span: work.span,
        bytes: work.bytes,
        epoch: work.plan.epoch,
        pipeline_id: ledger.pipeline_id().to_owned(),
        batch_time: work.plan.batch_time,
        counts: work.counts,
        late: work.late,
        future: work.future,
        rows_out,
        watermark: work.watermark,
        keys: state.iter().map(|figures| figures.keys).sum(),
        state,
        partitions: work.positions.into_iter().map(told).collect(),
        holder: work.holder,
        metrics: work.metrics,
        delivered: ledger.metrics(),
        drained: work.drained,
        timings: work.timings,
    })
}

/// What the progress document says of a partition.
fn told((max_event_time, partition): (Option<Timestamp>, PartitionProgress)) -> Partition {
    let PartitionProgress { id, from, to, drained, idle, ms_behind, .. } = partition;
    Partition { id, from, to, max_event_time, ms_behind, drained, idle }
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    Error::new(Kind::Internal, format!("the sink panicked: {}", text_of_panic(panic)))
        .help("what was committed and not delivered is delivered at the next start")
}

fn gone() -> Error {
    Error::new(Kind::Internal, "the commit thread has ended").help("an earlier error says why")
}
