//! Whole pipelines from Kinesis and to Kinesis, on the server in the process.
#![cfg(all(feature = "kinesis", feature = "parquet"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use millstream::engine::Trigger;
use millstream::observe::progress::Progress;
use millstream::prelude::*;
use millstream::sink::collect;
use millstream::testing::kinesis::{Fault, Server, kpl_aggregate_with_hash_keys};

#[derive(StreamSchema, Debug, Clone, PartialEq)]
struct Click {
    user: String,
    n: i64,
    #[stream(event_time)]
    ts: Timestamp,
    tags: Vec<String>,
    price: Option<f64>,
}

fn click(n: i64) -> String {
    let price = if n % 3 == 0 { "null".to_owned() } else { format!("{}.5", n) };
    format!(
        r#"{{"user":"u{}","n":{n},"ts":"2026-01-01T00:00:{:02}Z","tags":["a\"","b"],"price":{price}}}"#,
        n % 7,
        n % 60
    )
}

fn fill(server: &Server, stream: &str, numbers: std::ops::Range<i64>) {
    server.put_all(stream, numbers.map(|n| (format!("u{}", n % 7), click(n)))).unwrap();
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Rows go through a stream and come out as they were, of two streams at once.
#[test]
fn from_two_streams_through_a_third() {
    let (server, folder) = (Server::start().unwrap(), tempfile::tempdir().unwrap());
    for stream in ["web", "app", "all"] {
        server.create_stream(stream, 2).unwrap();
    }
    fill(&server, "web", 0..50);
    fill(&server, "app", 50..100);
    let (endpoint, checkpoint) = (server.endpoint(), folder.path().join("c").to_str().unwrap().to_owned());
    server.faults().on_shard("PutRecords", "shardId-000000000000", 5, Fault::Throttle);
    let forward = {
        let endpoint = endpoint.clone();
        move || {
            pipeline! {
                from kinesis(["web", "app"], endpoint = {endpoint.clone()}, start = trim_horizon, min_fetch_period = 10ms, max_shard_skew = 1h)
                | decode json as Click
                | select { .., from = record.stream.to_owned() }
                | sink kinesis("all", endpoint = {endpoint.clone()}, key = [user], format = json)
            }
            .checkpoint(checkpoint.clone())
            .trigger(Trigger::AvailableNow)
        }
    };
    assert_eq!(block_on(forward().run()).unwrap().rows_out, 100);
    fill(&server, "web", 100..120);
    assert_eq!(block_on(forward().run()).unwrap().rows_out, 20);
    let rows = collect();
    let read = {
        let rows = rows.clone();
        pipeline! {
            from kinesis("all", endpoint = {endpoint}, start = trim_horizon, min_fetch_period = 10ms)
            | decode json as Click
            | sink rows
        }
    };
    block_on(read.trigger(Trigger::AvailableNow).run()).unwrap();
    let mut read: Vec<Click> = rows.rows().unwrap();
    read.sort_by_key(|click| click.n);
    assert_eq!(read.iter().map(|click| click.n).collect::<Vec<_>>(), (0..120).collect::<Vec<_>>());
    let expected = Click {
        user: "u3".into(),
        n: 31,
        ts: "2026-01-01T00:00:31Z".parse().unwrap(),
        tags: vec!["a\"".into(), "b".into()],
        price: Some(31.5),
    };
    assert_eq!((&read[31], read[30].price), (&expected, None));
}

/// What the documents say of an epoch is about all of it, however many slices it was fetched in.
#[test]
fn figures_are_of_the_whole_epoch() {
    let server = Server::start().unwrap();
    server.create_stream("in", 2).unwrap();
    let seen: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let (endpoint, rows, listener) = (server.endpoint(), collect(), Arc::clone(&seen));
    let pipeline = pipeline! {
        from kinesis("in", endpoint = {endpoint}, start = trim_horizon, min_fetch_period = 10ms, max_fetch_duration = 1500ms)
        | decode json as Click
        | sink rows
    };
    block_on(async {
        let begun = Instant::now();
        // The trigger would wait for an hour.
        let pipeline = pipeline.trigger(Trigger::every(mins(60)));
        let query = pipeline.on_progress(move |progress| listener.lock().unwrap().push(progress.clone())).start();
        server.faults().times("GetRecords", 3, Fault::Throttle);
        for n in 0..12 {
            fill(&server, "in", n..n + 1);
            // Each in an epoch of its own.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        while seen.lock().unwrap().iter().map(|progress| progress.num_input_rows).sum::<u64>() < 12 {
            assert!(begun.elapsed() < Duration::from_secs(30));
            // Look again.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        query.stop();
        query.wait().await.unwrap();
    });
    let seen = seen.lock().unwrap();
    assert!(seen.len() <= 4, "epochs are longer than a slice: {}", seen.len());
    let (mut throttles, mut bytes) = (0.0, 0.0);
    for progress in seen.iter() {
        let source = &progress.sources[0];
        let figure = |of: &serde_json::Value, name: &str| of[name].as_f64().unwrap_or_else(|| panic!("{name}: {of}"));
        let metrics = &source["metrics"];
        assert_eq!((&metrics["mode"], figure(metrics, "numRegisteredConsumers")), (&"polling".into(), 0.0));
        assert_eq!(figure(metrics, "numProcessedRecords"), progress.num_input_rows as f64);
        let shards = source["partitions"].as_object().unwrap();
        assert_eq!(shards.keys().collect::<Vec<_>>(), ["shardId-000000000000", "shardId-000000000001"]);
        for (name, total) in [
            ("numProcessedRecords", "numProcessedRecords"),
            ("numProcessedBytes", "numProcessedBytes"),
            ("throttles", "numAwsRateLimitErrors"),
        ] {
            assert_eq!(shards.values().map(|shard| figure(shard, name)).sum::<f64>(), figure(metrics, total));
        }
        throttles += figure(metrics, "numAwsRateLimitErrors");
        bytes += figure(metrics, "numProcessedBytes");
    }
    assert_eq!((throttles, bytes), (3.0, (0..12).map(|n| click(n).len() as f64).sum()));
}

/// Rows that were committed and not delivered are delivered at the next start, and read once.
#[test]
fn a_sink_that_fails_goes_on_where_it_was() {
    let (server, folder) = (Server::start().unwrap(), tempfile::tempdir().unwrap());
    server.create_stream("in", 1).unwrap();
    server.create_stream("out", 2).unwrap();
    fill(&server, "in", 0..30);
    let (endpoint, checkpoint) = (server.endpoint(), folder.path().join("c").to_str().unwrap().to_owned());
    let forward = || {
        let endpoint = endpoint.clone();
        pipeline! {
            from kinesis("in", endpoint = {endpoint.clone()}, start = trim_horizon, min_fetch_period = 10ms)
            | decode json as Click
            | sink kinesis("out", endpoint = {endpoint}, key = [user], format = json, max_retry_duration = 300ms)
        }
        .checkpoint(checkpoint.clone())
        .trigger(Trigger::AvailableNow)
    };
    // One shard takes its rows, the other does not.
    server.faults().on_shard("PutRecords", "shardId-000000000001", usize::MAX, Fault::Throttle);
    let error = block_on(forward().run()).unwrap_err();
    assert_eq!(error.kind(), millstream::error::Kind::Unavailable, "{error}");
    server.faults().clear();
    block_on(forward().run()).unwrap();
    let rows = collect();
    let read = {
        let rows = rows.clone();
        pipeline! { from kinesis("out", endpoint = {endpoint}, start = trim_horizon) | decode json as Click | sink rows }
    };
    block_on(read.trigger(Trigger::AvailableNow).run()).unwrap();
    let mut numbers: Vec<_> = rows.rows::<Click>().unwrap().into_iter().map(|click| click.n).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..30).collect::<Vec<_>>());
}

