//! A column that is not there after `agg`.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | watermark 10s
        | group_by { device_id, w = tumbling(1min) }
        | agg { total = sum(temperature) }
        | filter totl > 20.0
        | sink rows
    };
}
