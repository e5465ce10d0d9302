//! The promise, at every call. `MILLSTREAM_LONG=1` runs the full counts.

mod mutants;
mod savepoints;
mod seldom;

use std::time::Duration;

use super::{CrashTest, Report};
use crate::engine::Checkpoint;
use crate::prelude::*;

#[derive(StreamSchema)]
struct Reading {
    device: String,
    #[stream(event_time)]
    ts: Timestamp,
    value: i64,
}

/// Readings of three devices, a second apart, and a few records that are none.
fn readings(count: usize) -> Vec<String> {
    let reading = |n: usize| match n % 7 {
        6 => format!("{{\"device\": {n}"),
        _ => format!(r#"{{"device": "d{}", "ts": "2026-01-01T00:{:02}:{:02}Z", "value": {n}}}"#, n % 3, n / 60, n % 60),
    };
    (0..count).map(reading).collect()
}

fn number(name: &str) -> u64 {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The count of the gate, or the full one.
fn of(usual: u64, full: u64) -> u64 {
    if number("MILLSTREAM_LONG") == 1 { full } else { usual }
}

fn passes(name: &str, test: CrashTest) -> Report {
    let (begun, seed) = (std::time::Instant::now(), number("MILLSTREAM_SEED"));
    let report = test.seed(seed).run().unwrap_or_else(|error| panic!("{name}: MILLSTREAM_SEED={seed}: {error}"));
    println!("{name}: {report} (MILLSTREAM_SEED={seed}, {:?})", begun.elapsed());
    report
}

/// Rows to folders, and what is none to another output.
fn rows(root: &str, count: usize) -> Pipeline {
    let (out, bad) = (format!("{root}/out"), format!("{root}/bad"));
    let pipeline = pipeline! {
        from memory({readings(count)})
        | decode json as Reading else dead_letter(parquet({bad}))
        | select { value, device }
        | sink parquet({out}, partition_by = [device])
    };
    pipeline.max_rows_per_epoch(10)
}

/// Windows, which have state.
fn windows(root: &str, count: usize) -> Pipeline {
    let out = format!("{root}/out");
    let pipeline = pipeline! {
        from memory({readings(count)})
        | decode json as Reading else skip
        | watermark 5s
        | group_by { device, window = tumbling(10s) }
        | agg { n = count(), total = sum(value) }
        | select { device, start = window.start, n, total }
        | sink parquet({out})
    };
    pipeline.max_rows_per_epoch(10)
}

#[test]
fn f_069_086_rows_on_a_disk() {
    let pipeline = rows("disk", 30).checkpoint("disk/checkpoint");
    let report = passes("rows on a disk", pipeline.crash_test().power_cuts(of(2, 100)));
    assert_eq!(report.rows, 30, "26 readings and 4 dead letters");
    assert!(report.calls > 100 && report.deaths > 2 * report.calls, "{report}");
}

#[test]
fn f_060_windows_on_a_disk() {
    let pipeline = windows("disk", 40).checkpoint("disk/checkpoint");
    let report =
        passes("windows on a disk", pipeline.workers(2).crash_test().power_cuts(of(2, 100)).storms(of(50, 5_000)));
    assert!(report.rows > 9 && report.deaths > 2 * report.calls, "{report}");
}

#[test]
fn deliveries_on_a_disk() {
    let counts = crate::sink::collect();
    let pipeline = pipeline! {
        from memory({readings(30)})
        | decode json as Reading else skip
        | watermark 5s
        | group_by { device, window = tumbling(10s) }
        | agg { n = count() }
        | select { device, n }
        | sink counts.clone()
    };
    let pipeline = pipeline.checkpoint("disk/checkpoint").max_rows_per_epoch(10);
    let report = passes("deliveries on a disk", pipeline.crash_test().power_cuts(of(1, 100)).storms(of(50, 5_000)));
    assert!(report.rows > 6, "{report}");
    assert_eq!(counts.len(), 0, "nothing gets outside");
}

/// Each recovery dies, too, and the one after it.
#[test]
fn deaths_in_a_row() {
    let pipeline = windows("disk", 20).checkpoint("disk/checkpoint");
    let two = pipeline.crash_test().deaths(2).share(of(5, 1)).power_cuts(of(0, 1));
    passes("two deaths in a row", two);
    passes("three deaths in a row", pipeline.crash_test().deaths(3).share(of(17, 11)));
}

/// Long enough for snapshots of the state and for garbage that is collected.
#[test]
fn many_epochs() {
    let pipeline = windows("disk", 520).checkpoint("disk/checkpoint");
    let report = passes("many epochs", pipeline.crash_test().share(of(97, 5)).power_cuts(of(1, 5)));
    assert!(report.calls > 1000, "{report}");
}

#[cfg(feature = "s3")]
#[test]
fn windows_in_a_bucket() {
    let pipeline = windows("s3://bucket/job", 30).workers(3).checkpoint("s3://bucket/job/checkpoint");
    let report = passes("windows in a bucket", pipeline.crash_test().storms(of(100, 20_000)));
    assert!(report.frozen == report.calls, "{report}");
    let pipeline = rows("s3://bucket/job", 20).checkpoint("s3://bucket/job/checkpoint");
    passes("rows in a bucket", pipeline.crash_test().storms(of(50, 5_000)));
    passes("two deaths in a row, in a bucket", pipeline.crash_test().deaths(2).share(of(7, 1)));
}

#[cfg(feature = "s3")]
#[test]
fn checkpoint_in_a_bucket_and_rows_on_a_disk() {
    let pipeline = rows("disk", 20).checkpoint(Checkpoint::at("s3://bucket/checkpoint"));
    let test = pipeline.crash_test().power_cuts(of(1, 50)).storms(of(50, 5_000));
    passes("checkpoint in a bucket, rows on a disk", test);
    let pipeline = rows("s3://bucket/job", 20).checkpoint("disk/checkpoint");
    let test = pipeline.crash_test().power_cuts(of(1, 50)).storms(of(50, 5_000));
    passes("checkpoint on a disk, rows in a bucket", test);
}

/// More frozen processes than there are threads for requests.
#[cfg(feature = "s3")]
#[test]
fn tests_at_once_do_not_wait_for_each_other() {
    let pipeline = rows("s3://bucket/job", 8).checkpoint("s3://bucket/job/checkpoint");
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| pipeline.crash_test().share(2).run().unwrap());
        }
    });
}

