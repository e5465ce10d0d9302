//! A row that is not what was declared.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | select { device_id = 1, ts, temp = temperature, country }
        | sink rows as Reading
    };
}
