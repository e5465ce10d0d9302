//! Stages that come later.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | dedup by { device_id } within 1h | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | running per { device_id } { n = count() } ttl 1h | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | join d = csv("d") as D on device_id == d.id | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | left join d = csv("d") as D on device_id == d.id | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | top 3 by temperature desc per { device_id } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | process {x} per { device_id } ttl 1h | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | union (from memory(["{}"])) | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | union all | sink console() };
}
