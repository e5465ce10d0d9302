//! A run from its start to its end; one that a full disk has ended goes on when there is room.

use std::time::Duration;

use tokio::sync::watch;
use tracing::{Instrument, Span};

use super::commit::Committer;
use super::crew::gone;
use super::driver::{Driver, Stop};
use super::spans;
use super::summary::Summary;
use crate::observe::RUN;
#[cfg(feature = "metrics")]
use crate::observe::monitor::{Monitor, lock};
use crate::operator::keyed::STRIPES;
use crate::pipeline::Plan;
use crate::pipeline::options::{Checkpoint, Options};
use crate::{Result, clock};

/// How long the first wait for room is; each is twice as long as the one before, up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Runs a pipeline to its end.
pub(crate) async fn run(plan: Plan, mut options: Options, stop: watch::Receiver<Stop>) -> Result<Summary> {
    options.workers = options.workers.clamp(1, STRIPES);
    #[cfg(feature = "metrics")]
    let monitor = Monitor::start(&options.shown_at, options.name.as_deref())?;
    #[cfg(feature = "metrics")]
    {
        options.figures = monitor.as_ref().map(Monitor::figures);
    }
    let ended = attempts(plan, options, stop).await;
    #[cfg(feature = "metrics")]
    if let Some(monitor) = monitor {
        monitor.end().await;
    }
    ended
}

async fn attempts(plan: Plan, mut options: Options, mut stop: watch::Receiver<Stop>) -> Result<Summary> {
    let (mut told, mut wait) = (Summary::default(), FIRST);
    loop {
        let span = spans::run(&plan, &options);
        let before = told.epochs;
        let attempt = attempt(plan.clone(), options.clone(), stop.clone(), &span, &mut told);
        let ended = attempt.instrument(span.clone()).await;
        span.in_scope(|| spans::ended(&ended));
        let error = match ended {
            Err(error) if error.is_disk_full() && can_wait(&plan, &options) => error,
            ended => return ended,
        };
        if told.epochs > before {
            wait = FIRST;
        }
        #[cfg(feature = "metrics")]
        if let Some(figures) = &options.figures {
            lock(figures).waits();
        }
        let seconds = wait.as_secs();
        tracing::warn!(target: RUN, seconds, "a disk is full; the run goes on when there is room, and tries that in a while");
        tokio::select! {
            // The next start does what is left.
            Ok(_) = stop.wait_for(|stop| *stop != Stop::No) => return Err(error),
            () = clock::sleep(wait) => {}
        }
        wait = (wait * 2).min(LONGEST);
        // These starts are ours and say nothing about the program.
        options.ignore_crash_loop = true;
    }
}

/// Whether a new start goes on where the last commit was, with nothing lost.
fn can_wait(plan: &Plan, options: &Options) -> bool {
    let kept = options.checkpoint.as_ref().and_then(Checkpoint::place).is_some();
    kept && options.rehearsal.is_none() && plan.source.describe().replayable
}

async fn attempt(
    plan: Plan,
    options: Options,
    stop: watch::Receiver<Stop>,
    span: &Span,
    told: &mut Summary,
) -> Result<Summary> {
    let (committer, mut recovered) = Committer::start(&plan, &options, span).await?;
    spans::begun(span, &options, plan.policy, &recovered);
    recovered.found.resume.pipeline.clone_from(&options.name);
    // What a failure left in the way of the next start is cleaned by that start.
    match Driver::run(plan, options, stop, (&committer, recovered), told).await {
        Ok(summary) => committer.close(None).await.map(|()| summary),
        Err(error) => Err(committer.close(Some(error)).await.err().unwrap_or_else(gone)),
    }
}
