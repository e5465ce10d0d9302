//! Options that do not exist.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from file("in", folow = 5s) | decode text | select { line } | sink console() };
    let _ = pipeline! { from memory(["{}"], regoin = "eu") | decode text | select { line } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json(stict) as Reading | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode text | select { line } | sink console(row = 5) };
}
