//! Formats with a type that have none, and the other way round.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) | decode json | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode text as Reading | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as String | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Bare | filter temperature > 1.0 | select { .., a = b } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Bare | watermark 1s | group_by { a, w = tumbling(1s) } | agg { n = sum(b) } | sink console() };
}

struct Bare {
    temperature: f64,
}
