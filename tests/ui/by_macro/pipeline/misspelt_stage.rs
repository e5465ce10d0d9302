//! Misspelt stages.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | fliter temperature > 1.0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | wher temperature > 1.0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | selct { device_id } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | water_mark 10s | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | frobnicate device_id | sink console() };
}
