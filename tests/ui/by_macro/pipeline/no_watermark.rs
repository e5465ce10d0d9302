//! Groups that append mode can never emit.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | group_by { device_id, w = tumbling(1min) }
        | agg { n = count() }
        | sink rows
    };
}
