//! The engine: turns the crank.
//!
//! An epoch goes plan -> fetch -> map side -> exchange -> reduce side -> stage -> commit -> publish. `driver` is the one
//! loop; `worker` threads compute; `commit` is one thread that makes epochs durable, in order, while the next is
//! computed. I/O of sources runs on the tokio runtime the pipeline was started on; nothing there ever blocks.

#[cfg(feature = "parquet")]
mod book;
mod budget;
pub(crate) mod commit;
mod crew;
pub(crate) mod driver;
mod fetch;
#[cfg(all(feature = "cli", feature = "parquet"))]
pub(crate) mod inspect;
pub(crate) mod ledger;
mod letters;
mod memory;
mod notes;
pub mod query;
mod report;
#[cfg(feature = "parquet")]
mod restore;
mod run;
pub(crate) mod shutdown;
mod snapshots;
mod spans;
pub mod summary;
mod tick;
pub(crate) mod watermark;
pub(crate) mod worker;

pub use crate::pipeline::options::{Checkpoint, Trigger};
pub use query::Query;

/// Whether the sinks can store what a pipeline makes, and whether a checkpoint fits it. Writes nothing.
///
/// # Errors
/// What does not fit.
#[cfg(feature = "cli")]
pub(crate) async fn check(pipeline: crate::Pipeline, checkpoint: Option<Checkpoint>) -> crate::Result<()> {
    aside("the check", move || ledger::check(&pipeline.plan, &pipeline.options, checkpoint.as_ref())).await
}

/// Does what blocks, such as looking at a checkpoint that may be far away, beside the reactor.
///
/// # Errors
/// That of the work, or it has panicked.
#[cfg(feature = "cli")]
pub(crate) async fn aside(what: &str, work: impl FnOnce() -> crate::Result<()> + Send + 'static) -> crate::Result<()> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        crate::Error::new(crate::error::Kind::Internal, format!("{what} panicked"))
            .caused_by(error)
            .help("please report it")
    })?
}

pub use summary::Summary;
