//! Two groups of one name.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from memory(["{}"]) | decode json as Reading | watermark 10s
        | group_by { device_id, w = tumbling(1min) } name "devices" | agg { n = count() }
        | group_by { device_id, w = tumbling(1h) } name "devices" | agg { n = sum(n) }
        | sink rows
    };
}
