//! A `Result` whose `Err` cannot say what is wrong.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

struct Wrong;

fn hot(temperature: f64) -> Result<bool, Wrong> {
    if temperature < 0.0 { Err(Wrong) } else { Ok(temperature > 30.0) }
}

fn main() {
    let rows = millstream::sink::collect();
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter hot(temperature) | sink {rows.clone()} };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | filter device_id.parse::<f64>() | sink {rows.clone()} };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { a = {thershold}, b = {HashMap::new()} } | sink rows };
}
