//! One chain over a file, memory and Kinesis: only the line `from` differs. `cargo run --example switch_source` prints:
//!
//! ```text
//! 600 rows in = 56 used + 543 filtered + 0 late + 1 skipped + 0 dead letters; 56 rows out in 1 epoch
//! ...
//! 56 rows, the same from all three
//! ```

use millstream::engine::Trigger;
use millstream::prelude::*;
use millstream::sink::collect::{Collect, collect};
use millstream::testing::kinesis::Server;
use millstream_examples::readings;

#[derive(StreamSchema, PartialEq)]
struct Reading {
    device_id: String,
    ts: Timestamp,
    temperature: f64,
}

/// The chain, from any source.
macro_rules! hot {
    ($rows:expr, $($source:tt)*) => {
        pipeline! {
            from $($source)*
            | decode json as Reading else skip
            | filter temperature > 28.0
            | sink {$rows.clone()}
        }
    };
}

async fn rows(pipeline: Pipeline, rows: Collect) -> millstream::Result<Vec<Reading>> {
    println!("{}", pipeline.trigger(Trigger::AvailableNow).run().await?);
    let mut rows = rows.rows::<Reading>()?;
    rows.sort_by_key(|row| row.ts);
    Ok(rows)
}

#[tokio::main]
async fn main() -> millstream::Result<()> {
    let lines: Vec<String> = readings().map(|(_, line)| line).collect();
    let path = std::env::temp_dir().join(format!("switch_source-{}.json", std::process::id())).display().to_string();
    std::fs::write(&path, lines.join("\n")).map_err(|error| millstream::Error::io("writing the file", error))?;
    let server = Server::start()?;
    server.create_stream("readings", 2)?;
    server.put_all("readings", readings())?;

    let (a, b, c) = (collect(), collect(), collect());
    let file = rows(hot!(a, file({ path })), a).await?;
    let memory = rows(hot!(b, memory({ lines })), b).await?;
    let kinesis = rows(hot!(c, kinesis("readings", endpoint = { server.endpoint() }, start = trim_horizon)), c).await?;
    assert!(file == memory && memory == kinesis);
    println!("{} rows, the same from all three", file.len());
    Ok(())
}
