//! The one loop: plans epochs, has them fetched, computed and committed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use tokio::sync::{mpsc, watch};

use super::commit::{Committed, Committer, EpochWork, Pending, Recovered};
use super::fetch::{self, Fetch};
use super::report::{self, Timings};
use super::snapshots::Snapshots;
use super::summary::Summary;
use super::tick::next_tick;
use super::watermark::Partitions;
use super::worker::{self, Command, Finished, Reply, Sealed, StateBatch, Worker};
use crate::error::{Error, Kind};
use crate::observe::line::Line;
use crate::observe::progress::Progress;
use crate::operator::chain::{EpochPlan, Part};
use crate::operator::keyed::STRIPES;
use crate::pipeline::Plan;
use crate::pipeline::options::{Options, Trigger};
use crate::sink::Mode;
use crate::source::{Feed, Fetched, Limits, Metrics};
use crate::time::Timestamp;
use crate::{Result, clock};

/// How a run is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Stop {
    /// Go on.
    #[default]
    No,
    /// Finish the epoch at hand and leave windows open.
    Now,
    /// Finish the epoch at hand and close all windows, as if the input had ended.
    Drain,
}

/// How long an epoch of a sink that delivers waits for input.
const DELIVER_INTERVAL: Duration = Duration::from_millis(200);
/// How long an epoch of a sink that writes files waits for input.
const FILE_INTERVAL: Duration = Duration::from_secs(10);

/// Runs a pipeline to its end.
pub(crate) async fn run(plan: Plan, mut options: Options, stop: watch::Receiver<Stop>) -> Result<Summary> {
    options.workers = options.workers.clamp(1, STRIPES);
    let (committer, mut recovered) = Committer::start(&plan, &options).await?;
    let mut resume = std::mem::take(&mut recovered.found.resume);
    resume.pipeline = options.name.clone();
    let ended = match plan.source.open(resume).await {
        Ok(feed) => Driver::run(plan, options, stop, feed, &committer, recovered).await,
        Err(error) => Err(error),
    };
    // What a failure left in the way of the next start is cleaned by that start.
    match ended {
        Ok(summary) => committer.close(None).await.map(|()| summary),
        Err(error) => Err(committer.close(Some(error)).await.err().unwrap_or_else(gone)),
    }
}

struct Driver {
    plan: Plan,
    options: Options,
    stop: watch::Receiver<Stop>,
    workers: Vec<Worker>,
    replies: mpsc::UnboundedReceiver<(usize, Reply)>,
    partitions: Partitions,
    watermark: Option<Timestamp>,
    epoch: u64,
    /// The time the checkpoint was drained: no more rows may come.
    was_drained: bool,
    staging: bool,
    summary: Summary,
    line: Line,
    run_id: String,
    /// `None` without a checkpoint.
    snapshots: Option<Snapshots>,
    /// When the next epoch of `Trigger::Every` ends.
    tick: Instant,
    /// What fetches counted that led to no commit.
    counted: Metrics,
}

/// An epoch whose map side is done.
struct Mapped {
    sealed: Vec<Sealed>,
    fetched: Fetched,
    timings: Timings,
}

impl Driver {
    async fn run(
        plan: Plan,
        options: Options,
        stop: watch::Receiver<Stop>,
        feed: Box<dyn Feed>,
        committer: &Committer,
        recovered: Recovered,
    ) -> Result<Summary> {
        committer.starts(feed.starts(), feed.identity()).await?;
        let (answers, replies) = mpsc::unbounded_channel();
        let mut workers = Vec::new();
        for (number, writer) in recovered.writers.into_iter().enumerate() {
            let chain = Arc::clone(&plan.chain);
            let log = recovered.log_changes;
            workers.push(worker::start(number, move || chain(), writer, log, answers.clone())?);
        }
        let found = recovered.found;
        let mut partitions = Partitions::default();
        for (id, max_event_time, drained) in &found.partitions {
            partitions.restore(id, *max_event_time, *drained);
        }
        let summary = Summary {
            last_epoch: found.last_epoch,
            watermark: found.watermark,
            drained: found.drained,
            ..Summary::default()
        };
        let mut driver = Self {
            stop,
            workers,
            replies,
            partitions,
            watermark: found.watermark,
            epoch: found.last_epoch.map_or(1, |epoch| epoch + 1),
            was_drained: found.drained,
            staging: recovered.staging,
            summary,
            line: Line::new(options.progress),
            run_id: recovered.run_id,
            snapshots: recovered.log_changes.then_some(Snapshots { striped: found.striped, bytes: 0 }),
            tick: clock::monotonic(),
            counted: Metrics::default(),
            plan,
            options,
        };
        driver.restore(found.state).await?;
        let ended = driver.turn(feed, committer).await;
        driver.line.end();
        driver.end_workers();
        ended.map(|()| driver.summary)
    }

