//! A pipeline that goes on from the checkpoint of another: what is the same, what goes on, what is refused and how to go on
//! all the same. Each case runs the old pipeline for some rows, then the new one to the end, and what comes out is compared
//! with what the rows come to.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(feature = "parquet")]

#[cfg(feature = "kinesis")]
mod golden;
mod outputs;
mod state;
mod unusual;

use std::collections::BTreeMap;
use std::path::Path;

use millstream::prelude::*;
use millstream::sink::{collect, collect::Collect};

/// Rows of the old pipeline's only epoch.
const OLD: usize = 90;
const ALL: usize = 300;

#[derive(StreamSchema)]
struct Tick {
    key: String,
    other: String,
    #[stream(event_time, format = epoch_s)]
    at: Timestamp,
    value: i32,
}

fn input() -> Vec<String> {
    (0..ALL)
        .map(|n| {
            let (key, other, at) = (key(n), n % 3, at(n));
            format!(r#"{{"key":"{key}","other":"o{other}","at":{at},"value":{n}}}"#)
        })
        .collect()
}

fn key(n: usize) -> String {
    format!("k{}", n * n % 11)
}

/// In order, so that nothing is late; 300 rows are 35 minutes.
fn at(n: usize) -> i64 {
    n as i64 * 7
}

#[derive(StreamSchema)]
struct Out {
    key: String,
    start: i64,
    n: i64,
}

/// `KEY START N` of windows of ten minutes over the rows `of` which are counted.
fn windows(rows: impl Iterator<Item = usize>, key: impl Fn(usize) -> String) -> Vec<String> {
    let mut counts = BTreeMap::<(String, i64), i64>::new();
    rows.for_each(|n| *counts.entry((key(n), at(n) / 600 * 600)).or_default() += 1);
    let mut lines: Vec<String> = counts.into_iter().map(|((key, start), n)| format!("{key} {start} {n}")).collect();
    lines.sort();
    lines
}

fn found(rows: &Collect) -> Vec<String> {
    let rows: Vec<Out> = rows.rows().unwrap();
    let mut lines: Vec<String> = rows.into_iter().map(|row| format!("{} {} {}", row.key, row.start, row.n)).collect();
    lines.sort();
    lines
}

struct World {
    folder: tempfile::TempDir,
    rows: Collect,
}

impl World {
    /// After the old pipeline has read [`OLD`] rows.
    fn after(old: impl Fn(&Collect) -> Pipeline) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), rows: collect() };
        let summary = world.once(old(&world.rows)).unwrap();
        assert_eq!((summary.rows.rows, summary.drained), (OLD as u64, false));
        world
    }

    fn log(&self) -> std::path::PathBuf {
        self.folder.path().join("log")
    }

    fn once(&self, pipeline: Pipeline) -> millstream::Result<Summary> {
        let pipeline = pipeline.max_rows_per_epoch(OLD as u64).trigger(Trigger::Once).workers(2);
        pipeline.checkpoint(self.log()).progress_line(false).run_blocking()
    }

    /// Runs a pipeline to the end, with starts in between.
    fn on(&self, pipeline: impl Fn(&Collect) -> Pipeline) -> Vec<String> {
        for workers in [3, 1] {
            let once = pipeline(&self.rows).workers(workers).max_rows_per_epoch(50).trigger(Trigger::Once);
            once.checkpoint(self.log()).progress_line(false).run_blocking().unwrap();
        }
        let pipeline = pipeline(&self.rows).workers(4).max_rows_per_epoch(30).checkpoint(self.log());
        assert!(pipeline.progress_line(false).run_blocking().unwrap().drained);
        found(&self.rows)
    }

    /// A pipeline is refused for this, with this way out, and nothing is written.
    fn refused(&self, pipeline: impl Fn(&Collect) -> Pipeline, code: &str, words: &str, way: &str) {
        let before = tree(&self.log());
        let error = self.once(pipeline(&self.rows)).unwrap_err();
        assert_eq!(error.kind().exit_code(), 78, "{error}");
        assert!(error.message().contains(&format!("{code} ")) && error.message().contains(words), "{error}");
        assert!(error.advice().unwrap().contains(way), "{error:?}");
        assert_eq!(tree(&self.log()), before, "something was written");
    }
}

fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if !entry.ends_with("LOCK") {
                found.insert(entry.display().to_string(), std::fs::read(&entry).unwrap());
            }
        }
    }
    found
}

/// The pipeline that most cases begin with.
fn counting(rows: &Collect) -> Pipeline {
    pipeline! {
        from memory(input()) | decode json as Tick | watermark 1min
        | group_by { key, w = tumbling(10min) } name "per key" | agg { n = count() }
        | select { key, start = w.start.secs(), n }
        | sink rows.clone()
    }
}

fn all() -> Vec<String> {
    windows(0..ALL, key)
}

#[test]
fn the_same_pipeline_goes_on() {
    assert_eq!(World::after(counting).on(counting), all());
}

#[test]
fn stages_without_state_may_change() {
    let world = World::after(counting);
    let filtered = |rows: &Collect| {
        pipeline! {
            from memory(input()) | decode json as Tick
            | select { key, at, value = value + 1 }
            | filter value % 2 == 1
            | watermark at 1min
            | group_by { key, w = tumbling(at, 10min) } name "per key" | agg { n = count() }
            | select { key, start = w.start.secs(), n }
            | sink rows.clone()
        }
    };
    // The filter holds from the second epoch on, also for windows that are open. That the window names its column changes nothing.
    let kept = (0..ALL).filter(|n| *n < OLD || n % 2 == 0);
    assert_eq!(world.on(filtered), windows(kept, key));
}

#[test]
fn a_new_sink_starts_now_and_the_delay_of_the_watermark_may_change() {
    let world = World::after(counting);
    let letters = collect();
    let lettered = |rows: &Collect| {
        pipeline! {
            from memory(input()) | decode json as Tick else dead_letter(letters.clone()) | watermark 2min
            | group_by { key, w = tumbling(10min) } name "per key" | agg { n = count() }
            | select { key, start = w.start.secs(), n }
            | sink rows.clone()
        }
    };
    assert_eq!(world.on(lettered), all());
    assert!(letters.is_empty());
}

#[test]
fn a_keyed_stage_that_is_new_has_to_be_allowed_to_start_empty() {
    let world = World::after(counting);
    let with_second = |rows: &Collect| {
        pipeline! {
            from memory(input()) | decode json as Tick | watermark 1min
            | group_by { key, w = tumbling(10min) } name "per key" | agg { n = count() }
            | group_by { key = "all", w = tumbling(10min) } name "all" | agg { n = sum(n) }
            | select { key, start = w.start.secs(), n }
            | sink rows.clone()
        }
    };
    world.refused(with_second, "C10", "`all` is new", "run --start-empty \"all\"");
    // The first has all of its state; windows of the second begin with it, as no window had ended.
    let found = world.on(|rows| with_second(rows).start_empty("all"));
    let early: Vec<String> = windows(0..OLD, key).into_iter().filter(|line| line.contains(" 0 ")).collect();
    let mut expected = windows(0..ALL, |_| "all".to_owned());
    // The window from 0 s on may have ended in the first epoch.
    if found.iter().any(|line| early.contains(line)) {
        expected.retain(|line| !line.starts_with("all 0 "));
        expected.extend(early);
        expected.sort();
    }
    assert_eq!(found, expected);
}

#[test]
fn a_keyed_stage_that_is_gone_takes_its_state_with_it_only_when_told() {
    let two = |rows: &Collect| {
        pipeline! {
            from memory(input()) | decode json as Tick | watermark 1min
            | group_by { key, other, w = tumbling(10min) } name "first" | agg { n = count() }
            | group_by { key, w = tumbling(10min) } name "per key" | agg { n = sum(n) }
            | select { key, start = w.start.secs(), n }
            | sink rows.clone()
        }
    };
    let world = World::after(two);
    let one = |rows: &Collect| {
        pipeline! {
            from memory(input()) | decode json as Tick | watermark 1min
            | group_by { key, w = tumbling(10min) } name "per key" | agg { n = sum(1i64) }
            | select { key, start = w.start.secs(), n }
            | sink rows.clone()
        }
    };
    world.refused(one, "C11", "`first` is gone", "run --drop-state \"first\"");
    world.refused(|rows| one(rows).drop_state("first"), "C25", "was `sum(n)`, is `sum(1i64)`", "--same-expressions");
    let told = |rows: &Collect| one(rows).drop_state("first").same_expressions("per key");
    let found = world.on(told);
    // What the first stage held at the end of the first epoch is gone: windows that had not ended by its watermark.
    let open = (at(OLD - 1) - 60) / 600 * 600;
    let kept = (0..ALL).filter(|n| *n >= OLD || at(*n) < open);
    assert_eq!(found, windows(kept, key));
}

