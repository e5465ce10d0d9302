//! What other dialects call a stage.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | where temperature > 1.0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | WHERE temperature > 1.0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | having temperature > 1.0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | FILTER temperature > 1.0 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | map { device_id } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | SELECT { device_id } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | project { device_id } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | withColumn { .., a = 1 } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | flat_map word = device_id | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | withWatermark ts 10s | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | groupBy { device_id } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | group by device_id | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | keyBy { device_id } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | partition by device_id | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | aggregate { n = count() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | order by ts | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | sort ts | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | limit 10 | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | window tumbling(1min) | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | distinct | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | count | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | trigger 10s | sink console() };
    let _ = pipeline! { read memory(["{}"]) | from_json json as Reading | writeStream console() };
    let _ = pipeline! { FROM memory(["{}"]) | DECODE json as Reading | SINK console() };
}
