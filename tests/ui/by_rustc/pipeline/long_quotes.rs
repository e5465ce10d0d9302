//! Rust's lexer refuses longer text in single quotes, before the macro sees it.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter device_id == 'US' | sink console() };
}
