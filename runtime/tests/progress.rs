//! The progress document, by its text: every field that Spark's readers of `StreamingQueryProgress` ask for, of its type.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use millstream::prelude::*;
use serde_json::Value;

#[derive(StreamSchema)]
struct Reading {
    device_id: String,
    #[stream(event_time)]
    ts: Timestamp,
}

/// The documents of a run over two epochs of two rows, the last of which ends the input.
fn documents(with: impl FnOnce(Pipeline) -> Pipeline) -> Vec<Value> {
    let told: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (into, rows) = (Arc::clone(&told), millstream::sink::collect());
    let lines = [("a", 1), ("b", 100), ("a", 101), ("a", 2)].map(|(device, at)| {
        format!(r#"{{"device_id": "{device}", "ts": "{}"}}"#, Timestamp::from_micros(at * 1_000_000))
    });
    let pipeline = pipeline! {
        from memory({lines})
        | decode json as Reading
        | watermark 5s
        | group_by { device_id, window = tumbling(1min) } name "per device"
        | agg { n = count() }
        | sink rows
    };
    let pipeline = with(pipeline.name("documents").max_rows_per_epoch(2).progress_line(false));
    let listened = pipeline.on_progress(move |progress| {
        let text = serde_json::to_string(progress).unwrap();
        into.lock().unwrap().push(serde_json::from_str(&text).unwrap());
    });
    listened.run_blocking().unwrap();
    let told = told.lock().unwrap();
    told.clone()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn every_field_of_sparks_is_there() {
    let documents = documents(|pipeline| pipeline);
    let first = &documents[0];
    for name in ["id", "runId"] {
        let id = first[name].as_str().unwrap();
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name} is no UUID: {id}");
    }
    assert_eq!((first["name"].as_str(), first["batchId"].as_u64()), (Some("documents"), Some(1)));
    assert!(first["timestamp"].as_str().unwrap().parse::<Timestamp>().is_ok());
    assert!(first["batchDuration"].is_u64());
    for phase in ["latestOffset", "addBatch", "commitOffsets", "commitBatch", "triggerExecution"] {
        assert!(first["durationMs"][phase].is_u64(), "{phase}");
    }
    // The slowest partition is at 100 s, less five.
    assert_eq!(first["eventTime"]["watermark"], "1970-01-01T00:01:35Z");

    let state = &first["stateOperators"][0];
    assert_eq!(state["operatorName"], "per device");
    let figures = ["numRowsTotal", "numRowsUpdated", "numRowsRemoved", "numRowsDroppedByWatermark"];
    assert_eq!(figures.map(|name| state[name].as_u64().unwrap()), [1, 2, 1, 0], "{state}");
    for name in ["allUpdatesTimeMs", "allRemovalsTimeMs", "commitTimeMs", "memoryUsedBytes"] {
        assert!(state[name].is_u64(), "{name}");
    }
    assert!(state["memoryUsedBytes"].as_u64().unwrap() > 0);
    assert_eq!(
        (state["numShufflePartitions"].as_u64(), state["numStateStoreInstances"].as_u64()),
        (Some(128), Some(1))
    );
    assert!(keys(&state["customMetrics"]).is_empty());
    // A row of the second epoch was late, and its end closes the rest.
    let state = &documents[1]["stateOperators"][0];
    assert_eq!(figures.map(|name| state[name].as_u64().unwrap()), [0, 1, 2, 1], "{state}");

    let source = &first["sources"][0];
    assert!(source["description"].as_str().unwrap().starts_with("memory("));
    assert_eq!((keys(&source["startOffset"]), keys(&source["endOffset"])), (vec!["memory"], vec!["memory"]));
    assert_eq!(documents[1]["sources"][0]["startOffset"], source["endOffset"]);
    assert_eq!((source.get("latestOffset"), source["numInputRows"].as_u64()), (Some(&Value::Null), Some(2)));
    assert!(source["metrics"].is_object());
    assert_eq!(source["partitions"]["memory"]["maxEventTime"], "1970-01-01T00:01:40Z");
    for of in [first, source] {
        let rate = |name: &str| of[name].as_f64().unwrap();
        assert!(rate("inputRowsPerSecond") > 0.0 && rate("processedRowsPerSecond") > 0.0, "{of}");
    }
    assert!(first["sink"]["description"].as_str().unwrap().starts_with("collect("), "{}", first["sink"]);
    assert_eq!((first["sink"]["numOutputRows"].as_u64(), first["sink"]["metrics"].is_object()), (Some(1), true));

    let account = &first["millstream"];
    assert_eq!((account["rows"].as_u64(), account["used"].as_u64()), (Some(2), Some(2)));
    let held = &account["watermarkHeldBy"];
    assert_eq!((held["partition"].as_str(), held["behindMs"].as_u64()), (Some("memory"), Some(0)));
    assert!(account["msBehindLatest"].is_null());
}

/// The partition that gives nothing is named, and so is how far behind one is that gives little.
#[test]
fn the_partition_that_holds_the_watermark_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, seconds: &[i64]| {
        let line = |at: &i64| {
            let ts = Timestamp::from_micros(at * 1_000_000);
            format!("{{\"device_id\": \"a\", \"ts\": \"{ts}\"}}\n")
        };
        std::fs::write(folder.path().join(name), seconds.iter().map(line).collect::<String>()).unwrap();
    };
    write("fast.json", &[1_000, 2_000, 3_000]);
    write("slow.json", &[10, 20, 30]);
    let told: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (into, input) = (Arc::clone(&told), folder.path().join("*.json").display().to_string());
    let pipeline = pipeline! {
        from file({input})
        | decode json as Reading
        | watermark 5s
        | group_by { device_id, window = tumbling(1min) }
        | agg { n = count() }
        | sink collect()
    };
    let listened = pipeline
        .max_rows_per_epoch(2)
        .on_progress(move |progress| into.lock().unwrap().push(serde_json::to_value(progress).unwrap()));
    listened.run_blocking().unwrap();
    let told = told.lock().unwrap();
    let held = &told[0]["millstream"]["watermarkHeldBy"];
    assert!(held["partition"].as_str().unwrap().ends_with("slow.json"), "{held}");
    assert_eq!(
        (held["maxEventTime"].as_str(), held["behindMs"].as_u64()),
        (Some("1970-01-01T00:00:10Z"), Some(990_000))
    );
    assert_eq!(told[0]["eventTime"]["watermark"], "1970-01-01T00:00:05Z");
}
