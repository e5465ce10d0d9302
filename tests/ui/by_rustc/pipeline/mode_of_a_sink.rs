//! A mode that the sink does not take.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn updates(files: millstream::sink::parquet::Parquet) -> millstream::Pipeline {
    pipeline! {
        from memory(["{}"]) | decode json as Reading
        | group_by { device_id } ttl never | agg { n = count() }
        | sink files mode = update
    }
}

fn main() {}
