//! What stands between stages.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) decode json as Reading filter temperature > 1.0 sink console() };
    let _ = pipeline! { from memory(["{}"]); decode text | select { line }; sink console() };
    let _ = pipeline! { from memory(["{}"]) |> decode text | select { line } |> sink console() };
    let _ = pipeline! { from memory(["{}"]) || decode text | select { line } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode text | select { line } | | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode text | select { line } | "a" | sink console() };
}
