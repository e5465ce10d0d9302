//! One chain over a file, memory and Kinesis: only the line `from` differs, and the rows are the same.

use millstream::engine::Trigger;
use millstream::prelude::*;
use millstream::sink::collect::{Collect, collect};
use millstream::testing::kinesis::Server;
use millstream_examples::readings;

#[derive(StreamSchema)]
struct Reading {
    device_id: String,
    ts: Timestamp,
    temperature: f64,
}

#[derive(StreamSchema, PartialEq)]
struct Hot {
    ts: Timestamp,
    device_id: String,
    fahrenheit: f64,
}

/// The chain, from any source.
macro_rules! hot {
    ($rows:expr, $($source:tt)*) => {
        pipeline! {
            from $($source)*
            | decode json as Reading else skip
            | filter temperature > 28.0
            | select { ts, device_id, fahrenheit = temperature * 1.8 + 32.0 }
            | sink {$rows.clone()}
        }
    };
}

async fn rows(pipeline: Pipeline, rows: Collect) -> millstream::Result<Vec<Hot>> {
    println!("{}", pipeline.trigger(Trigger::AvailableNow).run().await?);
    let mut rows = rows.rows::<Hot>()?;
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
