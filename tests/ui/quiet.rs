//! Code that the macros write is silent in a program that allows nothing.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused, rust_2018_idioms)]
#![warn(unused_qualifications, single_use_lifetimes, trivial_casts, unused_results, let_underscore_drop)]
#![warn(clippy::all, clippy::pedantic)]
#![forbid(unsafe_code)]

use millstream::prelude::*;

/// A reading.
#[derive(StreamSchema, Debug)]
pub struct Reading {
    /// The device.
    pub device_id: String,
    /// When.
    #[stream(event_time)]
    pub ts: Timestamp,
    #[stream(rename = "t", default = 20.0)]
    temperature: f64,
    country: Option<String>,
    status: Status,
    tags: Vec<String>,
    location: Point,
}

#[derive(StreamSchema, Debug)]
struct Point {
    lat: f64,
    lon: f64,
}

#[derive(StreamSchema, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[stream(rename_all = "lowercase")]
enum Status {
    Ok,
    #[stream(other)]
    Unknown,
}

#[derive(StreamSchema, Debug)]
struct Line {
    text: String,
    n: i64,
    below: f32,
}

/// Every stage.
pub fn grouped(threshold: f64) -> Pipeline {
    pipeline! {
        from memory(["{}"])
        | decode json as Reading else dead_letter(console(limit = Some(5)))
        | filter status == Status::Ok && temperature > {threshold} && country != Some("x")
        | explode outer tag = tags
        | select { .., north = location.lat > 0.0, at = ts + 5min }
        | drop { north }
        | watermark 10s
        | group_by { device_id, tag, w = tumbling(1min) } name "per_device"
        | agg { n = count(), mean = avg(temperature), hot = count_if(temperature > {threshold}) }
        | group_by { tag, w = sliding(ts(w), 1h, every = 10min) } name "per_tag"
        | agg { n = sum(n), best = max(mean) }
        | select { .., date = w.start.date() }
        | sink console()
    }
}

fn ts(window: millstream::operator::Window) -> Timestamp {
    window.start
}

/// Streams, formats without a type, declared rows.
pub fn lines() -> Pipeline {
    let rows = millstream::sink::collect();
    pipeline! {
        let lines = from memory(["a b"]) | filter data.len() > 1 | decode text;
        from lines | explode word = line.split(' ') | select { text = word, n = 1, below = -0.5 } as Line | sink {rows}
    }
}

#[test]
fn the_pipelines_are_what_they_say() {
    assert!(grouped(20.0).explain().to_string().contains("per_device"));
    assert!(lines().explain().to_string().contains("explode word"));
}
