//! A broken pipeline is a `Pipeline` all the same: nothing else is said of the code around it.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::prelude::*;
use shared::Reading;

fn main() {
    let pipeline: Pipeline = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature > | sink console() };
    let named = pipeline.name("x").trigger(Trigger::Once);
    let _ = (named.explain().to_string(), returned().name("y"));
}

fn returned() -> Pipeline {
    pipeline! { from memory(["{}"]) | decode json as Reading | group_by }
}
