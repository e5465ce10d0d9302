//! Stages that are misspelt, misplaced or empty.
#[path = "../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let rows = millstream::sink::collect();
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | fliter temperature > 1.0 | sink {rows.clone()} };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | where temperature > 1.0 | sink {rows.clone()} };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter | sink {rows.clone()} };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature > | sink {rows.clone()} };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select * | sink {rows.clone()} };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | agg { n = count() } | sink {rows.clone()} };
    let _ = pipeline! { from memory(["{}"]) | sink {rows.clone()} | decode json as Reading };
    let _ = pipeline! { decode json as Reading | sink {rows.clone()} };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | | sink rows };
    let _ = pipeline! {};
}
