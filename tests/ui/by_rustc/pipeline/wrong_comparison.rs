//! A number compared with text.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | filter temperature > "20"
        | sink rows
    };
}
