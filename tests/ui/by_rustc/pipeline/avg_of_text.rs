//! An aggregate over the wrong type.
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
        | group_by { country, w = tumbling(1min) }
        | agg { n = count(), a = avg(device_id) }
        | sink rows
    };
}