#[test]
fn stages_keep_their_state_when_others_come_and_when_they_get_a_name() {
    // Of a stage without a name the name is its keys and window, which other stages do not change.
    let unnamed = |rows: &Collect| {
        pipeline! {
            from memory(input()) | decode json as Tick | watermark 1min
            | group_by { key, w = tumbling(10min) } | agg { n = count() }
            | select { key, start = w.start.secs(), n }
            | sink rows.clone()
        }
    };
    let world = World::after(unnamed);
    let wrapped = |rows: &Collect| {
        pipeline! {
            from memory(input()) | decode json as Tick | filter value >= 0 | watermark 1min
            | select { key, at, more = value * 2 }
            | group_by { key, w = tumbling(at, 10min) } name "per key" | agg { n = count() }
            | select { key, start = w.start.secs(), n }
            | sink rows.clone()
        }
    };
    world.refused(wrapped, "C11", "`key, tumbling(10min)` is gone", ".renamed_stage(");
    let renamed = |rows: &Collect| wrapped(rows).renamed_stage("key, tumbling(10min)", "per key");
    assert_eq!(world.on(renamed), all());
}

#[test]
fn an_aggregate_may_go_and_may_not_come() {
    let two = |rows: &Collect| {
        pipeline! {
            from memory(input()) | decode json as Tick | watermark 1min
            | group_by { key, w = tumbling(10min) } name "per key" | agg { total = sum(value), n = count() }
            | select { key, start = w.start.secs(), n }
            | sink rows.clone()
        }
    };
    assert_eq!(World::after(two).on(counting), all());
    let world = World::after(counting);
    world.refused(two, "C19", "the aggregate `total` of `per key` is new", ".migrate(\"per key\"");
    let dropped = |rows: &Collect| two(rows).drop_state("per key");
    let open = (at(OLD - 1) - 60) / 600 * 600;
    assert_eq!(world.on(dropped), windows((0..ALL).filter(|n| *n >= OLD || at(*n) < open), key));
}

#[test]
fn what_another_window_or_type_needs_is_refused() {
    let world = World::after(counting);
    macro_rules! other {
        ($code:literal, $words:literal, $($stage:tt)*) => {
            let other = |rows: &Collect| {
                pipeline! {
                    from memory(input()) | decode json as Tick | watermark 1min
                    | $($stage)*
                    | select { key = "k", start = w.start.secs(), n = 1i64 }
                    | sink rows.clone()
                }
            };
            world.refused(other, $code, $words, "--drop-state \"per key\"");
        };
    }
    other!("C13", "was tumbling(600s), is tumbling(1200s)", group_by { key, w = tumbling(20min) } name "per key" | agg { n = count() });
    other!("C13", "sliding(600s, every = 300s)", group_by { key, w = sliding(10min, every = 5min) } name "per key" | agg { n = count() });
    other!("C15", "was String, is Int32", group_by { key = value, w = tumbling(10min) } name "per key" | agg { n = count() });
    other!("C15", "the key `other` of `per key` is new", group_by { key, other, w = tumbling(10min) } name "per key" | agg { n = count() });
    other!("C20", "the aggregate `n` of `per key`", group_by { key, w = tumbling(10min) } name "per key" | agg { n = max(value) });
    other!("C25", "the expression of `key`", group_by { key = other, w = tumbling(10min) } name "per key" | agg { n = count() });
    let elsewhere = tempfile::tempdir().unwrap();
    let files = elsewhere.path().join("*.ndjson").display().to_string();
    let other = |rows: &Collect| {
        pipeline! {
            from file({files.clone()}) | decode json as Tick | watermark 1min
            | group_by { key, w = tumbling(10min) } name "per key" | agg { n = count() }
            | select { key, start = w.start.secs(), n }
            | sink rows.clone()
        }
    };
    world.refused(other, "C01", "was memory `memory`, is file", "a fresh checkpoint");
}
