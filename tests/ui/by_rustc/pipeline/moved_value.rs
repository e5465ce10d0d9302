//! A Rust value that an expression would take away from the rows after it.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let rows = millstream::sink::collect();
    let prefix = String::from("a");
    let _ = pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | select { id = {prefix} + device_id, other = greet({prefix}) }
        | sink rows
    };
}

fn greet(name: String) -> String {
    name
}
