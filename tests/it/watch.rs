//! A run that is looked at from outside: its figures for Prometheus, its health, and what a collector of OpenTelemetry gets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use millstream::error::Kind;
use millstream::observe::progress::Progress;
use millstream::prelude::*;
use serde_json::Value;

/// Long for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Asks for a path; gives the status and the body.
fn get(port: u16, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned()))
}

/// Asks until the answer is `right`.
fn wait_for(port: u16, path: &str, right: impl Fn(u16, &str) -> bool) -> String {
    let begun = Instant::now();
    let mut last = String::new();
    while begun.elapsed() < PATIENCE {
        match get(port, path) {
            Ok((status, body)) if right(status, &body) => return body,
            Ok((status, body)) => last = format!("{status} {body}"),
            Err(error) => last = error.to_string(),
        }
        // The run takes its time.
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{path} does not answer as it should: {last}");
}

/// The value of a sample, by its name and labels as they are written.
fn value(text: &str, sample: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample} in\n{text}")).parse().unwrap()
}

/// Counts what comes, of which a fifth is filtered, with a group for each remainder.
fn pipeline() -> Pipeline {
    pipeline! {
        from rate(50_000)
        | filter value % 5 > 0
        | watermark timestamp 1s
        | group_by { remainder = value % 7, window = tumbling(1s) } name "by remainder"
        | agg { n = count() }
        | sink foreach_batch(|_: millstream::sink::Batch| Ok(()))
    }
}

/// What Python makes of `input`, with packages that know the formats.
fn python(script: &str, input: &str) -> Option<Value> {
    let Ok(python) = std::env::var("MILLSTREAM_PYTHON") else {
        millstream_tests::skip::missing("MILLSTREAM_PYTHON is not set, so Python's parsers are not asked");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("input"), input).unwrap();
    let ran = Command::new(python).args(["-c", script]).arg(folder.path().join("input")).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(serde_json::from_slice(&ran.stdout).unwrap())
}

/// What Prometheus reads of the text: names with labels, and values.
const PROMETHEUS: &str = r"
import json, sys
from prometheus_client.parser import text_string_to_metric_families as families
print(json.dumps({f'{s.name}{json.dumps(dict(sorted(s.labels.items())))}': s.value
    for family in families(open(sys.argv[1]).read()) for s in family.samples if family.type != 'unknown'}))
";

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_the_sums_of_the_progress_documents() {
    let (port, documents) = (free_port(), Arc::new(Mutex::new(Vec::<Progress>::new())));
    let (told, name) = (Arc::clone(&documents), "a \"name\"\\\n");
    let query = pipeline()
        .name(name)
        .metrics(port.to_string())
        .on_progress(move |progress| told.lock().unwrap().push(progress.clone()))
        .start();
    let several = |status: u16, text: &str| {
        status == 200 && text.contains("millstream_state_keys") && {
            let epochs =
                text.lines().find_map(|line| line.strip_prefix("millstream_epochs_total{")?.split(' ').next_back());
            epochs.is_some_and(|epochs| epochs.parse::<u64>().unwrap() >= 3)
        }
    };
    let text = tokio::task::spawn_blocking(move || wait_for(port, "/metrics", several)).await.unwrap();
    let (health, ready) = (get(port, "/health").unwrap(), get(port, "/ready").unwrap());
    assert_eq!(get(port, "/").unwrap().0, 404);
    query.stop();
    query.wait().await.unwrap();
    assert!(get(port, "/health").is_err(), "the port is still open");

    let labelled = |labels: &str| format!("{{pipeline=\"a \\\"name\\\"\\\\\\n\"{labels}}}");
    let of = |name: &str, labels: &str| value(&text, &format!("millstream_{name}{}", labelled(labels)));
    let epochs = of("epochs_total", "") as usize;
    let all = documents.lock().unwrap();
    let (seen, last) = (&all[..epochs], &all[epochs - 1]);
    let sum = |figure: fn(&Progress) -> u64| seen.iter().map(figure).sum::<u64>() as f64;
    assert_eq!(of("rows_total", ",outcome=\"used\""), sum(|of| of.millstream.used));
    assert_eq!(of("rows_total", ",outcome=\"filtered\""), sum(|of| of.millstream.filtered));
    assert!(sum(|of| of.millstream.filtered) > 0.0);
    assert_eq!(of("written_rows_total", ""), sum(|of| of.sink["numOutputRows"].as_u64().unwrap()));
    assert_eq!(of("epoch", ""), last.batch_id as f64);
    let operator = &last.state_operators[0];
    let stage = ",operator=\"by remainder\"";
    assert_eq!(of("state_keys", stage), operator.num_rows_total as f64);
    assert_eq!(of("state_bytes", stage), operator.memory_used_bytes as f64);
    let watermark = Timestamp::parse_rfc3339(&last.event_time["watermark"]).unwrap();
    assert_eq!(of("watermark_timestamp_seconds", ""), watermark.micros() as f64 / 1e6);
    assert_eq!(of("epoch_duration_seconds_bucket", ",phase=\"commit\",le=\"+Inf\""), epochs as f64);
    let took = of("epoch_duration_seconds_sum", ",phase=\"all\"");
    assert!((took - sum(|of| of.duration_ms["triggerExecution"]) / 1e3).abs() < 1e-9);

    assert_eq!((health.0, ready.0), (200, 200));
    let health: Value = serde_json::from_str(&health.1).unwrap();
    assert_eq!((&health["status"], &health["pipeline"]), (&"running".into(), &name.into()));
    assert!(health["epoch"].as_u64().unwrap() >= last.batch_id && health["lastCommit"].is_string(), "{health}");

    // An independent reader sees the same.
    let Some(read) = python(PROMETHEUS, &text) else { return };
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(read.as_object().unwrap().len(), samples, "{read}\n{text}");
    let key = serde_json::json!({ "outcome": "used", "pipeline": name })
        .to_string()
        .replace("\":", "\": ")
        .replace(",\"", ", \"");
    assert_eq!(read[format!("millstream_rows_total{key}")], sum(|of| of.millstream.used), "{read}");
}

