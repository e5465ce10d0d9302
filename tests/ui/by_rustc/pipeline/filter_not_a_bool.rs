//! A filter that is no yes or no.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | filter temperature
        | filter temperature * 2.0
        | sink rows
    };
}
