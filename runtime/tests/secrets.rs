//! Keys and payloads do not come out where nobody expects them: a canary of each is looked for in everything that a run says
//! and leaves behind. A binary of its own, since it listens to all that the process logs, also of the libraries below.
#![cfg(all(feature = "kinesis", feature = "parquet", feature = "s3"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fmt::{Debug, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use millstream::engine::{Checkpoint, Trigger};
use millstream::prelude::*;
use millstream::testing::kinesis::{Fault, Server};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The keys, and what is in the payload of a record that cannot be decoded.
const SECRET_KEY: &str = "canary-of-the-secret-key";
const TOKEN: &str = "canary-of-the-session-token";
const PAYLOAD: &str = "canary-of-the-payload";

/// All that is logged, at every level: the target and the fields, a line each.
static LOGGED: Mutex<String> = Mutex::new(String::new());

struct Listener;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {field}={value}").unwrap();
    }
}

impl Line {
    fn of(target: &str, record: impl FnOnce(&mut Self)) {
        let mut line = Self(target.to_owned());
        record(&mut line);
        LOGGED.lock().unwrap().push_str(&(line.0.replace('\n', " ") + "\n"));
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        Line::of(span.metadata().target(), |line| span.record(line));
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        Line::of("millstream::recorded", |line| values.record(line));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        Line::of(event.metadata().target(), |line| event.record(line));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(StreamSchema)]
struct Reading {
    device: String,
    #[stream(event_time)]
    ts: Timestamp,
    n: i64,
}

/// Panics at one number.
fn careful(n: i64) -> i64 {
    assert_ne!(n, 13, "thirteen");
    n
}

fn job(endpoint: &str, folder: &Path) -> Pipeline {
    let path = |name: &str| folder.join(name).display().to_string();
    let (out, bad, endpoint) = (path("out"), path("bad"), endpoint.to_owned());
    pipeline! {
        from kinesis(
            "in", endpoint = {endpoint}, start = trim_horizon, min_fetch_period = 10ms,
            access_key = {"AKIACANARY".to_owned()}, secret_key = {SECRET_KEY.to_owned()}, session_token = {TOKEN.to_owned()}
        )
        | decode json as Reading else dead_letter(parquet({bad}))
        | watermark 10s
        | group_by { device, window = tumbling(1min) }
        | agg { n = sum(careful(n)) }
        | sink parquet({out})
    }
    .checkpoint(path("kept"))
    .trigger(Trigger::AvailableNow)
}

/// What the files below a folder hold, and their names.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files(&entry, found);
        } else {
            found.push((entry.display().to_string(), std::fs::read(&entry).unwrap()));
        }
    }
}

fn has(bytes: &[u8], canary: &str) -> bool {
    bytes.windows(canary.len()).any(|window| window == canary.as_bytes())
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn no_key_and_no_payload_comes_out() {
    tracing::subscriber::set_global_default(Listener).unwrap();
    let (server, folder) = (Server::start().unwrap(), tempfile::tempdir().unwrap());
    server.create_stream("in", 2).unwrap();
    let good = |n: i64| format!(r#"{{"device":"d{}","ts":"2026-01-01T00:{:02}:00Z","n":{n}}}"#, n % 3, n % 60);
    let bad = format!(r#"{{"device":"d","ts":"2026-01-01T00:00:00Z","n":"{PAYLOAD}"}}"#);
    let records = (0..50).map(|n| (format!("k{n}"), if n % 10 == 7 { bad.clone() } else { good(n) }));
    server.put_all("in", records).unwrap();
    // Calls that fail are told of.
    server.faults().times("GetRecords", 2, Fault::Throttle);
    let mut said = String::new();
    let told: Arc<Mutex<String>> = Arc::default();
    let progress = Arc::clone(&told);
    let listener = move |document: &millstream::observe::progress::Progress| {
        write!(progress.lock().unwrap(), "{document:?} {}", serde_json::to_string(document).unwrap()).unwrap();
    };
    let pipeline = job(&server.endpoint(), folder.path()).max_error_rate(1.0).on_progress(listener);
    let explained = pipeline.explain();
    write!(said, "{explained} {:#} {}", explained.to_json(), explained.to_mermaid()).unwrap();
    let summary = block_on(pipeline.run()).unwrap();
    assert_eq!((summary.rows.rows, summary.rows.dead), (50, 6), "five cannot be decoded, over one there is a panic");
    write!(said, "{summary:?} {summary}").unwrap();

    // Ends that are not good ones: a stream that is not there, keys that are refused, a place that is none.
    server.faults().next("GetRecords", Fault::CutConnection);
    let refused = |error: millstream::Error| format!("{error} {error:?} {:?}", std::error::Error::source(&error));
    let gone = pipeline! {
        from kinesis("gone", endpoint = {server.endpoint()}, secret_key = {SECRET_KEY.to_owned()},
            access_key = {"AKIACANARY".to_owned()}, session_token = {TOKEN.to_owned()})
        | decode json as Reading | select { n } | sink collect()
    };
    said += &refused(block_on(gone.run()).unwrap_err());
    let bucket = Checkpoint::at("s3://no-such-bucket/x").endpoint("http://127.0.0.1:9").region("eu-west-1");
    let bucket =
        bucket.access_key("AKIACANARY".to_owned()).secret_key(SECRET_KEY.to_owned()).session_token(TOKEN.to_owned());
    write!(said, "{bucket:?}").unwrap();

    said += &told.lock().unwrap();
    for canary in [SECRET_KEY, TOKEN, PAYLOAD] {
        assert!(!said.contains(canary), "{canary} is in what is said: {said}");
    }
    let logged = LOGGED.lock().unwrap().clone();
    let ours = logged.lines().filter(|line| line.starts_with("millstream"));
    assert!(ours.clone().count() > 20, "{logged}");
    for line in ours {
        for canary in [SECRET_KEY, TOKEN, PAYLOAD] {
            assert!(!line.contains(canary), "{canary} is logged: {line}");
        }
    }
    // The libraries below may show requests, which have a token and payloads in them, at their lowest levels: never a key.
    let shown = logged.lines().find(|line| line.contains(SECRET_KEY));
    assert!(shown.is_none(), "{shown:?}");
    let with_token: std::collections::BTreeSet<&str> = logged
        .lines()
        .filter(|line| line.contains(TOKEN))
        .map(|line| line.split(' ').next().unwrap_or_default())
        .collect();
    println!("targets that show the session token at their lowest level: {with_token:?}");

    let mut found = Vec::new();
    files(folder.path(), &mut found);
    assert!(found.iter().any(|(path, _)| path.contains("/bad/")) && found.len() > 5, "{}", found.len());
    for (path, bytes) in &found {
        assert!(!has(bytes, SECRET_KEY) && !has(bytes, TOKEN), "a key is in {path}");
        // Dead letters have the payload, as they say; state, commits and rows do not.
        assert!(!has(bytes, PAYLOAD) || path.contains("/bad/"), "the payload is in {path}");
    }
}
