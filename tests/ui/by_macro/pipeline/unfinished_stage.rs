//! Stages that are not finished.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading |  | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature > | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select {} | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { a = } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { device_id,, ts } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | drop | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | explode | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | explode word | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | explode word = | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg {} | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by | agg { n = count() } | sink console() };
    let _ = pipeline! { from | decode text | select { line } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading else | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode text | sink };
    let _ = pipeline! {  };
}
