//! Options and sources that do not exist.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let rows = millstream::sink::collect();
    let _ = pipeline! { from memory(["{}"], regoin = "eu") | decode text | sink {rows.clone()} };
    let _ = pipeline! { from memroy(["{}"]) | decode text | sink {rows.clone()} };
    let _ = pipeline! { from memory(["{}"]) | decode jsn as Reading | sink {rows.clone()} };
    let _ = pipeline! { from memory(["{}"]) | decode json | sink {rows.clone()} };
    let _ = pipeline! { from memory(["{}"]) | decode text as Reading | sink rows };
}
