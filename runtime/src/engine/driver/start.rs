//! The start of a run: the state of the last commit is put back, the source is opened where that commit had read up to, and the
//! loop turns until its end.

use std::io::IsTerminal;
use std::sync::Arc;

use tokio::sync::watch;

use super::super::budget::Budget;
use super::super::commit::{Committer, Recovered};
use super::super::crew::Crew;
use super::super::guard::Guard;
use super::super::keeping::Keeping;
use super::super::notes::Notes;
#[cfg(feature = "parquet")]
use super::super::restore::Restore;
use super::super::share::NEAR;
use super::super::snapshots::Snapshots;
use super::super::summary::{Open, Summary};
use super::super::watermark::Partitions;
use super::super::{spans, watchdog};
use super::{Driver, Stop};
use crate::error::Error;
use crate::observe::line::Line;
use crate::pipeline::Plan;
use crate::pipeline::options::Options;
use crate::sink::Mode;
use crate::source::{Feed, Metrics, Resume};
use crate::{Result, clock};

impl Driver {
    /// Runs until the input ends, something asks for the end, or something fails; `told` is what earlier attempts came to,
    /// and takes what this one does.
    pub(in crate::engine) async fn run(
        plan: Plan,
        options: Options,
        stop: watch::Receiver<Stop>,
        (committer, recovered): (&Committer, Recovered),
        told: &mut Summary,
    ) -> Result<Summary> {
        // The little that a crash test reads is for all workers, too.
        let near = if options.rehearsal.is_some() { 0 } else { NEAR };
        let budget = Budget::of(&options);
        let keeping = Keeping::new(recovered.log_changes, &options, &budget)?;
        let crew = Crew::start(&plan, recovered.writers, &recovered.letters, &keeping, near)?;
        let found = recovered.found;
        let mut partitions = Partitions::default();
        for (id, max_event_time, drained) in &found.partitions {
            partitions.restore(id, *max_event_time, *drained);
        }
        let summary = Summary {
            last_epoch: found.last_epoch,
            watermark: found.watermark,
            drained: found.drained,
            open: Open::of(&plan.keyed),
            open_keys: 0,
            ..told.clone()
        };
        let mut driver = Self {
            stop,
            crew,
            partitions,
            watermark: found.watermark,
            epoch: found.last_epoch.map_or(1, |epoch| epoch + 1),
            was_drained: found.drained,
            staging: recovered.staging,
            summary,
            line: Line::new(options.progress && !prints(&plan)),
            run_id: recovered.run_id,
            snapshots: recovered.log_changes.then_some(Snapshots::new(
                found.striped,
                found.fine,
                found.taken,
                options.scale(),
            )),
            budget,
            tick: clock::monotonic(),
            counted: Metrics::default(),
            fetched: None,
            notes: Notes::default(),
            guard: Guard::new(options.max_error_rate),
            plan,
            options,
        };
        #[cfg(feature = "parquet")]
        let begun = driver.begin(found.resume, recovered.state, committer).await;
        #[cfg(not(feature = "parquet"))]
        let begun = driver.begin(found.resume, committer).await;
        let feed = match begun {
            Ok(feed) => feed,
            Err(error) => {
                // They have files open.
                driver.crew.end().await;
                return Err(error);
            }
        };
        driver.line.opened(feed.since());
        #[cfg(feature = "metrics")]
        driver.figures(|figures| figures.opened(found.last_epoch, found.watermark));
        let watched = driver.watchdog(committer);
        let ended = tokio::select! {
            ended = async {
                let ended = driver.turn(feed, committer).await;
                driver.crew.end().await;
                ended
            } => ended,
            // A thread that does not come back is left behind.
            stuck = watched => Err(stuck),
        };
        driver.line.end();
        driver.notes.tell(driver.watermark);
        told.clone_from(&driver.summary);
        ended.map(|()| driver.summary)
    }

    /// Puts back the state, and opens the source where it had been read up to.
    async fn begin(
        &mut self,
        resume: Resume,
        #[cfg(feature = "parquet")] state: Option<Restore>,
        committer: &Committer,
    ) -> Result<Box<dyn Feed>> {
        #[cfg(feature = "parquet")]
        if let Some(state) = state {
            self.put_back(state, committer).await?;
        }
        self.restored().await?;
        let feed = self.plan.source.open(resume).await?;
        committer.starts(feed.starts(), feed.identity()).await?;
        Ok(feed)
    }

    /// The error of a thread that does not come back.
    fn watchdog(&self, committer: &Committer) -> impl Future<Output = Error> + use<> {
        let mut watches = self.crew.watches();
        watches.push(Arc::clone(&committer.watch));
        let stages = self.plan.keyed.iter().map(|keyed| keyed.spec.name.clone()).collect();
        watchdog::watch(watches, stages, self.options.max_record_time)
    }

    /// Puts back the state of every keyed stage.
    #[cfg(feature = "parquet")]
    async fn put_back(&mut self, state: Restore, committer: &Committer) -> Result<()> {
        let mut restoring = state.begin()?;
        while let Some((stage, rows)) = restoring.next().await {
            self.crew.restore(stage, rows).await?;
        }
        let damaged = restoring.end().await?;
        let again: Vec<_> = damaged.iter().map(|file| (file.lo, file.hi + 1)).collect();
        self.snapshots.iter_mut().for_each(|snapshots| snapshots.again.clone_from(&again));
        committer.damaged(damaged.into_iter().map(|file| file.path).collect())
    }

    /// All state is back.
    async fn restored(&mut self) -> Result<()> {
        let mut stages = Vec::new();
        for stage in 0..self.plan.keyed.len() {
            stages.push(self.crew.restored(stage, self.watermark).await?);
        }
        // Groups that had ended are gone by now, and do not count.
        #[cfg(feature = "parquet")]
        self.budget.restored(&self.plan, &stages)?;
        let [keys, bytes, spilled] = std::array::from_fn(|at| stages.iter().map(|of| of[at]).sum());
        if self.plan.mode == Mode::Append {
            self.summary.open_keys = keys;
        }
        if let Some(snapshots) = &mut self.snapshots {
            (snapshots.bytes, snapshots.spilled) = (bytes + spilled, spilled > 0);
        }
        if let Some(epoch) = self.summary.last_epoch {
            spans::recovered(epoch, self.watermark, keys, bytes);
        }
        Ok(())
    }
}

/// Whether the sink prints where the line of progress would be: they would stand in each other's way.
fn prints(plan: &Plan) -> bool {
    plan.sink.describe().kind == "console" && std::io::stdout().is_terminal()
}
