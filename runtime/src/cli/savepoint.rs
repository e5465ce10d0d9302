//! `savepoint` and `reset`: a copy to begin from, and a keyed stage that begins anew.

use super::say;
use crate::checkpoint::savepoint;
use crate::engine::{self, Checkpoint};
use crate::{Pipeline, Result};

/// Copies the last commit to a place of its own. The pipeline may run meanwhile.
pub(super) async fn write(mut pipeline: Pipeline, checkpoint: Option<String>, to: String) -> Result<()> {
    let from = super::place(&mut pipeline, checkpoint)?;
    let target = super::place(&mut pipeline, Some(to.clone()))?;
    let saved = engine::blocking(move || savepoint::write(&from, &target)).await?;
    say(format_args!(
        "`{to}` holds epoch {} of the pipeline {}: {} state files, {} bytes",
        saved.epoch, saved.pipeline_id, saved.files, saved.bytes
    ))
}

/// Drops the state of keyed stages.
pub(super) async fn reset(mut pipeline: Pipeline, checkpoint: Option<String>, operators: Vec<String>) -> Result<()> {
    if let Some(checkpoint) = checkpoint {
        pipeline = pipeline.checkpoint(Checkpoint::from(checkpoint));
    }
    let words = operators.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    pipeline.options.changes.reset = operators;
    let epoch = engine::reset(pipeline).await?;
    say(format_args!("the state of {words} is dropped: from epoch {epoch} on it begins anew"))
}
