//! A window on a column that is no time.
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
        | group_by { device_id, w = tumbling(temperature, 1min) }
        | agg { n = count() }
        | sink rows
    };
}
