//! The same promises on the server in the process and on servers that others wrote, and the source on all of them.
//!
//! The table in `runtime/docs/kinesis.md` says which promise which server does not keep; the server in the process keeps
//! all of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use millstream::engine::Trigger;
use millstream::prelude::*;
use millstream::source::kinesis;
use serde_json::{Value, json};

use super::checks::{NAMES, Stream, check};
use super::independent::Independent;
use super::job::STREAM;
use super::service::Service;

const TABLE: &str = include_str!("../../../runtime/docs/kinesis.md");

/// The promises that a server does not keep, as the table says.
fn differences(server: &str) -> Vec<&'static str> {
    let mut rows = TABLE.lines().skip_while(|line| !line.starts_with("| promise "));
    let head: Vec<&str> = rows.next().unwrap().split('|').map(str::trim).collect();
    let column = head.iter().position(|name| *name == server).unwrap();
    let rows: Vec<Vec<&str>> = rows
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows.iter().map(|row| row[1]).collect::<Vec<_>>(), NAMES, "the table has other promises");
    rows.iter().filter(|row| row[column] != "yes").map(|row| row[1]).collect()
}

fn conforms(service: &Service, server: &str) {
    service.wait();
    let mut broken = BTreeMap::new();
    for (number, name) in NAMES.iter().enumerate() {
        let stream = format!("check-{number}");
        let stream = Stream { client: service.client(), name: &stream };
        let limited = async { tokio::time::timeout(Duration::from_secs(240), check(name, &stream)).await };
        if let Err(why) = service.block_on(limited).unwrap_or_else(|_| Err("no answer".to_owned())) {
            println!("{server}: {name}: {why}");
            broken.insert(*name, why);
        }
    }
    let mut expected = differences(server);
    expected.sort_unstable();
    assert_eq!(broken.keys().copied().collect::<Vec<_>>(), expected, "{broken:#?}");
}

#[test]
fn the_server_in_the_process_keeps_all_promises() {
    assert_eq!(differences("this server"), [""; 0]);
    conforms(&Service::here(), "this server");
}

#[test]
fn kinesis_local_keeps_those_that_the_table_says() {
    let Some(server) = Independent::kinesis_local() else { return };
    conforms(&Service::there(server), "kinesis-local");
}

#[test]
fn ferrokinesis_keeps_those_that_the_table_says() {
    let Some(server) = Independent::ferrokinesis() else { return };
    conforms(&Service::there(server), "ferrokinesis");
}

/// Lines that are read in both modes in turn, each start going on where the last one stopped, while the stream is split
/// and merged.
fn read_in_turn(service: &Service) {
    read_through(service, &service.endpoint(), [kinesis::polling, kinesis::efo]);
}

/// The same in these modes, through something at `endpoint` that is in front of the service.
fn read_through(service: &Service, endpoint: &str, modes: [kinesis::ConsumerMode; 2]) {
    const LINES: usize = 400;
    service.create(2);
    let folder = tempfile::tempdir().unwrap();
    let [out, checkpoint] = ["out", "checkpoint"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    let [_, last] = modes;
    let mut modes = modes.into_iter().cycle();
    let job = |mode: kinesis::ConsumerMode| {
        let (endpoint, out, checkpoint) = (endpoint.to_owned(), out.clone(), checkpoint.clone());
        let pipeline = pipeline! {
            from kinesis({STREAM}, endpoint = {endpoint}, start = trim_horizon, min_fetch_period = 20ms,
                         shard_fetch_interval = 100ms, consumer_mode = {mode}, consumer_name = "turns")
            | decode text
            | select { line, key = record.partition_key.to_owned() }
            | sink parquet({out})
        };
        pipeline.checkpoint(checkpoint).trigger(Trigger::AvailableNow)
    };
    for round in 0..4 {
        let part = LINES / 4;
        service.put((round * part..(round + 1) * part).map(|line| (format!("k{}", line % 7), line.to_string())));
        if round < 3 {
            let open = service.open_shards();
            if round == 1 { service.merge(&open[0], &open[1]) } else { service.split(&open[0]) }
        }
        // Servers that know arrival times to the second may have them in the future.
        std::thread::sleep(Duration::from_millis(1_100));
        job(modes.next().unwrap()).run_blocking().unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(120);
    // One more split, which the last mode alone has to get over.
    service.put((LINES..LINES + 50).map(|line| (format!("k{}", line % 7), line.to_string())));
    service.split(&service.open_shards()[0]);
    service.put((LINES + 50..LINES + 100).map(|line| (format!("k{}", line % 7), line.to_string())));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let query = job(last).trigger(Trigger::every(millis(200))).start();
        while super::output::lines(&out).len() < LINES + 100 && Instant::now() < deadline {
            // Look again.
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(!query.is_finished());
        }
        query.stop();
        query.wait().await.unwrap();
    });
    let mut lines: Vec<usize> = super::output::lines(&out).iter().map(|line| line.parse().unwrap()).collect();
    lines.sort_unstable();
    assert_eq!(lines, (0..LINES + 100).collect::<Vec<_>>());
}

