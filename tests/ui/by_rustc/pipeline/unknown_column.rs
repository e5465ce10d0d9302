//! A column that the schema does not have: rustc says it, at the column.
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
        | sink rows
    };
}