    /// Puts back the state of every keyed stage.
    async fn restore(&mut self, state: Vec<Vec<StateBatch>>) -> Result<()> {
        let workers = self.workers.len();
        for (stage, batches) in state.into_iter().enumerate() {
            self.all(|| Command::Restore { stage, batches: batches.clone(), workers })?;
            self.answers(|reply| matches!(reply, Reply::Restored { .. }).then_some(())).await?;
        }
        let watermark = self.watermark;
        self.all(|| Command::Restored { watermark })?;
        let restored = self.answers(|reply| match reply {
            Reply::Restored { keys, bytes } => Some((keys, bytes)),
            _ => None,
        });
        for (keys, bytes) in restored.await? {
            if self.plan.mode == Mode::Append {
                self.summary.open_keys += keys;
            }
            if let Some(snapshots) = &mut self.snapshots {
                snapshots.bytes += bytes;
            }
        }
        Ok(())
    }

    /// Turns the crank until there is nothing more to do.
    async fn turn(&mut self, feed: Box<dyn Feed>, committer: &Committer) -> Result<()> {
        let mut pending = None;
        let ended = self.epochs(feed, committer, &mut pending).await;
        // What was handed over is committed whatever has ended the run, so it is told of.
        let settled = self.settle(&mut pending).await;
        ended.and(settled)
    }

    /// One epoch after the other; the last may still be on its way to being committed at the end.
    async fn epochs(
        &mut self,
        mut feed: Box<dyn Feed>,
        committer: &Committer,
        pending: &mut Option<Pending>,
    ) -> Result<()> {
        if matches!(self.options.trigger, Trigger::AvailableNow | Trigger::Once) {
            feed.stop_at_present();
        }
        let finite = self.plan.source.describe().finite;
        let mut fetch = self.fetch(feed);
        loop {
            let plan = self.plan_epoch();
            let (feed, mapped) = self.map(&plan, fetch, pending).await?;
            let stop = *self.stop.borrow();
            let exhausted = mapped.fetched.exhausted;
            let last = exhausted || stop != Stop::No || self.options.trigger == Trigger::Once;
            let drain = (finite && exhausted) || stop == Stop::Drain;
            // The next epoch is fetched while this one is computed.
            let next = if last { Err(feed) } else { Ok(self.fetch(feed)) };
            let work = self.reduce(&plan, mapped, drain).await?;
            if let Some(work) = work {
                self.settle(pending).await?;
                *pending = Some(committer.submit(work)?);
                self.epoch += 1;
            }
            match next {
                Ok(next) => fetch = next,
                Err(mut feed) => {
                    feed.close().await;
                    return Ok(());
                }
            }
        }
    }

    /// Begins to fetch the next epoch.
    fn fetch(&mut self, feed: Box<dyn Feed>) -> Fetch {
        let now = clock::monotonic();
        let interval = match self.options.trigger {
            Trigger::Every(interval) if !interval.is_zero() => {
                self.tick = next_tick(self.tick, interval, now);
                self.tick.saturating_duration_since(now)
            }
            // These end when all that was there is read, so there is nobody to keep waiting.
            Trigger::AvailableNow | Trigger::Once => FILE_INTERVAL,
            _ if self.staging => FILE_INTERVAL,
            _ => DELIVER_INTERVAL,
        };
        let limits = Limits {
            bytes: self.options.max_bytes_per_epoch,
            rows: self.options.max_rows_per_epoch,
            until: now + interval,
            eager: false,
        };
        fetch::begin(feed, limits, self.workers.len(), self.stop.clone())
    }

    fn plan_epoch(&self) -> EpochPlan {
        let batch_time = clock::now();
        EpochPlan {
            epoch: self.epoch,
            watermark: self.watermark,
            batch_time,
            horizon: batch_time + self.options.max_future_skew,
        }
    }