#[test]
fn the_source_reads_the_server_in_the_process_in_turn() {
    read_in_turn(&Service::here());
}

#[test]
fn the_source_reads_kinesis_local_in_turn() {
    let Some(server) = Independent::kinesis_local() else { return };
    read_in_turn(&Service::there(server));
}

#[test]
fn the_source_reads_ferrokinesis_in_turn() {
    let Some(server) = Independent::ferrokinesis() else { return };
    read_in_turn(&Service::there(server));
}

/// A rule of microburst: a refusal.
fn refusal(operation: &str, probability: f64, code: &str) -> Value {
    json!({ "service": "kinesis", "operation": operation, "probability": probability, "error": { "code": code } })
}

/// What befalls calls of both modes; the first rule that applies is followed.
fn of_both_modes() -> [Value; 2] {
    [
        refusal("ListShards", 0.2, "LimitExceededException"),
        json!({ "service": "kinesis", "probability": 0.5, "latency": { "min": 1, "max": 50 } }),
    ]
}

/// An independent proxy in front of a server, which refuses, delays and cuts what the source asks for.
fn read_through_faults(service: &Service, rules: &[Value], mode: kinesis::ConsumerMode) {
    let own = rules.len();
    let rules = Value::Array([rules, &of_both_modes()].concat());
    let Some(proxy) = Independent::microburst(&service.endpoint(), &rules) else { return };
    read_through(service, &proxy.url(), [mode; 2]);
    let followed = proxy.followed();
    println!("faults by rule: {followed:?}");
    assert!(followed[..own].iter().sum::<u64>() > 10, "nothing was in the way: {followed:?}");
}

#[test]
fn the_source_reads_kinesis_local_through_faults() {
    let Some(server) = Independent::kinesis_local() else { return };
    let rules = [
        refusal("GetRecords", 0.1, "ProvisionedThroughputExceededException"),
        refusal("GetRecords", 0.1, "ExpiredIteratorException"),
        refusal("GetRecords", 0.1, "KMSThrottlingException"),
        json!({ "service": "kinesis", "operation": "GetRecords", "probability": 0.05, "reset": true }),
        refusal("GetShardIterator", 0.2, "ProvisionedThroughputExceededException"),
    ];
    read_through_faults(&Service::there(server), &rules, kinesis::polling);
}

/// Subscriptions that are refused, cut, and broken in the middle of their events. Not in front of kinesis-local: the proxy
/// keeps its connection when its client has gone, and kinesis-local refuses all others as long as that lasts, five
/// minutes; the service lets them take over after five seconds.
fn subscriptions_through_faults(service: &Service) {
    let broken = |probability: f64, response: Value| json!({ "service": "kinesis", "operation": "SubscribeToShard", "probability": probability, "response": response });
    let rules = [
        refusal("SubscribeToShard", 0.15, "LimitExceededException"),
        json!({ "service": "kinesis", "operation": "SubscribeToShard", "probability": 0.1, "reset": true }),
        broken(0.2, json!({ "event_error": { "code": "InternalFailureException", "after_frames": 2 } })),
        broken(0.2, json!({ "event_frames": [{ "at": 1, "cut": 0.5 }] })),
        broken(0.25, json!({ "event_frames": [{ "at": 1, "bad_crc": true }] })),
        broken(0.3, json!({ "abort_bytes": 400 })),
        refusal("DescribeStreamConsumer", 0.2, "LimitExceededException"),
    ];
    read_through_faults(service, &rules, kinesis::efo);
}

#[test]
fn the_source_subscribes_to_the_server_in_the_process_through_faults() {
    subscriptions_through_faults(&Service::here());
}

#[test]
fn the_source_subscribes_to_ferrokinesis_through_faults() {
    let Some(server) = Independent::ferrokinesis() else { return };
    subscriptions_through_faults(&Service::there(server));
}
