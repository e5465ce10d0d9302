//! A length is no column, and a list no key.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading | select { n = device_id.len() } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode text | group_by { words = line.as_bytes() } ttl never | agg { n = count() } | sink console() mode = update };
    let _ = pipeline! { from memory(["{}"]) | decode text | select { line } | sink console(limit = "5") };
}