    /// Gives an epoch's chunks to the workers as they come, and gathers what they made of them. Meanwhile the epoch
    /// before may be committed: a quiet source must not hide that, nor that it failed.
    async fn map(
        &mut self,
        plan: &EpochPlan,
        mut fetch: Fetch,
        pending: &mut Option<Pending>,
    ) -> Result<(Box<dyn Feed>, Mapped)> {
        let mut timings = Timings::starting(fetch.started);
        loop {
            tokio::select! {
                biased;
                // A worker answers a chunk only when it fails.
                Some((_, reply)) = self.replies.recv() => if let Reply::Failed(error) = reply { return Err(error) },
                committed = committed(pending) => {
                    *pending = None;
                    self.tell(committed?);
                }
                chunk = fetch.chunks.recv() => {
                    let Some((chunk, permit)) = chunk else { break };
                    if self.was_drained {
                        return Err(self.after_drain());
                    }
                    // A partition's chunks stay in order, so they go to one worker.
                    let worker = chunk.partition as usize % self.workers.len();
                    let Some(worker) = self.workers.get(worker) else { return Err(gone()) };
                    worker.commands.send(Command::Chunk(chunk, permit, *plan)).map_err(|_| gone())?;
                }
            }
        }
        let (feed, fetched) = (&mut fetch.task).await.map_err(|error| {
            Error::new(Kind::Internal, "the source panicked").caused_by(error).help("please report it")
        })?;
        let fetched = fetched?;
        timings.fetched();
        let workers = self.workers.len();
        self.all(|| Command::Seal { workers })?;
        let sealed = self
            .answers(|reply| match reply {
                Reply::Sealed(sealed) => Some(*sealed),
                _ => None,
            })
            .await?;
        timings.mapped();
        Ok((feed, Mapped { sealed, fetched, timings }))
    }

    /// Ends an epoch: advances the watermark, exchanges partial aggregates, closes windows, has the sink's files
    /// finished. `None` when nothing happened that is worth a commit.
    async fn reduce(&mut self, plan: &EpochPlan, mapped: Mapped, drain: bool) -> Result<Option<EpochWork>> {
        let Mapped { sealed, fetched, mut timings } = mapped;
        self.counted.add(fetched.metrics);
        let moved = self.partitions.progress(&fetched.partitions) || !fetched.forgotten.is_empty();
        let mut counts = crate::operator::input::Counts::default();
        let (mut exchange, mut dead_letters, mut late_letters) = (Vec::new(), Vec::new(), Vec::new());
        let mut future = 0;
        for sealed in sealed {
            counts += sealed.counts;
            future += sealed.future;
            dead_letters.extend(sealed.dead_letters);
            late_letters.extend(sealed.late_letters);
            exchange.push(sealed.parts);
            for (partition, time) in sealed.event_times {
                self.partitions.observe(partition, time);
            }
        }
        self.partitions.forget(&fetched.forgotten);
        let before = self.watermark;
        if let Some(delay) = self.plan.watermark {
            self.watermark = self.partitions.watermark(delay, before);
        }
        let drain = drain && !self.was_drained;
        let closing = if drain { Some(Timestamp::MAX) } else { self.watermark };
        if counts.rows == 0 && !moved && before == self.watermark && !drain {
            return Ok(None);
        }
        if self.was_drained && counts.rows == 0 {
            return Ok(None);
        }
        // What is late for a later stage are groups, which are not in the account of rows.
        let mut late = vec![counts.late + late_letters.len() as u64];
        for stage in 0..self.plan.keyed.len() {
            let (parts, late_for_next) = self.exchange(stage, exchange, plan, closing).await?;
            late.push(late_for_next);
            exchange = parts;
        }
        let snapshots = self.snapshots.as_mut().map(|snapshots| snapshots.due(plan.epoch)).unwrap_or_default();
        let epoch = plan.epoch;
        self.all(|| Command::Finish { epoch, snapshots: snapshots.clone() })?;
        let mut finished: Vec<Finished> = self
            .answers(|reply| match reply {
                Reply::Finished(finished) => Some(*finished),
                _ => None,
            })
            .await?;
        timings.reduced();
        // In mode complete no rows say that there are none any more.
        let empty = finished.iter().all(|finished| finished.batches.is_empty());
        if self.plan.mode == Mode::Complete && !self.staging && empty {
            let table = RecordBatch::new_empty(Arc::clone(&self.plan.schema));
            finished.iter_mut().take(1).for_each(|finished| finished.batches.push(table.clone()));
        }
        let work = EpochWork {
            plan: *plan,
            watermark: if drain { Some(Timestamp::MAX) } else { self.watermark },
            positions: fetched
                .partitions
                .into_iter()
                .map(|partition| (self.partitions.max_event_time(&partition.id), partition))
                .collect(),
            forgotten: fetched.forgotten,
            metrics: std::mem::take(&mut self.counted),
            finished,
            dead_letters,
            late_letters,
            counts,
            late,
            future,
            drained: drain,
            timings,
        };
        if drain {
            self.watermark = Some(Timestamp::MAX);
        }
        Ok(Some(work))
    }

