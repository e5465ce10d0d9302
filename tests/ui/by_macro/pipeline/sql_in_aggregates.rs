//! Aggregates as SQL writes them.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { n = count(*) } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { n = count(distinct country) } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { avg(temperature) } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { avg(temperature) as mean } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { mean = sum(temperature) / count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { temperature } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { .., n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { device_id = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg n = count() | sink console() };
}
