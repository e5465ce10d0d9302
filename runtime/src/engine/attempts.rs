//! A run from its start to its end; one that a full disk has ended goes on when there is room.

use tokio::sync::watch;
use tracing::{Instrument, Span};

use super::commit::Committer;
use super::crew::gone;
use super::driver::{Driver, Stop};
use super::room::Room;
use super::spans;
use super::summary::Summary;
use crate::Result;
#[cfg(feature = "metrics")]
use crate::observe::monitor::Monitor;
use crate::operator::keyed::STRIPES;
use crate::pipeline::Plan;
use crate::pipeline::options::Options;

/// Runs a pipeline to its end.
pub(crate) async fn run(plan: Plan, mut options: Options, stop: watch::Receiver<Stop>) -> Result<Summary> {
    options.workers = options.workers.clamp(1, STRIPES);
    #[cfg(feature = "metrics")]
    let monitor = Monitor::start(&options.shown_at, options.name.as_deref())?;
    #[cfg(feature = "metrics")]
    {
        options.figures = monitor.as_ref().map(Monitor::figures);
    }
    #[cfg(feature = "spill")]
    let ended = match super::keeping::begin_scratch(&plan, &options).await {
        Ok(scratch) => {
            options.scratch = scratch;
            attempts(plan, options, stop).await
        }
        Err(error) => Err(error),
    };
    #[cfg(not(feature = "spill"))]
    let ended = attempts(plan, options, stop).await;
    #[cfg(feature = "metrics")]
    if let Some(monitor) = monitor {
        monitor.end().await;
    }
    ended
}

async fn attempts(plan: Plan, mut options: Options, stop: watch::Receiver<Stop>) -> Result<Summary> {
    let (mut told, mut room) = (Summary::default(), Room::new(&plan, &options, stop.clone()));
    loop {
        let span = spans::run(&plan, &options);
        let before = told.epochs;
        let attempt = attempt(plan.clone(), options.clone(), stop.clone(), &span, &mut told);
        let ended = attempt.instrument(span.clone()).await;
        span.in_scope(|| spans::ended(&ended));
        let error = match ended {
            Err(error) if error.is_disk_full() && room.can_wait() => error,
            ended => return ended,
        };
        if told.epochs > before {
            room.was_there();
        }
        if !room.wait().await {
            return Err(error);
        }
        // These starts are ours and say nothing about the program.
        options.ignore_crash_loop = true;
    }
}

async fn attempt(
    plan: Plan,
    options: Options,
    stop: watch::Receiver<Stop>,
    span: &Span,
    told: &mut Summary,
) -> Result<Summary> {
    let (committer, mut recovered) = Committer::start(&plan, &options, stop.clone(), span).await?;
    spans::begun(span, &options, plan.policy, &recovered);
    recovered.found.resume.pipeline.clone_from(&options.name);
    // What a failure left in the way of the next start is cleaned by that start.
    match Driver::run(plan, options, stop, (&committer, recovered), told).await {
        Ok(summary) => committer.close(None).await.map(|()| summary),
        Err(error) => Err(committer.close(Some(error)).await.err().unwrap_or_else(gone)),
    }
}