    /// Sends the parts that every worker made to those that own them, and closes windows. Gives the parts for the next
    /// stage.
    async fn exchange(
        &mut self,
        stage: usize,
        made: Vec<Option<Vec<Part>>>,
        plan: &EpochPlan,
        watermark: Option<Timestamp>,
    ) -> Result<(Vec<Option<Vec<Part>>>, u64)> {
        let workers = self.workers.len();
        let mut owned: Vec<Vec<Part>> = (0..workers).map(|_| Vec::new()).collect();
        for parts in made.into_iter().flatten() {
            for (own, part) in owned.iter_mut().zip(parts) {
                own.push(part);
            }
        }
        for (worker, parts) in self.workers.iter().zip(owned) {
            let command = Command::Reduce { stage, parts, plan: *plan, watermark, workers };
            worker.commands.send(command).map_err(|_| gone())?;
        }
        let answers = self
            .answers(|reply| match reply {
                Reply::Reduced { output, late } => Some((output, late)),
                _ => None,
            })
            .await?;
        let late = answers.iter().map(|(_, late)| late).sum();
        Ok((answers.into_iter().map(|(output, _)| output).collect(), late))
    }

    /// Waits until the epoch on its way is committed, if there is one, and tells of it.
    async fn settle(&mut self, pending: &mut Option<Pending>) -> Result<()> {
        let Some(mut pending) = pending.take() else { return Ok(()) };
        self.tell(pending.wait().await?);
        Ok(())
    }

    /// Tells of a committed epoch.
    fn tell(&mut self, committed: Committed) {
        let summary = &mut self.summary;
        summary.epochs += 1;
        summary.last_epoch = Some(committed.epoch);
        summary.rows += committed.counts;
        summary.rows_out += committed.rows_out;
        summary.watermark = committed.watermark;
        summary.open_keys = if self.plan.mode == Mode::Append { committed.keys } else { 0 };
        summary.drained = committed.drained;
        if let Some(snapshots) = &mut self.snapshots {
            snapshots.bytes = committed.state.iter().map(|state| state.bytes).sum();
        }
        let progress: Progress = report::of(&self.plan, &self.options, &self.run_id, &committed);
        self.line.show(&progress);
        tracing::info!(target: "millstream::progress", epoch = committed.epoch, rows = committed.counts.rows, "epoch committed");
        if let Some(listener) = &self.options.listener {
            listener(&progress);
        }
    }

    fn all(&self, command: impl Fn() -> Command) -> Result<()> {
        self.workers.iter().try_for_each(|worker| worker.commands.send(command()).map_err(|_| gone()))
    }

    /// One answer of each worker, in their order.
    async fn answers<T>(&mut self, accept: impl Fn(Reply) -> Option<T>) -> Result<Vec<T>> {
        let mut answers: Vec<(usize, T)> = Vec::new();
        while answers.len() < self.workers.len() {
            match self.replies.recv().await {
                Some((_, Reply::Failed(error))) => return Err(error),
                Some((worker, reply)) => answers.push((worker, accept(reply).ok_or_else(gone)?)),
                None => return Err(gone()),
            }
        }
        answers.sort_by_key(|(worker, _)| *worker);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    fn after_drain(&self) -> Error {
        let source = self.plan.source.describe();
        Error::new(
            Kind::Config,
            format!(
                "there is new data in {} `{}`, but this checkpoint was drained: its windows were closed for good",
                source.kind, source.target
            ),
        )
        .help("start with a fresh checkpoint and output, or read the source in a way that does not end")
    }

    fn end_workers(&mut self) {
        for worker in &mut self.workers {
            // Dropping the sender ends the thread.
            let (unused, _) = std::sync::mpsc::channel();
            drop(std::mem::replace(&mut worker.commands, unused));
            if let Some(thread) = worker.thread.take() {
                thread.join().ok();
            }
        }
    }
}

/// The epoch that is on its way, once it is committed; never if there is none.
async fn committed(pending: &mut Option<Pending>) -> Result<Committed> {
    match pending {
        Some(pending) => pending.wait().await,
        None => std::future::pending().await,
    }
}

fn gone() -> Error {
    Error::new(Kind::Internal, "a worker thread has ended unexpectedly")
        .help("this is a bug in millstream, please report it")
}
