//! Values of Rust without the braces that they need, and braces where they need not be. What the macro does not know, which
//! is the columns of a schema and what names the program has, rustc says: it offers what there is, and no braces.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::prelude::*;
use shared::Reading;

fn main() {
    let (threshold, folder, delay) = (20.0, "in", secs(10));
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature > threshold | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { device_id } | filter device_id == folder | sink console() };
    let _ = pipeline! { from file("in", follow = delay) | decode text | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | watermark delay | sink console() };
    // An escape is evaluated when the pipeline is built, where there are no columns.
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { n = {if temperature > 1.0 { 1 } else { 2 }} } | sink console() };
    let _ = (threshold, folder, delay);
}
