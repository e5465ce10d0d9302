//! The program that the tests of the command line start: one pipeline and `millstream::cli`, as a user has it.
//!
//! It reads `PROGRAM_FOLDER/in/*.ndjson`, following it if `PROGRAM_FOLLOW` is set, counts windows of `PROGRAM_WINDOW`
//! seconds (60 unless set), slowly if `PROGRAM_SLOW` is set, and writes `PROGRAM_FOLDER/out`. With `PROGRAM_SOCKET` it reads lines from that address.

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use millstream::prelude::*;

#[derive(StreamSchema)]
struct Reading {
    device_id: String,
    #[stream(event_time)]
    ts: Timestamp,
}

/// True; with `PROGRAM_SLOW` after half a minute, of which the file `slow` tells.
fn in_time() -> bool {
    if env::var_os("PROGRAM_SLOW").is_some() {
        let folder = env::var("PROGRAM_FOLDER").unwrap_or_default();
        std::fs::write(format!("{folder}/slow"), "").ok();
        // An epoch that a first signal waits for and a second one does not.
        std::thread::sleep(Duration::from_secs(30));
    }
    true
}

fn pipeline() -> Pipeline {
    let folder = env::var("PROGRAM_FOLDER").unwrap_or_default();
    let out = format!("{folder}/out");
    if let Ok(address) = env::var("PROGRAM_SOCKET") {
        return pipeline! {
            from socket({address}, connect_timeout = 200ms) | decode text | select { line } | sink parquet({out})
        };
    }
    let follow = env::var_os("PROGRAM_FOLLOW").map(|_| Duration::from_millis(50));
    let size = env::var("PROGRAM_WINDOW").ok().and_then(|word| word.parse().ok()).unwrap_or(60);
    pipeline! {
        from file({format!("{folder}/in/*.ndjson")}, follow = {follow})
        | decode json as Reading
        | filter in_time()
        | watermark 10s
        | group_by { device_id, window = tumbling({Duration::from_secs(size)}) } name "per device"
        | agg { n = count() }
        | sink parquet({out})
    }
}

/// With `PROGRAM_ROWS` its epochs have so many rows.
fn in_epochs(pipeline: Pipeline) -> Pipeline {
    match env::var("PROGRAM_ROWS").ok().and_then(|word| word.parse().ok()) {
        Some(rows) => pipeline.max_rows_per_epoch(rows),
        None => pipeline,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    millstream::cli(in_epochs(pipeline())).await
}
