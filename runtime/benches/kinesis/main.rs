//! What reading from Kinesis costs: `from kinesis | decode json | filter | agg` beside a bare loop of the AWS SDK over all
//! shards that throws the records away, and beside the same pipeline over records in memory:
//! `cargo bench -p millstream --features kinesis --bench kinesis [-- --records=500000 --shards=4 --rounds=5]`.
//!
//! The server is another process, so that CPU time is that of the client alone; both clients take turns and must see the
//! same records. `--endpoint=http://127.0.0.1:4567` reads a server that is already there. `--only=ours` and `--only=bare`
//! are for profilers.
#![allow(missing_docs, clippy::unwrap_used)]

mod bare;
#[path = "../pipelines/data.rs"]
#[allow(dead_code, reason = "the words are for the other benchmark")]
mod data;
mod serve;

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use millstream::prelude::*;
use millstream::source::{kinesis, memory};

const STREAM: &str = "bench";

/// Of the eleven fields that a record has.
#[derive(StreamSchema)]
struct Reading {
    #[stream(event_time)]
    ts: Timestamp,
    temperature: f64,
    country: String,
}

/// What is done with the records of a source. A macro, as the fields of a record are those of its own source.
macro_rules! stages {
    ($source:expr) => {{
        let (source, rows) = ($source, millstream::sink::collect());
        let pipeline = pipeline! {
            from {source}
            | decode json as Reading
            | filter temperature > 5.0
            | watermark 10s
            | group_by { country, window = tumbling(1min) }
            | agg { n = count(), mean = avg(temperature), hottest = max(temperature) }
            | sink rows
        };
        pipeline.trigger(Trigger::AvailableNow)
    }};
}

/// All that can be read from Kinesis.
fn from_kinesis(endpoint: &str) -> Pipeline {
    let source = kinesis(STREAM).endpoint(endpoint).start(kinesis::trim_horizon);
    stages!(source.min_fetch_period(Duration::ZERO).max_fetch_rate(100_000.0))
}

/// The same, without Kinesis.
fn from_memory(records: &[String]) -> Pipeline {
    stages!(memory(records.iter().map(String::as_bytes)))
}

/// CPU and wall time of an event, in nanoseconds.
#[derive(Clone, Copy)]
struct Cost {
    cpu: f64,
    wall: f64,
}

/// Runs `work`, which must see `records` records.
fn measure(records: u64, work: impl FnOnce() -> u64) -> Cost {
    let (start, begun) = (ProcessTime::now(), Instant::now());
    assert_eq!(work(), records);
    let per_record = |time: Duration| time.as_nanos() as f64 / records as f64;
    Cost { cpu: per_record(start.elapsed()), wall: per_record(begun.elapsed()) }
}

fn run(pipeline: Pipeline) -> u64 {
    pipeline.run_blocking().unwrap().rows.rows
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let text = |name: &str| args.iter().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('='));
    let number = |name: &str, default: u64| text(name).map_or(default, |number| number.parse().unwrap());
    let (records, shards) = (number("--records", 500_000), number("--shards", 4));
    let rounds = number("--rounds", 5);
    let lines = data::lines_of_readings(records);
    if args.iter().any(|arg| arg == "--serve") {
        return serve::serve(lines, shards as usize);
    }
    let bytes: usize = lines.iter().map(String::len).sum();
    println!("{records} readings of {} bytes in {shards} shards, {rounds} rounds", bytes as u64 / records);

    let server = match text("--endpoint") {
        Some(endpoint) => serve::Filled::there(endpoint, &lines, shards),
        None => serve::Filled::start(records, shards),
    };
    let endpoint = server.endpoint();
    let only = text("--only");
    let bare = || measure(records, || bare::read(endpoint));
    let ours = || measure(records, || run(from_kinesis(endpoint)));
    let (mut all, mut alone) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        match only {
            Some("bare") => println!("{:.1} ns", bare().cpu),
            Some(_) => println!("{:.1} ns", ours().cpu),
            // Who goes first takes turns.
            None if round % 2 == 0 => all.push((bare(), ours())),
            None => {
                let own = ours();
                all.push((bare(), own));
            }
        }
    }
    if only.is_some() {
        return;
    }
    for _ in 0..rounds {
        let pipeline = from_memory(&lines);
        alone.push(measure(records, || run(pipeline)));
    }

    let line =
        |name: &str, cpu: f64, wall: f64| println!("{name:<24} {cpu:>9.1} ns CPU {:>12.0} records/s", 1e9 / wall);
    line(
        "bare loop of the SDK",
        median(all.iter().map(|(bare, _)| bare.cpu)),
        median(all.iter().map(|(bare, _)| bare.wall)),
    );
    line(
        "from memory, all stages",
        median(alone.iter().map(|cost| cost.cpu)),
        median(alone.iter().map(|cost| cost.wall)),
    );
    line(
        "from kinesis, all stages",
        median(all.iter().map(|(_, own)| own.cpu)),
        median(all.iter().map(|(_, own)| own.wall)),
    );
    let stages = median(alone.iter().map(|cost| cost.cpu));
    println!("records per second, of the bare loop: {:.2}", median(all.iter().map(|(bare, own)| bare.wall / own.wall)));
    println!(
        "CPU, of bare loop and stages:         {:.2}",
        median(all.iter().map(|(bare, own)| own.cpu / (bare.cpu + stages)))
    );
}
