//! Counts random numbers per minute: the smallest pipeline with a window. Run it with `cargo run --example hello`.
//!
//! ```text
//! epoch 1, 6 rows
//!  minute               | even  |  n | largest
//! ----------------------+-------+----+---------
//!  2026-01-01T00:00:00Z | false | 35 |     991
//!  2026-01-01T00:00:00Z | true  | 25 |     992
//!  2026-01-01T00:01:00Z | false | 29 |     993
//!  2026-01-01T00:01:00Z | true  | 31 |     986
//!  2026-01-01T00:02:00Z | false | 34 |     993
//!  2026-01-01T00:02:00Z | true  | 26 |     974
//! 180 rows in = 180 used + 0 filtered + 0 late + 0 skipped + 0 dead letters; 6 rows out in 1 epoch
//! ```

use millstream::prelude::*;

/// The pipeline; in a function, so that a test can look at it.
pub(crate) fn pipeline() -> Pipeline {
    pipeline! {
        from rate(1, count = 180, start = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap_or_default(), pace = unpaced)
        | select { ts = timestamp, number = (random % 1000) as i64 }
        | watermark ts 10s
        | group_by { even = number % 2 == 0, window = tumbling(1min) }
        | agg { n = count(), largest = max(number) }
        | select { minute = window.start, even, n, largest }
        | sink console(sort = [minute, even])
    }
}

#[tokio::main]
async fn main() -> millstream::Result<()> {
    millstream_examples::end(pipeline().run().await)
}
