//! Groups that do not end, and so are never emitted or only grow.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from memory(["{}"]) | decode json as Reading | watermark 10s
        | group_by { device_id } | agg { n = count() }
        | sink {rows.clone()}
    };
    let _ = pipeline! {
        from memory(["{}"]) | decode json as Reading | watermark 10s
        | group_by { device_id } ttl never | agg { n = count() }
        | sink {rows.clone()}
    };
    let _ = pipeline! {
        from memory(["{}"]) | decode json as Reading
        | agg { n = count() }
        | sink {rows.clone()}
    };
    let _ = pipeline! {
        from memory(["{}"]) | decode json as Reading
        | group_by { device_id } ttl 1h | agg { n = count() }
        | sink {rows.clone()}
    };
    let _ = pipeline! {
        from memory(["{}"]) | decode json as Reading
        | group_by { device_id, w = tumbling(1min) } | agg { n = count() }
        | sink {rows.clone()} mode = update
    };
    let _ = pipeline! {
        from memory(["{}"]) | decode json as Reading | watermark 10s
        | group_by { device_id, w = tumbling(1min) } ttl 1h | agg { n = count() }
        | sink rows
    };
}
