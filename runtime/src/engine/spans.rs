//! The spans of a run and of its epochs, and the events of its life. Nothing here costs more than once an epoch.

use tracing::Span;
use tracing::field::{Empty, debug, display};

use super::commit::{Committed, Recovered};
use super::report::millis;
use super::summary::Summary;
use crate::Result;
use crate::observe::{EPOCH, RUN};
use crate::operator::input::Policy;
use crate::pipeline::Plan;
use crate::pipeline::options::Options;
use crate::time::Timestamp;

/// A run. What it reads and writes is in the words of `explain`, which have no secrets.
pub(super) fn run(plan: &Plan, options: &Options) -> Span {
    let (source, sink) = (plan.source.describe(), plan.sink.describe());
    tracing::info_span!(
        target: RUN,
        "run",
        pipeline = options.name,
        id = Empty,
        run_id = Empty,
        source = %format_args!("{}({})", source.kind, source.target),
        sink = %format_args!("{}({})", sink.kind, sink.target),
    )
}

/// The checkpoint and the sinks are open.
pub(super) fn begun(run: &Span, options: &Options, policy: Policy, recovered: &Recovered) {
    run.record("id", &recovered.id).record("run_id", &recovered.run_id);
    let (workers, checkpoint) = (options.workers, options.checkpoint.as_ref().map(debug));
    tracing::info!(target: RUN, workers, checkpoint, "the run begins");
    if cfg!(panic = "abort") && policy != Policy::Fail {
        let message = "the program is built with `panic = \"abort\"`: an expression that panics ends it, whatever the policy for its record";
        tracing::warn!(target: RUN, message);
    }
}

/// The state of the last commit is in memory.
pub(super) fn recovered(epoch: u64, watermark: Option<Timestamp>, keys: u64, bytes: u64) {
    let watermark = watermark.map(display);
    tracing::info!(target: RUN, epoch, watermark, keys, bytes, "goes on after the last committed epoch");
}

/// The run has come to its end.
pub(super) fn ended(ended: &Result<Summary>) {
    match ended {
        Ok(summary) => {
            let (epochs, rows, rows_out) = (summary.epochs, summary.rows.rows, summary.rows_out);
            tracing::info!(target: RUN, epochs, rows, rows_out, drained = summary.drained, "the run has ended");
        }
        Err(error) => {
            let (kind, help) = (debug(error.kind()), error.advice());
            tracing::error!(target: RUN, kind, help, "the run has failed: {}", error.message());
        }
    }
}

/// An epoch, from the beginning of its fetch on. Its number is known when it is planned: the one before may come to nothing.
pub(super) fn epoch() -> Span {
    tracing::info_span!(target: EPOCH, "epoch", epoch = Empty, rows = Empty, bytes = Empty, rows_out = Empty)
}

/// An epoch is committed and published.
pub(super) fn committed(committed: &Committed) {
    let Committed { span, epoch, counts, bytes, rows_out, timings, .. } = committed;
    span.record("rows_out", rows_out);
    let (rows, ms) = (counts.rows, millis(timings.all()));
    tracing::info!(target: EPOCH, parent: span, epoch, rows, bytes, rows_out, ms, "epoch committed");
}
