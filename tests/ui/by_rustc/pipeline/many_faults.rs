//! Every fault of a pipeline, in one compile: ours and what rustc says of the healthy stages.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | filter temprature > 20.0
        | filter temperature = 20.0
        | filter country is null or country <> "US"
        | wher temperature > 1.0
        | watermark 10sec
        | group_by { device_id, w = tumbling(1min) }
        | agg { n = count(), n = avg(device_id) }
        | select { .., m = nn }
        | sink rows mode = upsert
    };
}
