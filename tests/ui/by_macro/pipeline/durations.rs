//! Durations.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10sec | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10 seconds | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark "10 seconds" | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 1.5s | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 99999999999d | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark 10s ts | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark ts | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark tomorrow now | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter ts + 1.5s > ts | sink console() };
}
