//! The one loop: plans epochs, has them fetched, computed and committed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use tokio::sync::watch;
use tracing::{Instrument, Span};

use super::budget::Budget;
use super::commit::{Committed, Committer, EpochWork, Pending};
use super::crew::Crew;
use super::fetch::{self, Fetch};
use super::guard::Guard;
use super::notes::Notes;
use super::report::{self, Timings};
use super::snapshots::Snapshots;
use super::spans;
use super::summary::Summary;
use super::tick::next_tick;
use super::watermark::Partitions;
use super::worker::{Command, Finished, Reply, Sealed};
use crate::error::{Error, Kind};
use crate::observe::EPOCH;
use crate::observe::line::Line;
#[cfg(feature = "metrics")]
use crate::observe::monitor::lock;
use crate::observe::progress::Progress;
use crate::operator::chain::{EpochPlan, Part};
use crate::pipeline::Plan;
use crate::pipeline::options::{Options, Trigger};
use crate::sink::Mode;
use crate::source::{Feed, Fetched, Limits, Metrics};
use crate::time::Timestamp;
use crate::{Result, clock};

mod start;

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

pub(super) struct Driver {
    plan: Plan,
    options: Options,
    stop: watch::Receiver<Stop>,
    crew: Crew,
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
    budget: Budget,
    /// When the next epoch of `Trigger::Every` ends.
    tick: Instant,
    /// What fetches counted that led to no commit.
    counted: Metrics,
    /// When the last fetch ended.
    fetched: Option<Instant>,
    notes: Notes,
    guard: Guard,
}

/// An epoch whose map side is done.
struct Mapped {
    span: Span,
    /// Bytes of payload.
    bytes: u64,
    sealed: Vec<Sealed>,
    fetched: Fetched,
    timings: Timings,
}

impl Driver {
    /// Turns the crank until there is nothing more to do.
    async fn turn(&mut self, feed: Box<dyn Feed>, committer: &Committer) -> Result<()> {
        let mut pending = None;
        let ended = self.epochs(feed, committer, &mut pending).await;
        if ended.is_err() {
            committer.give_up();
        }
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
            let plan = self.plan_epoch(&fetch.span);
            let (feed, mapped) = self.map(&plan, fetch, pending).await?;
            let stop = *self.stop.borrow();
            let exhausted = mapped.fetched.exhausted;
            let last = exhausted || stop != Stop::No || self.options.trigger == Trigger::Once;
            let drain = (finite && exhausted) || stop == Stop::Drain;
            // The next epoch is fetched while this one is computed.
            let next = if last { Err(feed) } else { Ok(self.fetch(feed)) };
            let work = self.reduce(&plan, mapped, drain).await?;
            if let Some(work) = work {
                let within = self.budget.epoch(&self.plan, &work);
                self.settle(pending).await?;
                *pending = Some(committer.submit(work)?);
                self.epoch += 1;
                // In a crash test one after the other, so that calls have numbers.
                if self.options.rehearsal.as_ref().is_some_and(|run| !run.process.life().overlaps()) || within.is_err()
                {
                    self.settle(pending).await?;
                }
                within?;
            } else {
                self.line.quiet();
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
            bytes: self.budget.payload(self.options.max_bytes_per_epoch),
            rows: self.options.max_rows_per_epoch,
            until: now + interval,
            eager: false,
        };
        #[cfg(feature = "metrics")]
        self.figures(|figures| figures.fetches(interval));
        // Its number is known when it is planned: the one before may come to nothing.
        fetch::begin(feed, limits, (self.crew.len(), self.crew.spare()), self.stop.clone(), spans::epoch())
    }

    fn plan_epoch(&self, epoch: &Span) -> EpochPlan {
        epoch.record("epoch", self.epoch);
        let watermark = self.watermark.map(tracing::field::display);
        let _planning = tracing::debug_span!(target: EPOCH, parent: epoch, "plan", watermark).entered();
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
        let mut timings = Timings::starting(fetch.started, self.fetched);
        let span = fetch.span.clone();
        let process = tracing::debug_span!(target: EPOCH, parent: &span, "process", rows = tracing::field::Empty);
        let (mut bytes, mut numbers) = (0, 0..);
        loop {
            tokio::select! {
                biased;
                failure = self.crew.failure() => return Err(self.crew.earliest(failure?).await),
                committed = committed(pending) => {
                    *pending = None;
                    self.tell(committed?);
                }
                chunk = fetch.chunks.recv() => {
                    let Some((chunk, permit)) = chunk else { break };
                    if self.was_drained {
                        return Err(self.after_drain());
                    }
                    self.line.reads(chunk.len() as u64);
                    bytes += chunk.data.len() as u64;
                    let number = numbers.next().unwrap_or_default();
                    self.crew.chunk(chunk, permit, number, *plan, &process)?;
                }
            }
        }
        let (feed, fetched) = (&mut fetch.task).await.map_err(fetch::broken)?;
        let fetched = fetched?;
        self.fetched = Some(timings.fetched());
        let workers = self.crew.len();
        self.crew.all(|| Command::Seal { workers })?;
        let sealed = self
            .crew
            .answers(|reply| match reply {
                Reply::Sealed(sealed) => Some(*sealed),
                _ => None,
            })
            .await?;
        let rows: u64 = sealed.iter().map(|sealed| sealed.counts.rows).sum();
        process.record("rows", rows);
        span.record("rows", rows).record("bytes", bytes);
        timings.mapped(sealed.iter().map(|sealed| sealed.busy).max().unwrap_or_default());
        Ok((feed, Mapped { span, bytes, sealed, fetched, timings }))
    }

