//! A float cannot be a key.
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
        | group_by { device_id, temperature, w = tumbling(1min) }
        | agg { n = count() }
        | sink rows
    };
}
