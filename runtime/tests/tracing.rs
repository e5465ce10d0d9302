//! What subscribers of `tracing` see of a run. A binary of its own: workers and the commit thread are only seen by a
//! subscriber of the whole process.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, OnceLock};

use millstream::prelude::*;
use millstream::sink::collect;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

#[derive(Debug, Clone)]
struct Seen {
    name: String,
    target: &'static str,
    level: Level,
    /// The id of the span it is in.
    parent: Option<u64>,
    fields: BTreeMap<&'static str, String>,
    closed: bool,
}

/// All spans by their ids from 1 on, and all events, of targets of millstream.
struct All {
    spans: Vec<Seen>,
    events: Vec<Seen>,
    references: Vec<u64>,
}

struct Collector;

static ALL: Mutex<All> = Mutex::new(All { spans: Vec::new(), events: Vec::new(), references: Vec::new() });

thread_local! {
    static ENTERED: std::cell::RefCell<Vec<u64>> = const { std::cell::RefCell::new(Vec::new()) };
}

struct Fields<'f>(&'f mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

fn seen(metadata: &'static Metadata<'static>, parent: Option<u64>, contextual: bool) -> Seen {
    let current = || ENTERED.with_borrow(|entered| entered.last().copied());
    Seen {
        name: metadata.name().to_owned(),
        target: metadata.target(),
        level: *metadata.level(),
        parent: if contextual { current() } else { parent },
        fields: BTreeMap::new(),
        closed: false,
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("millstream")
    }
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut span =
            seen(attributes.metadata(), attributes.parent().map(|id| id.into_u64()), attributes.is_contextual());
        attributes.record(&mut Fields(&mut span.fields));
        let mut all = ALL.lock().unwrap();
        all.spans.push(span);
        all.references.push(1);
        Id::from_u64(all.spans.len() as u64)
    }
    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut ALL.lock().unwrap().spans[span.into_u64() as usize - 1].fields));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut seen = seen(event.metadata(), event.parent().map(|id| id.into_u64()), event.is_contextual());
        event.record(&mut Fields(&mut seen.fields));
        seen.name = seen.fields.remove("message").unwrap_or_default();
        ALL.lock().unwrap().events.push(seen);
    }
    fn enter(&self, span: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(span.into_u64()));
    }
    fn exit(&self, _: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.pop());
    }
    fn clone_span(&self, id: &Id) -> Id {
        ALL.lock().unwrap().references[id.into_u64() as usize - 1] += 1;
        id.clone()
    }
    fn try_close(&self, id: Id) -> bool {
        let mut all = ALL.lock().unwrap();
        let at = id.into_u64() as usize - 1;
        all.references[at] -= 1;
        all.spans[at].closed = all.references[at] == 0;
        all.spans[at].closed
    }
}

/// What is seen while `run` runs; one at a time. Ids are places in the list of spans, from 1 on.
fn observed(run: impl FnOnce()) -> (Vec<Seen>, Vec<Seen>) {
    static ONE: Mutex<()> = Mutex::new(());
    static SET: OnceLock<()> = OnceLock::new();
    let _one = ONE.lock().unwrap();
    SET.get_or_init(|| tracing::subscriber::set_global_default(Collector).unwrap());
    let before = ALL.lock().unwrap().events.len();
    run();
    let all = ALL.lock().unwrap();
    (all.spans.clone(), all.events[before..].to_vec())
}

#[derive(StreamSchema)]
struct Reading {
    device_id: String,
    #[stream(event_time)]
    ts: Timestamp,
}

