//! Windows and keys.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumble(1min) } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = TUMBLING(1min) } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { w = hop(10min, 1min) } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { w = tumblin(1min) } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { w = window("1 minute") } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { w = tumbling() } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { w = tumbling(0s) } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { w = tumbling(1min, every = 1s) } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { w = tumbling(ts, 1min, 2min) } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { w = sliding(10min) } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { w = sliding(10min, 1min) } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { w = sliding(1min, every = 10min) } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { w = session(30min) } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { w = tumbling(1min), v = tumbling(2min) } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { .., w = tumbling(1min) } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, device_id, w = tumbling(1min) } | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { w = tumbling(1min) } name per_minute | agg { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { n = count() } | group_by { device_id, w = tumbling(1min) } | agg { m = sum(n) } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { n = count() } | select { n } | group_by { w = tumbling(1h) } | agg { m = sum(n) } | sink console() };
}
