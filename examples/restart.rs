//! Kill it with `kill -9` and start it again: it goes on after its last commit, and each number is there once.
//!
//! `cargo run --example restart` takes ten seconds when it is let, and prints:
//!
//! ```text
//! kill -9 4711 and start it again, or wait
//! 20000 rows in = 20000 used + 0 filtered + 0 late + 0 skipped + 0 dead letters; 20000 rows out in 10 epochs
//! 20000 numbers in target/out/restart/numbers, 20000 of them different
//! ```

use std::collections::HashSet;

use millstream::engine::Trigger;
use millstream::prelude::*;
use millstream_examples::{end, say, table};

const OUT: &str = "target/out/restart/numbers";

/// The pipeline; in a function, so that a test can look at it.
pub(crate) fn pipeline() -> Pipeline {
    let pipeline = pipeline! {
        from rate(2_000, count = 20_000)
        | select { number = value, timestamp, random }
        | sink parquet({OUT})
    };
    pipeline.checkpoint("target/out/restart/_checkpoint").trigger(Trigger::every(secs(1)))
}

#[tokio::main]
async fn main() -> millstream::Result<()> {
    say(format_args!("kill -9 {} and start it again, or wait", std::process::id()))?;
    end(pipeline().run().await)?;
    let numbers = table::numbers(OUT, "number")?;
    let different = numbers.iter().collect::<HashSet<_>>().len();
    say(format_args!("{} numbers in {OUT}, {different} of them different", numbers.len()))
}
