//! Lists of columns.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select * | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select device_id, ts | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select (device_id, ts) | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { device_id, .. } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { .. ts } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { device_id, device_id = 1 } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { temperature as t } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { temperature * 2.0 } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { device_id } | filter temperature > 1.0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { temp = temperature } | filter tmp > 1.0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | drop { country } | filter country.is_some() | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | drop { country = 1 } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | drop { .. } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { country } | drop { country } | sink console() };
}