#[derive(StreamSchema, Debug, PartialEq)]
struct Columns {
    line: String,
    stream: String,
    shard: String,
    key: String,
    hash_key: Option<String>,
    sequence: String,
    sub: u64,
    arrival: Timestamp,
}

/// All that is known of a record is a column, before and after `decode`.
#[test]
fn columns_of_a_record() {
    let server = Server::start().unwrap();
    server.create_stream("in", 2).unwrap();
    let arrival = 1_767_225_600_123;
    let (shard, plain) = server.put_at("in", "a", "plain", arrival).unwrap();
    // Of one key, so that all records of the aggregate belong to the shard.
    let packed =
        kpl_aggregate_with_hash_keys(&[("a", None, b"one"), ("a", Some("7"), b"elsewhere"), ("a", None, b"two")]);
    let (_, aggregate) = server.put_at("in", "a", packed, arrival + 1).unwrap();
    let (endpoint, rows) = (server.endpoint(), collect());
    let sink = rows.clone();
    let pipeline = pipeline! {
        from kinesis("in", endpoint = {endpoint}, start = trim_horizon, min_fetch_period = 10ms)
        | decode text
        | select {
            line,
            stream = record.stream.to_owned(),
            shard = record.shard_id.to_owned(),
            key = record.partition_key.to_owned(),
            hash_key = record.explicit_hash_key.map(str::to_owned),
            sequence = record.sequence_number.to_owned(),
            sub = record.sub_sequence_number,
            arrival = record.approximate_arrival_timestamp,
        }
        | sink sink
    };
    block_on(pipeline.trigger(Trigger::AvailableNow).run()).unwrap();
    let expected = |line: &str, sequence: &str, sub: u64, arrival: i64| Columns {
        line: line.to_owned(),
        stream: "in".to_owned(),
        shard: shard.clone(),
        key: "a".to_owned(),
        hash_key: None,
        sequence: sequence.to_owned(),
        sub,
        arrival: Timestamp::from_millis(arrival).unwrap(),
    };
    let mut read = rows.rows::<Columns>().unwrap();
    // The hash key 7 is of the first shard; that of the others may be as well.
    read.retain(|row| row.hash_key.is_none());
    let expected = [
        expected("plain", &plain, 0, arrival),
        expected("one", &aggregate, 0, arrival + 1),
        expected("two", &aggregate, 2, arrival + 1),
    ];
    assert_eq!(read, expected);
}

/// A record that no decoder takes holds neither its shard back nor the others.
#[test]
fn a_record_that_cannot_be_decoded_is_passed_over() {
    let server = Server::start().unwrap();
    server.create_stream("in", 1).unwrap();
    for n in 0..9 {
        let data = if n % 3 == 1 { vec![0xFF; 100] } else { click(n).into_bytes() };
        server.put("in", "k", data).unwrap();
    }
    let (endpoint, rows) = (server.endpoint(), collect());
    let sink = rows.clone();
    let pipeline = pipeline! {
        from kinesis("in", endpoint = {endpoint}, start = trim_horizon, min_fetch_period = 10ms)
        | decode json as Click else skip
        | sink sink
    };
    let summary = block_on(pipeline.trigger(Trigger::AvailableNow).run()).unwrap();
    assert_eq!((summary.rows.rows, summary.rows.skipped), (9, 3));
    let numbers: Vec<_> = rows.rows::<Click>().unwrap().into_iter().map(|click| click.n).collect();
    assert_eq!(numbers, [0, 2, 3, 5, 6, 8]);
}
