//! The engine: turns the crank.
//!
//! An epoch goes plan -> fetch -> map side -> exchange -> reduce side -> stage -> commit -> publish. `driver` is the one
//! loop; `worker` threads compute; `commit` is one thread that makes epochs durable, in order, while the next is
//! computed. I/O of sources runs on the tokio runtime the pipeline was started on; nothing there ever blocks.

pub(crate) mod attempts;
#[cfg(feature = "parquet")]
mod book;
mod budget;
#[cfg(feature = "parquet")]
mod change;
pub(crate) mod commit;
mod crew;
pub(crate) mod driver;
mod fetch;
mod guard;
#[cfg(all(feature = "cli", feature = "parquet"))]
pub(crate) mod inspect;
mod keeping;
pub(crate) mod ledger;
mod letters;
mod memory;
mod notes;
pub mod query;
mod report;
#[cfg(feature = "parquet")]
mod restore;
mod room;
mod run;
mod share;
pub(crate) mod shutdown;
mod snapshots;
mod spans;
pub mod summary;
mod tick;
pub(crate) mod watchdog;
pub(crate) mod watermark;
pub(crate) mod worker;

pub use crate::pipeline::options::{Checkpoint, Trigger};
pub use query::Query;

/// Whether the sinks can store what a pipeline makes, and how it differs from the one that made the last commit of a checkpoint;
/// `None` without a commit. Writes nothing.
///
/// # Errors
/// The sinks cannot, or the checkpoint cannot be read.
#[cfg(feature = "cli")]
pub(crate) async fn check(
    pipeline: crate::Pipeline,
    checkpoint: Option<Checkpoint>,
) -> crate::Result<Option<ledger::Checked>> {
    blocking(move || ledger::check(&pipeline.plan, &pipeline.options, checkpoint.as_ref())).await
}

/// Opens a checkpoint and ends it again, for the changes of state that were asked for. Gives the epoch from which they hold.
///
/// # Errors
/// As a run's; or there is nothing to change.
#[cfg(feature = "cli")]
pub(crate) async fn reset(pipeline: crate::Pipeline) -> crate::Result<u64> {
    blocking(move || ledger::reset(&pipeline.plan, &pipeline.options)).await
}

/// Does work on disks and stores, which may be far away.
///
/// # Errors
/// As the work's.
#[cfg(feature = "cli")]
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> crate::Result<T> + Send + 'static,
) -> crate::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| {
        crate::Error::new(crate::error::Kind::Internal, "a command panicked").caused_by(error).help("please report it")
    })?
}

pub use summary::Summary;