/// The same seed is the same storm, turn by turn and call by call; names that are unique apart.
#[cfg(feature = "s3")]
#[test]
fn a_seed_says_everything_that_happens() {
    let plain = |call: String| {
        // Temporary files are numbered.
        let call = if call.contains("/.tmp-") { call.rsplit_once('-').map_or("", |(name, _)| name) } else { &call };
        let parts =
            call.split(['/', '-', '.']).filter(|part| part.len() < 6 || !part.bytes().all(|b| b.is_ascii_hexdigit()));
        parts.collect::<Vec<_>>().join("/")
    };
    let pipelines = [
        windows("s3://bucket/job", 60).workers(3).checkpoint("s3://bucket/job/checkpoint"),
        rows("disk", 20).checkpoint(Checkpoint::at("s3://bucket/checkpoint")),
    ];
    for (number, pipeline) in pipelines.iter().enumerate() {
        let storm = |seed| {
            let passed = super::search::storm(&pipeline.crash_test().power_cuts(1), seed).unwrap();
            (passed.turns, passed.calls.into_iter().map(plain).collect::<Vec<_>>())
        };
        for seed in 0..of(20, 1_000) {
            let (one, other) = (storm(seed), storm(seed));
            assert_eq!(one.1, other.1, "pipeline {number}, storm {seed}");
            assert_eq!(one.0, other.0, "pipeline {number}, storm {seed}");
        }
        assert_ne!(storm(1), storm(2));
    }
}

/// A stream that was resharded while it was written to.
#[cfg(feature = "kinesis")]
#[test]
fn a_resharded_stream() {
    use crate::source::kinesis::trim_horizon;
    let server = crate::testing::kinesis::Server::start().unwrap();
    server.create_stream("s", 1).unwrap();
    let put = |range: std::ops::Range<usize>| {
        range.for_each(|n| drop(server.put("s", &format!("k{}", n % 5), format!("line {n}")).unwrap()));
    };
    put(0..12);
    let shard = server.shards("s").unwrap()[0].id.clone();
    server.split("s", &shard).unwrap();
    put(12..24);
    let source = crate::source::kinesis("s")
        .endpoint(server.endpoint())
        .start(trim_horizon)
        .min_fetch_period(Duration::from_millis(1))
        .max_fetch_rate(10_000.0)
        .shard_fetch_interval(Duration::from_millis(2));
    let pipeline = pipeline! {
        from {source}
        | decode text
        | select { line }
        | sink parquet("disk/out")
    };
    let pipeline = pipeline.checkpoint("disk/checkpoint").trigger(crate::engine::Trigger::AvailableNow);
    let report = passes("a resharded stream", pipeline.max_rows_per_epoch(5).crash_test().share(of(9, 1)));
    assert_eq!(report.rows, 24);
}

#[test]
fn what_cannot_be_tested_is_refused() {
    let refused = |pipeline: Pipeline, words: &str| {
        let error = pipeline.crash_test().run().unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Config);
        assert!(error.to_string().contains(words), "{error}");
    };
    refused(rows("disk", 1), "no checkpoint");
    refused(rows("disk", 1).checkpoint("c").trigger(crate::engine::Trigger::Once), "AvailableNow");
    let endless = pipeline! { from rate(10) | select { value } | sink parquet("disk/out") };
    refused(endless.checkpoint("c"), "AvailableNow");
}
