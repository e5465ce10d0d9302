//! What needs a feature of millstream that is off.
#[path = "../../shared/mod.rs"]
mod shared;

use millstream::pipeline;
use shared::Reading;

fn main() {
    let _ = pipeline! { from kinesis("readings", region = "eu-west-1", start = latest) | decode text | select { line } | sink console() };
    let _ = pipeline! { from kinesis("readings", start = at("2026-01-01T00:00:00Z")) | decode text | select { line } | sink console() };
    let _ = pipeline! { from socket("localhost:9999", listen = true) | decode text | select { line } | sink console() };
    let _ = pipeline! { from file("in/*.json", compression = gzip) | decode text | select { line } | sink console() };
    let _ = pipeline! { from file("in/*.json", compression = zstd) | decode text | select { line } | sink console() };
    let _ = pipeline! { from memory(["{}"]) | decode text | select { line } | sink parquet("out") };
    let _ = pipeline! { from memory(["{}"]) | decode text | select { line } | sink kinesis("out", key = [line], format = json) };
    let _ = pipeline! { from memory(["{}"]) | decode text | select { line } | sink kinesis("out", region = "eu-west-1", key = spread) };
    let _ = pipeline! { from memory(["{}"]) | decode json as Reading else dead_letter(parquet("out")) | sink console() };
}
