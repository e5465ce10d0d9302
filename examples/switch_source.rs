//! One chain over a file, memory, a socket and Kinesis: only `from` differs. `cargo run --example switch_source` prints:
//!
//! ```text
//! file:    600 rows in = 56 used + 543 filtered + 0 late + 1 skipped + 0 dead letters; 56 rows out in 1 epoch
//! memory:  600 rows in = 56 used + 543 filtered + 0 late + 1 skipped + 0 dead letters; 56 rows out in 1 epoch
//! socket:  600 rows in = 56 used + 543 filtered + 0 late + 1 skipped + 0 dead letters; 56 rows out in 1 epoch
//! kinesis: 600 rows in = 56 used + 543 filtered + 0 late + 1 skipped + 0 dead letters; 56 rows out in 1 epoch
//! 56 rows, the same from all four
//! ```

use millstream::prelude::*;
use millstream::sink::collect::{Collect, collect};
use millstream::testing::kinesis::Server;
use millstream_examples::{TempFile, readings, say, serve_once};

#[derive(StreamSchema, PartialEq)]
pub(crate) struct Reading {
    pub(crate) device_id: String,
    pub(crate) ts: Timestamp,
    pub(crate) temperature: f64,
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

/// Runs it over all there is; a socket has read that when it has been silent for a moment.
async fn run(source: &str, pipeline: Pipeline, rows: Collect) -> millstream::Result<Vec<Reading>> {
    let summary = pipeline.trigger(Trigger::AvailableNow).run().await?;
    say(format_args!("{:8} {summary}", format!("{source}:")))?;
    let mut rows = rows.rows::<Reading>()?;
    rows.sort_by_key(|row| row.ts);
    Ok(rows)
}

#[tokio::main]
async fn main() -> millstream::Result<()> {
    let lines: Vec<String> = readings().map(|(_, line)| line).collect();
    let copy = TempFile::new("switch_source.json", &lines.join("\n"))?;
    let address = serve_once(lines.join("\n"))?;
    let server = Server::start()?;
    server.create_stream("readings", 2)?;
    server.put_all("readings", readings())?;

    let (a, b, c, d) = (collect(), collect(), collect(), collect());
    let file = run("file", hot!(a, file({ copy.path() })), a).await?;
    let memory = run("memory", hot!(b, memory({ lines })), b).await?;
    let socket = run("socket", hot!(c, socket({ address })), c).await?;
    let stream = hot!(d, kinesis("readings", endpoint = { server.endpoint() }, start = trim_horizon));
    assert!([memory, socket, run("kinesis", stream, d).await?].iter().all(|rows| *rows == file));
    say(format_args!("{} rows, the same from all four", file.len()))
}
