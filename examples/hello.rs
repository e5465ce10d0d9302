//! Counts random numbers per minute: the smallest pipeline with a window. Run it with `cargo run --example hello`.
//!
//! ```text
//! minute                even  n   largest
//! 2026-01-01T00:00:00Z  no    31      989
//! ```

use millstream::prelude::*;

#[tokio::main]
async fn main() -> millstream::Result<()> {
    let pipeline = pipeline! {
        from rate(1, count = 180, start = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap_or_default(), pace = unpaced)
        | select { ts = timestamp, number = (random % 1000) as i64 }
        | watermark ts 10s
        | group_by { even = number % 2 == 0, window = tumbling(1min) }
        | agg { n = count(), largest = max(number) }
        | select { minute = window.start, even, n, largest }
        | sink console(sort = [minute, even])
    };
    println!("{}", pipeline.run().await?);
    Ok(())
}
