//! Sources, formats, aggregates and sinks that do not exist.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    // A format that is not there yet is no other fault than one that is misspelt: a program may bring its own `avro`.
    let _ = pipeline! { from memory(["{}"]) | decode avro as Reading | sink console() };
    let _ = pipeline! { from memroy(["{}"]) | decode text | select { line } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode jsn as Reading | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode text | select { line } | sink consle() };
    let _ = pipeline! { from memory(["{}"]) | decode text | select { line } | sink nowhere };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reding | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { n = cuont() } | sink console() };
}
