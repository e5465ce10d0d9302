//! A value that cannot be a column.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | select { device_id, words = device_id.split('-') }
        | sink {rows.clone()}
    };
    let _ = pipeline! { from memory(["{}"]) | sink rows };
}