/// The port has a thread of its own.
#[test]
fn health_is_told_while_the_run_is_stuck_in_a_function() {
    let (port, (begun, stuck), (free, wait)) = (free_port(), mpsc::channel(), mpsc::channel::<()>());
    let (begun, wait) = (Mutex::new(begun), Mutex::new(wait));
    let pipeline = pipeline! {
        from rate(1_000, count = 10, pace = unpaced)
        | sink foreach_batch(move |_: millstream::sink::Batch| {
            begun.lock().unwrap().send(()).unwrap();
            wait.lock().unwrap().recv().unwrap();
            Ok(())
        })
    };
    let run = std::thread::spawn(move || pipeline.metrics(format!(":{port}")).run_blocking());
    stuck.recv_timeout(PATIENCE).unwrap();
    wait_for(port, "/health", |status, body| status == 200 && body.contains("\"running\""));
    free.send(()).unwrap();
    assert_eq!(run.join().unwrap().unwrap().rows.rows, 10);
}

#[test]
fn a_port_that_cannot_be_had_ends_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = pipeline().metrics(port.to_string()).run_blocking().unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.message().contains(&format!("127.0.0.1:{port}")), "{error}");
    for wrong in ["nowhere", "127.0.0.1", ""] {
        let error = pipeline().metrics(wrong).run_blocking().unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{wrong}: {error}");
    }
}

/// A collector that takes one request after the other, says `status`, and hands the requests on.
fn collector(status: &'static str) -> (String, mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, (took, taken)) = (format!("http://{}/", listener.local_addr().unwrap()), mpsc::channel());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut request) = (stream.unwrap(), Vec::new());
            let body = loop {
                let mut piece = [0; 4096];
                let length = stream.read(&mut piece).unwrap();
                request.extend_from_slice(&piece[..length]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head
                    .to_lowercase()
                    .split("content-length: ")
                    .nth(1)
                    .unwrap()
                    .split("\r\n")
                    .next()
                    .unwrap()
                    .to_owned();
                if body.len() >= length.parse().unwrap() {
                    break (head.to_owned(), body.to_owned());
                }
            };
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}").unwrap();
            took.send(body).ok();
        }
    });
    (url, taken)
}

/// What the messages of OpenTelemetry read of the document: names, kinds and the first values; attributes of the resource.
const OPENTELEMETRY: &str = r"
import json, sys
from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest as Request
sent = Parse(open(sys.argv[1]).read(), Request()).resource_metrics[0]
read = {attribute.key: attribute.value.string_value for attribute in sent.resource.attributes}
for metric in sent.scope_metrics[0].metrics:
    points = getattr(metric, metric.WhichOneof('data')).data_points
    assert all(point.time_unix_nano > 1.7e18 for point in points), points
    first = points[0]
    read[metric.name] = [metric.unit, first.count if metric.WhichOneof('data') == 'histogram' else first.as_double]
print(json.dumps(read))
";

#[test]
fn a_collector_gets_the_last_figures() {
    let (url, taken) = collector("200 OK");
    let pipeline = pipeline! {
        from rate(1_000, count = 1_000, pace = unpaced)
        | sink foreach_batch(|_: millstream::sink::Batch| Ok(()))
    };
    pipeline.name("counts").otlp(url).run_blocking().unwrap();
    let (head, body) = taken.try_iter().last().unwrap();
    assert!(head.starts_with("POST /v1/metrics HTTP/1.1") && head.contains("content-type: application/json"), "{head}");
    let sent: Value = serde_json::from_str(&body).unwrap();
    let metrics = sent["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
    let rows = metrics.iter().find(|metric| metric["name"] == "millstream.rows").unwrap();
    assert_eq!(rows["sum"]["dataPoints"][0]["asDouble"], 1_000.0);
    assert_eq!((&rows["sum"]["isMonotonic"], &rows["sum"]["aggregationTemporality"]), (&true.into(), &2.into()));

    let Some(read) = python(OPENTELEMETRY, &body) else { return };
    assert_eq!(read["service.name"], "counts");
    assert_eq!(read["millstream.rows"], serde_json::json!(["1", 1_000.0]));
    assert_eq!(read["millstream.epoch_duration"][0], "s");
    assert!(read["millstream.epoch_duration"][1].as_f64().unwrap() >= 1.0);
    assert_eq!(read.as_object().unwrap().len(), metrics.len() + 1, "{read}");
}

#[test]
fn a_collector_that_refuses_holds_nothing_up() {
    let (url, taken) = collector("503 Service Unavailable");
    let nobody = format!("http://127.0.0.1:{}", free_port());
    for url in [url, nobody] {
        let pipeline = pipeline! {
            from rate(1_000, count = 1_000, pace = unpaced)
            | sink foreach_batch(|_: millstream::sink::Batch| Ok(()))
        };
        assert_eq!(pipeline.otlp(url).run_blocking().unwrap().rows.rows, 1_000);
    }
    assert_eq!(taken.try_iter().count(), 1);
}

#[test]
fn what_is_no_address_of_a_collector_is_refused() {
    for (url, why) in [
        ("localhost:4318", "no address"),
        ("ftp://localhost", "neither `https://` nor `http://`"),
        ("https://user:hunter2@collector.example.com", "has a user in it"),
    ] {
        let error = pipeline().otlp(url).run_blocking().unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.message().contains(why) && !error.to_string().contains("hunter2"), "{error}");
    }
}
