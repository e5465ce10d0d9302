//! The program whose state is looked at: `millstream::cli` over a pipeline that counts and adds up numbers by key, in windows
//! that stay open until the end.
//!
//! It writes `STATEFUL_FOLDER/out`; there are `STATEFUL_KEYS` keys, and `STATEFUL_COUNT` numbers, without it no end. After each epoch it
//! prints its number, the keys, the bytes of state, and the memory of the process, on standard output; the most memory that it ever
//! had stands in `STATEFUL_FOLDER/peak`.

use std::process::ExitCode;
use std::str::FromStr;

use millstream::prelude::*;
use millstream_tests::memory;

fn given<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (keys, count) = (given("STATEFUL_KEYS").unwrap_or(1_000), given("STATEFUL_COUNT"));
    let folder = given::<String>("STATEFUL_FOLDER").unwrap_or_default();
    let (out, peak) = (format!("{folder}/out"), format!("{folder}/peak"));
    let start = Timestamp::from_micros(1_767_225_600_000_000);
    let pipeline = pipeline! {
        from rate(1_000_000, count = {count}, start = {start}, pace = unpaced)
        | select { timestamp, value, key = format!("the key {:09}", value % {keys}) }
        | watermark timestamp 10s
        | group_by { key, window = tumbling(1h) } name "per key"
        | agg { n = count(), total = sum(value) }
        | sink parquet({out})
    };
    let mut pipeline = pipeline.on_progress(move |progress| {
        let (keys, bytes) = progress
            .state_operators
            .iter()
            .fold((0, 0), |(keys, bytes), of| (keys + of.num_rows_total, bytes + of.memory_used_bytes));
        let (now, most) = memory::of_this_process();
        println!("{} {keys} {bytes} {now}", progress.batch_id);
        // Who does not find it there says so.
        std::fs::write(&peak, most.to_string()).ok();
    });
    if let Some(rows) = given("STATEFUL_EPOCH") {
        pipeline = pipeline.max_rows_per_epoch(rows);
    }
    millstream::cli(pipeline).await
}
