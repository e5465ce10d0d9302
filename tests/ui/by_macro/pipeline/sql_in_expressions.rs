//! Operators and words of SQL in an expression.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature = 20.0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter device_id <> "a" | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature > 1.0 and temperature < 2.0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature > 1.0 AND temperature < 2.0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature > 1.0 or temperature < 2.0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter not temperature > 1.0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter NOT (temperature > 1.0) | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter country is null | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter country IS NOT NULL | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter country == null | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter device_id like "a%" | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter device_id not like "%a%" | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter device_id like "a_%" | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature between 20 and 30 and device_id == "a" | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature not between -5 and 5 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter device_id in ("a", "b") | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter device_id NOT IN ("a", "b") | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature > 1.0 is true | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { device_id, level = case when temperature > 20.0 then 1 else 0 end } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { device_id, land = coalesce(country, "unknown") } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter COALESCE(country, device_id) == "a" | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { device_id, whole = cast(temperature as bigint) } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { words = CAST(temperature + 1.0 AS VARCHAR(10)) } | sink console() };
}
