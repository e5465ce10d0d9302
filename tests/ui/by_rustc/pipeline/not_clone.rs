//! A Rust value that a pipeline cannot keep.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let rows = millstream::sink::collect();
    let limit = std::cell::RefCell::new(1.0);
    let _ = pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | filter temperature > *{&limit}.borrow()
        | sink rows
    };
}