fn readings(seconds: &[i64]) -> Vec<String> {
    let line = |at: &i64| format!(r#"{{"device_id": "a", "ts": "{}"}}"#, Timestamp::from_micros(at * 1_000_000));
    seconds.iter().map(line).collect()
}

fn counted(name: &str, lines: Vec<String>) -> Pipeline {
    let rows = collect();
    let pipeline = pipeline! {
        from memory({lines})
        | decode json as Reading else skip
        | watermark 5s
        | group_by { device_id, window = tumbling(1min) }
        | agg { n = count() }
        | sink rows
    };
    pipeline.name(name)
}

#[test]
fn an_epoch_has_a_span_with_its_phases() {
    let (spans, events) = observed(|| {
        counted("spans", readings(&[1, 100, 2, 101])).max_rows_per_epoch(2).run_blocking().unwrap();
    });
    let run = spans.iter().position(|span| span.fields.get("pipeline").is_some_and(|name| name == "spans")).unwrap();
    let (number, run) = (run as u64 + 1, &spans[run]);
    assert_eq!((run.name.as_str(), run.target, run.level), ("run", "millstream::run", Level::INFO));
    assert!(run.fields["run_id"].len() == 32 && run.fields["source"].starts_with("memory("), "{run:?}");

    let inside = |parent: u64| {
        let spans = spans.iter().enumerate().filter(move |(_, span)| span.parent == Some(parent));
        spans.map(|(at, span)| (at as u64 + 1, span)).collect::<Vec<_>>()
    };
    let epochs: Vec<_> = inside(number).into_iter().filter(|(_, span)| span.name == "epoch").collect();
    let figures = |span: &Seen| ["epoch", "rows"].map(|name| span.fields.get(name).cloned().unwrap_or_default());
    let (first, second) = (epochs[0], epochs[1]);
    assert_eq!((figures(first.1), figures(second.1)), (["1", "2"].map(Into::into), ["2", "2"].map(Into::into)));
    let bytes: u64 = first.1.fields["bytes"].parse().unwrap();
    assert_eq!(bytes, readings(&[1, 100]).iter().map(|line| line.len() as u64).sum::<u64>());

    let phases = inside(first.0);
    let mut names: Vec<&str> = phases.iter().map(|(_, span)| span.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["commit", "fetch", "plan", "process", "publish", "state"]);
    assert!(phases.iter().all(|(_, span)| (span.level, span.target) == (Level::DEBUG, "millstream::epoch")));
    let of =
        |name: &str, field: &str| phases.iter().find(|(_, span)| span.name == name).unwrap().1.fields[field].clone();
    assert_eq!((of("fetch", "rows"), of("process", "rows"), of("state", "keys")), ("2".into(), "2".into(), "1".into()));
    // The expressions of the pipeline run in it.
    let process = phases.iter().find(|(_, span)| span.name == "process").unwrap().0;
    assert!(inside(process).iter().all(|(_, span)| span.name == "chunk" && span.level == Level::TRACE));
    assert!(!inside(process).is_empty());
    let open: Vec<&str> = spans.iter().filter(|span| !span.closed).map(|span| span.name.as_str()).collect();
    assert!(open.is_empty(), "left open: {open:?}");

    let said = |name: &str| events.iter().filter(|event| event.name == name).collect::<Vec<_>>();
    assert_eq!((said("the run begins").len(), said("the run has ended").len()), (1, 1));
    let committed = said("epoch committed");
    assert_eq!((committed[0].parent, committed[0].level), (Some(first.0), Level::INFO));
    assert_eq!(committed[0].fields["rows"], "2");
    // A row of the second epoch was behind the watermark of the first.
    let late = said("rows came too late and were left out");
    assert_eq!(
        (late[0].level, late[0].target, late[0].fields["rows"].as_str()),
        (Level::WARN, "millstream::rows", "1")
    );
}

#[test]
fn what_is_left_out_and_what_fails_is_told() {
    let (_, events) = observed(|| {
        let lines = readings(&[1]).into_iter().chain(["{".to_owned()]).collect();
        counted("skips", lines).run_blocking().unwrap();
        let failing = pipeline! { from memory({["{"]}) | decode json as Reading | sink collect() };
        failing.run_blocking().unwrap_err();
    });
    let skipped = events.iter().find(|event| event.name.ends_with("were skipped")).unwrap();
    assert_eq!((skipped.level, skipped.fields["rows"].as_str()), (Level::WARN, "1"));
    let failed = events.iter().find(|event| event.name.starts_with("the run has failed: ")).unwrap();
    assert_eq!((failed.level, failed.fields["kind"].as_str()), (Level::ERROR, "Data"));
}

#[derive(StreamSchema)]
struct InMillis {
    #[stream(event_time, format = epoch_ms)]
    ts: Timestamp,
}

/// A wrong unit is told of once, whichever way it is wrong; where it is right nothing is told.
#[test]
fn f_046_event_times_in_another_unit_are_told_of() {
    let told = |times: [i64; 4]| {
        let lines: Vec<String> = times.iter().map(|ts| format!(r#"{{"ts": {ts}}}"#)).collect();
        let (_, events) = observed(|| {
            let pipeline = pipeline! {
                from memory({lines}) | decode json as InMillis | watermark 5s
                | group_by { window = tumbling(1min) } | agg { n = count() } | sink collect()
            };
            pipeline.max_rows_per_epoch(1).run_blocking().unwrap();
        });
        events.into_iter().filter(|event| event.level == Level::WARN).collect::<Vec<_>>()
    };
    let seconds = [1_767_225_600, 1_767_225_601, 1_767_225_602, 1_767_225_603];
    let early = told(seconds);
    assert_eq!(early.len(), 1, "{early:?}");
    assert!(early[0].name.contains("before the year 2000") && early[0].target == "millstream::rows", "{early:?}");
    assert!(early[0].fields["max_event_time"].starts_with("1970-01-21T10:53:45"), "{early:?}");
    assert_eq!(told(seconds.map(|second| second * 1_000)).len(), 0);
    let late = told(seconds.map(|second| second * 1_000_000));
    assert!(!late.is_empty() && late.iter().all(|event| event.name.contains("another unit")), "{late:?}");
}

#[cfg(feature = "parquet")]
#[test]
fn a_start_says_where_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (_, events) = observed(|| {
        for _ in 0..2 {
            let checkpoint = folder.path().join("checkpoint");
            let pipeline = pipeline! { from rate(100_000, pace = unpaced) | select { value } | sink collect() };
            let once = pipeline.checkpoint(checkpoint).trigger(millstream::engine::Trigger::Once);
            once.max_rows_per_epoch(10).run_blocking().unwrap();
        }
    });
    let on: Vec<_> = events.iter().filter(|event| event.name.starts_with("goes on after")).collect();
    assert_eq!(on.len(), 1);
    assert_eq!((on[0].level, on[0].fields["epoch"].as_str()), (Level::INFO, "1"));
}

#[cfg(feature = "s3")]
#[test]
fn rows_that_are_sent_in_the_clear_are_told_of_at_each_start() {
    use millstream::Secret;
    use millstream::store::{Durability, Location, Place};
    let open = |endpoint: &str| {
        let keys = || Secret::from("canary".to_owned());
        let location = Location::at("s3://bucket/out").region("eu-west-1").endpoint(endpoint).allow_http(true);
        let place = Place::Object(location.access_key(keys()).secret_key(keys()));
        let (_, events) = observed(|| drop(place.open(Durability::default()).unwrap()));
        events.iter().filter(|event| event.name.contains("in the clear")).count()
    };
    assert_eq!((open("http://10.0.0.1:9000"), open("http://10.0.0.1:9000")), (1, 1));
    assert_eq!((open("http://127.0.0.1:9000"), open("https://10.0.0.1:9000")), (0, 0));
}
