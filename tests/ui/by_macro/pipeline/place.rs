//! Stages in the wrong place.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | filter temperature > 1.0 | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | decode json as Reading | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | watermark 5s | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { n = count() } | watermark 10s | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { n = count() } | decode json as Reading | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { n = count() } | filter record.index > 1 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | from memory(["{}"]) | sink console() };
    let _ = pipeline! { decode json as Reading | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading };
    let _ = pipeline! { from memory(["{}"]) | decode text | select { line } | sink console() | filter line.len() > 1 };
    let _ = pipeline! { from memory(["{}"]) | decode text | select { line } | sink console() | sink console() };
}
