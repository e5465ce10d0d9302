//! `check` and `history`: how a pipeline differs from the one of a checkpoint, and what was changed there before.

use super::say;
use crate::engine::{self, Checkpoint};
use crate::error::{Error, Kind};
use crate::time::Timestamp;
use crate::{Pipeline, Result};

/// Says whether the sink and the checkpoint fit the pipeline.
pub(super) async fn check(mut pipeline: Pipeline, checkpoint: Option<String>, json: bool) -> Result<()> {
    let checkpoint = checkpoint.map(Checkpoint::from).or(pipeline.options.checkpoint.take());
    let fits = if checkpoint.is_some() { ", and the checkpoint fits the pipeline" } else { "" };
    let checked = engine::check(pipeline, checkpoint).await?;
    let Some((looked, comparison)) = checked else {
        return match json {
            true => say(format_args!("{:#}", serde_json::json!({ "fits": true, "changes": [] }))),
            false => say(format_args!("the sink can store the rows{fits}")),
        };
    };
    let ends = comparison.check();
    if json {
        let document = serde_json::json!({
            "fits": ends.is_ok(),
            "epoch": looked.last.epoch,
            "changes": comparison.lines,
            "history": looked.changes,
        });
        say(format_args!("{document:#}"))?;
        return ends;
    }
    say(format_args!(
        "the last epoch of the checkpoint is {}; against the pipeline that committed it:",
        looked.last.epoch
    ))?;
    say(format_args!("{comparison}"))?;
    for change in &looked.changes {
        say(format_args!("{}", told(change)))?;
    }
    ends?;
    say(format_args!("the sink can store the rows{fits}"))
}

/// Prints the changes of state that the log has.
pub(super) async fn history(mut pipeline: Pipeline, checkpoint: Option<String>, json: bool) -> Result<()> {
    let place = super::place(&mut pipeline, checkpoint)?;
    let looked = engine::blocking(move || crate::checkpoint::look(&place, u64::MAX)).await?;
    let Some(looked) = looked else {
        return Err(Error::new(Kind::Config, "the checkpoint has no history: nothing is committed"));
    };
    if json {
        return say(format_args!("{:#}", serde_json::json!({ "epoch": looked.last.epoch, "history": looked.changes })));
    }
    for change in &looked.changes {
        say(format_args!("{}", told(change)))?;
    }
    say(format_args!("the last epoch is {}", looked.last.epoch))
}

fn told(change: &crate::checkpoint::Change) -> String {
    let (at, writer) = (Timestamp::from_micros(change.wall_time), &change.writer);
    let mut told = format!(
        "changed at {at}, before epoch {}, by {} (pid {} on {}):",
        change.epoch, writer.build, writer.pid, writer.host
    );
    for line in &change.changes {
        told += &format!("\n  {line}");
    }
    told
}
