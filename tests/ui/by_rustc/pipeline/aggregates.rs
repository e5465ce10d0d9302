//! Calls that are no aggregates, and arguments that do not fit.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { n = sum(country) } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { n = avg() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { n = count(temperature) } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { n = count_if(temperature) } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s | group_by { device_id, w = tumbling(1min) } | agg { n = f64::abs(temperature) } | sink console() };
}