    /// Ends an epoch: advances the watermark, exchanges partial aggregates, closes windows, has the sink's files
    /// finished. `None` when nothing happened that is worth a commit.
    async fn reduce(&mut self, plan: &EpochPlan, mapped: Mapped, drain: bool) -> Result<Option<EpochWork>> {
        let Mapped { span, bytes, sealed, fetched, mut timings } = mapped;
        #[cfg(feature = "metrics")]
        self.figures(|figures| figures.fetched(&fetched));
        self.counted.add(fetched.metrics);
        let moved = self.partitions.progress(&fetched.partitions) || !fetched.forgotten.is_empty();
        let mut counts = crate::operator::input::Counts::default();
        let (mut exchange, mut late_dead, mut future, mut first_bad) = (Vec::new(), 0, 0, None);
        for sealed in sealed {
            counts += sealed.counts;
            future += sealed.future;
            late_dead += sealed.late_dead;
            // That of the chunk that was read first, whoever had it.
            first_bad = [first_bad, sealed.first_bad].into_iter().flatten().min_by_key(|(chunk, ..)| *chunk);
            exchange.push(sealed.parts);
            for (partition, time) in sealed.event_times {
                self.partitions.observe(partition, time);
            }
        }
        let bad = counts.skipped + counts.dead.saturating_sub(late_dead);
        let first_bad = first_bad.map(|(_, fault, place)| (fault, place));
        self.guard.epoch(counts.rows, bad, first_bad.as_ref(), clock::monotonic())?;
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
        let mut late = vec![counts.late + late_dead];
        let state = tracing::debug_span!(
            target: EPOCH, parent: &span, "state", keys = tracing::field::Empty, bytes = tracing::field::Empty,
        );
        let reduced = self.keyed(plan, exchange, closing, &mut late);
        let mut finished = reduced.instrument(state.clone()).await?;
        let figures = finished.iter().flat_map(|finished| &finished.state);
        let (keys, held) = figures.fold((0, 0), |(keys, bytes), of| (keys + of.keys, bytes + of.bytes));
        state.record("keys", keys).record("bytes", held);
        drop(state);
        timings.reduced();
        // In mode complete no rows say that there are none any more.
        let empty = finished.iter().all(|finished| finished.batches.is_empty());
        if self.plan.mode == Mode::Complete && !self.staging && empty {
            let table = RecordBatch::new_empty(Arc::clone(&self.plan.schema));
            finished.iter_mut().take(1).for_each(|finished| finished.batches.push((0, table.clone())));
        }
        let work = EpochWork {
            span,
            bytes,
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
            counts,
            late,
            future,
            holder: self.partitions.holder().filter(|_| self.plan.watermark.is_some()),
            drained: drain,
            timings,
        };
        if drain {
            self.watermark = Some(Timestamp::MAX);
        }
        Ok(Some(work))
    }

    /// The keyed stages of an epoch: each takes the parts for it, and gives those for the next. Ends the epoch at the
    /// workers.
    async fn keyed(
        &mut self,
        plan: &EpochPlan,
        mut parts: Vec<Option<Vec<Part>>>,
        closing: Option<Timestamp>,
        late: &mut Vec<u64>,
    ) -> Result<Vec<Finished>> {
        for stage in 0..self.plan.keyed.len() {
            let (next, late_for_next) = self.crew.exchange(stage, parts, plan, closing).await?;
            late.push(late_for_next);
            parts = next;
        }
        let snapshots = self.snapshots.as_mut().map(|snapshots| snapshots.due(plan.epoch)).unwrap_or_default();
        let epoch = plan.epoch;
        self.crew.all(|| Command::Finish { epoch, snapshots: snapshots.clone() })?;
        self.crew
            .answers(|reply| match reply {
                Reply::Finished(finished) => Some(*finished),
                _ => None,
            })
            .await
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
            let spilled: u64 = committed.state.iter().map(|state| state.spilled.1).sum();
            snapshots.bytes = spilled + committed.state.iter().map(|state| state.bytes).sum::<u64>();
            snapshots.spilled = spilled > 0;
        }
        let progress: Progress = report::of(&self.plan, &self.options, &self.run_id, &committed);
        self.line.show(&progress);
        #[cfg(feature = "metrics")]
        self.figures(|figures| figures.committed(&progress, committed.watermark, &committed.delivered));
        spans::committed(&committed);
        self.notes.epoch(&committed, clock::monotonic());
        if let Some(listener) = &self.options.listener {
            listener(&progress);
        }
    }

    /// Tells those who look on, if there are any.
    #[cfg(feature = "metrics")]
    fn figures(&self, tell: impl FnOnce(&mut crate::observe::figures::Figures)) {
        if let Some(figures) = &self.options.figures {
            tell(&mut lock(figures));
        }
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
}

/// The epoch that is on its way, once it is committed; never if there is none.
async fn committed(pending: &mut Option<Pending>) -> Result<Committed> {
    match pending {
        Some(pending) => pending.wait().await,
        None => std::future::pending().await,
    }
}
