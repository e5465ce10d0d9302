//! Expressions that are none.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature > | 2.0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature > 20.0 5 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature > > 5.0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { a = temperature +, b = 1 } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter let x = 5 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature > 20,0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature {20.0} | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature > {} | sink console() };
    let _ = pipeline! { from memory({}) | decode json as Reading | sink console() };
}
