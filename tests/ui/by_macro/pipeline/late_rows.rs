//! Policies for rows that cannot be late.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from memory(["{}"]) | decode json as Reading
        | group_by { device_id } ttl never else skip | agg { n = count() }
        | sink {rows.clone()} mode = update
    };
    let _ = pipeline! {
        from memory(["{}"]) | decode json as Reading | watermark 10s
        | group_by { device_id, w = tumbling(1min) } else fail | agg { n = count() }
        | sink {rows.clone()} mode = complete
    };
    let _ = pipeline! {
        from memory(["{}"]) | decode json as Reading | watermark 10s
        | group_by { device_id, w = tumbling(1min) } name "minutes" | agg { n = count() }
        | group_by { w = tumbling(1h) } else fail name "hours" | agg { n = sum(n) }
        | sink {rows.clone()}
    };
    let _ = pipeline! {
        from memory(["{}"]) | decode json as Reading | watermark 10s
        | group_by { device_id, w = tumbling(1min) } else drop | agg { n = count() }
        | sink rows
    };
}
