//! Output modes, groups without a window, and late rows: what comes out after which epoch, over restarts.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use millstream::prelude::*;
use millstream::sink::{collect, collect::Collect};

#[derive(StreamSchema)]
struct Tick {
    key: String,
    /// Seconds since 1970.
    #[stream(event_time, format = epoch_s)]
    at: Timestamp,
    value: i64,
}

/// `KEY SECOND VALUE` as JSON.
fn ticks(lines: &[&str]) -> Vec<String> {
    let tick = |line: &&str| {
        let words: Vec<&str> = line.split(' ').collect();
        format!(r#"{{"key":"{}","at":{},"value":{}}}"#, words[0], words[1], words[2])
    };
    lines.iter().map(tick).collect()
}

#[derive(StreamSchema)]
struct PerKey {
    key: String,
    n: i64,
    total: i64,
}

#[derive(StreamSchema)]
struct PerWindow {
    key: String,
    start: i64,
    n: i64,
}

#[derive(StreamSchema)]
struct All {
    n: i64,
    most: i64,
}

fn keys(rows: Vec<PerKey>) -> Vec<String> {
    let mut lines: Vec<String> = rows.into_iter().map(|row| format!("{} {} {}", row.key, row.n, row.total)).collect();
    lines.sort();
    lines
}

fn windows(rows: Vec<PerWindow>) -> Vec<String> {
    let mut lines: Vec<String> = rows.into_iter().map(|row| format!("{} {} {}", row.key, row.start, row.n)).collect();
    lines.sort();
    lines
}

const NONE: [&str; 0] = [];

/// Pushes an epoch's rows and ends it.
macro_rules! epoch {
    ($run:expr, [$($line:expr),*]) => {{
        $run.push(ticks(&[$($line),*])).unwrap();
        $run.end_epoch().unwrap();
    }};
}

#[test]
fn update_gives_what_has_changed_in_the_epoch() {
    let pipeline = pipeline! {
        from memory(NONE) | decode json as Tick | watermark 10s
        | group_by { key, w = tumbling(1min) } | agg { n = count() }
        | select { key, start = w.start.secs(), n }
        | sink collect() mode = update
    };
    let mut run = pipeline.test();
    epoch!(run, ["a 0 1", "b 10 1", "a 61 1"]);
    assert_eq!(windows(run.rows().unwrap()), ["a 0 1", "a 60 1", "b 0 1"]);
    // The first minute is still open at 51 s; `b` did not change.
    epoch!(run, ["a 59 1"]);
    assert_eq!(windows(run.rows().unwrap()), ["a 0 2"]);
    // It closes with a last change, and after that its rows are late.
    epoch!(run, ["b 1 1", "c 71 1"]);
    assert_eq!(windows(run.rows().unwrap()), ["b 0 2", "c 60 1"]);
    epoch!(run, ["a 59 1"]);
    assert_eq!(windows(run.rows().unwrap()), NONE);
    assert_eq!((run.counts().rows, run.counts().late), (7, 1));
    // The end changes no group.
    run.end().unwrap();
    assert_eq!(windows(run.rows().unwrap()), NONE);
}

#[test]
fn update_of_sliding_windows_leaves_closed_ones_alone() {
    let pipeline = pipeline! {
        from memory(NONE) | decode json as Tick | watermark 0s
        | group_by { key, w = sliding(2min, every = 1min) } | agg { n = count() }
        | select { key, start = w.start.secs(), n }
        | sink collect() mode = update
    };
    let mut run = pipeline.test();
    epoch!(run, ["a 130 1", "b 70 1"]);
    assert_eq!(windows(run.rows().unwrap()), ["a 120 1", "a 60 1", "b 0 1", "b 60 1"]);
    // 70 s belongs to [0, 120), which has closed at 130 s, and to [60, 180).
    epoch!(run, ["a 70 1"]);
    assert_eq!(windows(run.rows().unwrap()), ["a 60 2"]);
    epoch!(run, ["b 150 1"]);
    assert_eq!(windows(run.rows().unwrap()), ["b 120 1", "b 60 2"]);
}

#[test]
fn complete_gives_all_there_is_and_nothing_is_late() {
    let pipeline = pipeline! {
        from memory(NONE) | decode json as Tick | watermark 0s
        | group_by { key, w = tumbling(1min) } | agg { n = count() }
        | select { key, start = w.start.secs(), n }
        | sink collect() mode = complete
    };
    let mut run = pipeline.test();
    epoch!(run, ["a 0 1", "b 500 1"]);
    assert_eq!(windows(run.rows().unwrap()), ["a 0 1", "b 480 1"]);
    epoch!(run, ["a 1 1", "c 501 1"]);
    assert_eq!(windows(run.rows().unwrap()), ["a 0 2", "b 480 1", "c 480 1"]);
    run.end().unwrap();
    assert_eq!(windows(run.rows().unwrap()), ["a 0 2", "b 480 1", "c 480 1"]);
    assert_eq!(run.counts().late, 0);
}

#[test]
fn a_group_with_a_ttl_is_given_when_it_ends() {
    let pipeline = pipeline! {
        from memory(NONE) | decode json as Tick | watermark 0s
        | group_by { key } ttl 1min | agg { n = count(), total = sum(value) }
        | sink collect()
    };
    let mut run = pipeline.test();
    epoch!(run, ["a 0 1", "b 10 1", "a 50 2"]);
    epoch!(run, ["c 100 5"]);
    // `b` has ended at 70 s, `a` ends at 110 s.
    assert_eq!(keys(run.rows().unwrap()), ["b 1 1"]);
    // A row whose own time has run out is late, though the group of its key is there.
    epoch!(run, ["a 40 1", "a 41 7"]);
    assert_eq!(run.counts().late, 1);
    assert_eq!(keys(run.rows().unwrap()), NONE);
    epoch!(run, ["d 110 1"]);
    assert_eq!(keys(run.rows().unwrap()), ["a 3 10"]);
    // The key begins anew.
    epoch!(run, ["a 111 1"]);
    run.end().unwrap();
    assert_eq!(keys(run.rows().unwrap()), ["a 1 1", "c 1 5", "d 1 1"]);
}

#[test]
fn update_with_a_ttl_forgets() {
    let pipeline = pipeline! {
        from memory(NONE) | decode json as Tick | watermark 0s
        | group_by { key } ttl 1min | agg { n = count(), total = sum(value) }
        | sink collect() mode = update
    };
    let mut run = pipeline.test();
    epoch!(run, ["a 0 1", "b 59 1"]);
    assert_eq!(keys(run.rows().unwrap()), ["a 1 1", "b 1 1"]);
    epoch!(run, ["b 60 1"]);
    assert_eq!(keys(run.rows().unwrap()), ["b 2 2"]);
    epoch!(run, ["a 61 1"]);
    assert_eq!(keys(run.rows().unwrap()), ["a 1 1"]);
}

#[test]
fn one_group_of_all_rows() {
    let pipeline = pipeline! {
        from memory(NONE) | decode json as Tick | agg { n = count(), most = max(value) } | sink collect() mode = update
    };
    let mut run = pipeline.test();
    let all = |rows: Vec<All>| rows.into_iter().map(|row| (row.n, row.most)).collect::<Vec<_>>();
    run.end_epoch().unwrap();
    assert_eq!(all(run.rows().unwrap()), []);
    epoch!(run, ["a 0 3", "b 9 7"]);
    assert_eq!(all(run.rows().unwrap()), [(2, 7)]);
    epoch!(run, []);
    assert_eq!(all(run.rows().unwrap()), []);
    epoch!(run, ["a 0 8"]);
    assert_eq!(all(run.rows().unwrap()), [(3, 8)]);
}

#[test]
fn the_end_of_a_ttl_is_the_time_of_a_group_after_it() {
    let pipeline = pipeline! {
        from memory(NONE) | decode json as Tick | watermark 0s
        | group_by { key } ttl 1min name "visits" | agg { n = count() }
        | group_by { key = "all", w = tumbling(1min) } name "per minute" | agg { n = count() }
        | select { key, start = w.start.secs(), n }
        | sink collect()
    };
    let mut run = pipeline.test();
    epoch!(run, ["a 0 1", "b 10 1", "c 30 1", "d 1000 1"]);
    // `a` ended at 60 s, of which the last instant is in the first minute.
    assert_eq!(windows(run.rows().unwrap()), ["all 0 1", "all 60 2"]);
}

/// The same rows whatever the workers, cut by `per_epoch` rows and stopped after `stops` epochs each.
fn runs(pipeline: impl Fn(&Collect) -> Pipeline, per_epoch: u64, workers: &[usize]) -> Collect {
    let (folder, rows) = (tempfile::tempdir().unwrap(), collect());
    for run in 0.. {
        let pipeline = pipeline(&rows).max_rows_per_epoch(per_epoch).workers(workers[run % workers.len()]);
        let trigger = if run > 3 { Trigger::AvailableNow } else { Trigger::Once };
        let pipeline = pipeline.trigger(trigger).checkpoint(folder.path().join("log")).progress_line(false);
        let summary = pipeline.run_blocking().unwrap();
        assert_eq!(summary.used() + summary.rows.late + summary.rows.dead, summary.rows.rows);
        if summary.drained {
            return rows;
        }
        assert_eq!(summary.epochs, 1);
    }
    unreachable!()
}

fn input() -> Vec<String> {
    let lines: Vec<String> = (0..300).map(|n| format!("k{} {} {n}", n * n % 11, n * 7 - (n % 5) * 3)).collect();
    ticks(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

#[cfg(feature = "parquet")]
#[test]
fn all_groups_are_there_after_restarts() {
    for workers in [&[1][..], &[4], &[1, 4, 3]] {
        let complete = |rows: &Collect| {
            pipeline! {
                from memory(input()) | decode json as Tick
                | group_by { key } ttl never | agg { n = count(), total = sum(value) }
                | sink rows.clone() mode = complete
            }
        };
        let update = |rows: &Collect| {
            pipeline! {
                from memory(input()) | decode json as Tick
                | group_by { key } ttl never | agg { n = count(), total = sum(value) }
                | sink rows.clone() mode = update
            }
        };
        let append = |rows: &Collect| {
            pipeline! {
                from memory(input()) | decode json as Tick | watermark 1min
                | group_by { key } ttl 1h | agg { n = count(), total = sum(value) }
                | sink rows.clone()
            }
        };
        let mut expected = std::collections::BTreeMap::<String, (i64, i64)>::new();
        for n in 0..300 {
            let (count, total) = expected.entry(format!("k{}", n * n % 11)).or_default();
            (*count, *total) = (*count + 1, *total + n);
        }
        let expected: Vec<String> = expected.iter().map(|(key, (n, total))| format!("{key} {n} {total}")).collect();
        assert_eq!(keys(runs(complete, 40, workers).latest().unwrap()), expected, "{workers:?}");
        let mut latest = std::collections::BTreeMap::new();
        let changes: Vec<PerKey> = runs(update, 40, workers).rows().unwrap();
        assert!(changes.len() > 2 * expected.len());
        for row in changes {
            latest.insert(row.key.clone(), row);
        }
        assert_eq!(keys(latest.into_values().collect()), expected, "{workers:?}");
        assert_eq!(keys(runs(append, 40, workers).rows().unwrap()), expected, "{workers:?}");
    }
}

#[cfg(feature = "parquet")]
#[test]
fn a_change_of_what_is_in_state_is_refused_and_one_from_append_to_update_goes_on() {
    let (folder, rows) = (tempfile::tempdir().unwrap(), collect());
    let run = |pipeline: Pipeline, trigger| {
        let pipeline = pipeline.max_rows_per_epoch(90).trigger(trigger).progress_line(false);
        pipeline.checkpoint(folder.path().join("log")).run_blocking()
    };
    let by_ttl = |ttl: Duration| {
        pipeline! {
            from memory(input()) | decode json as Tick | watermark 1min
            | group_by { key } ttl {ttl} name "per key" | agg { n = count(), total = max(value) }
            | sink rows.clone()
        }
    };
    run(by_ttl(mins(600)), Trigger::Once).unwrap();
    let refused = |pipeline: Pipeline, why: &str| {
        let error = run(pipeline, Trigger::Once).unwrap_err();
        assert!(error.message().contains(why), "{error}");
    };
    let window = pipeline! {
        from memory(input()) | decode json as Tick | watermark 1min
        | group_by { key, w = tumbling(1min) } name "per key" | agg { n = count(), total = max(value) }
        | drop { w }
        | sink rows.clone()
    };
    refused(window, "the window of `per key` was none, is tumbling(60s)");
    refused(by_ttl(mins(1_200)), "the ttl of `per key` was ttl 36000s, is ttl 72000s");
    let least = pipeline! {
        from memory(input()) | decode json as Tick | watermark 1min
        | group_by { key } ttl 600min name "per key" | agg { n = count(), total = min(value) }
        | sink rows.clone()
    };
    refused(least, "the aggregate `total` of `per key` was max in");
    let complete = pipeline! {
        from memory(input()) | decode json as Tick | watermark 1min
        | group_by { key } ttl never name "per key" | agg { n = count(), total = max(value) }
        | sink rows.clone() mode = complete
    };
    refused(complete, "the mode of the sink was append, is complete");
    let updates = pipeline! {
        from memory(input()) | decode json as Tick | watermark 1min
        | group_by { key } ttl 600min name "per key" | agg { n = count(), total = max(value) }
        | sink rows.clone() mode = update
    };
    run(updates, Trigger::Once).unwrap();
    // Six keys have changed, of which all rows so far are counted.
    let changed: i64 = rows.rows::<PerKey>().unwrap().iter().map(|row| row.n).sum();
    assert_eq!((rows.len(), changed), (6, 180));
    let drained = run(by_ttl(mins(600)), Trigger::AvailableNow).unwrap();
    assert!(drained.drained);
    let all: i64 = rows.latest::<PerKey>().unwrap().iter().map(|row| row.n).sum();
    assert_eq!(all, 300);
}

/// A key called as a column of ours in state files.
#[cfg(feature = "parquet")]
#[test]
fn state_is_found_by_a_key_of_any_name() {
    let pipeline = |rows: &Collect| {
        pipeline! {
            from memory(input()) | decode json as Tick | watermark 0s
            | group_by { pane = value % 3, key_group = key.len() as i64, last_row = 1, w = tumbling(100s) }
            | agg { n = count() }
            | select { key = format!("{pane}{key_group}{last_row}"), start = w.start.secs(), n }
            | sink rows.clone()
        }
    };
    let whole = windows(runs(pipeline, 1_000, &[1]).rows().unwrap());
    assert_eq!(windows(runs(pipeline, 250, &[1, 4]).rows().unwrap()).len(), whole.len());
    let rows: i64 = runs(pipeline, 250, &[2]).rows::<PerWindow>().unwrap().iter().map(|row| row.n).sum();
    assert_eq!(rows, 300);
}

#[derive(StreamSchema)]
struct Letter {
    raw: Vec<u8>,
    error: String,
    code: String,
    sequence_number: String,
}

#[test]
fn late_rows_go_where_the_policy_says() {
    let pipeline = |late: &Collect, bad: &Collect| {
        pipeline! {
            from memory(ticks(&["a 0 1", "b 100 1", "a 1 1", "b 101 1"]).into_iter().chain(["x".to_owned()]))
            | decode json as Tick else dead_letter(bad.clone())
            | watermark 5s
            | group_by { key, w = tumbling(1min) } else dead_letter(late.clone())
            | agg { n = count() }
            | select { key, start = w.start.secs(), n }
            | sink collect()
        }
    };
    let (late, bad) = (collect(), collect());
    let dropped = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let into = std::sync::Arc::clone(&dropped);
    let summary = pipeline(&late, &bad)
        .max_rows_per_epoch(2)
        .on_progress(move |progress| {
            let account = &progress.millstream;
            let sum = account.used + account.filtered + account.late + account.skipped + account.dead_letters;
            assert_eq!(account.rows, sum);
            let late = progress.state_operators[0].num_rows_dropped_by_watermark;
            into.fetch_add(late, std::sync::atomic::Ordering::Relaxed);
        })
        .run_blocking()
        .unwrap();
    assert_eq!((summary.rows.rows, summary.rows.late, summary.rows.dead, summary.used()), (5, 0, 2, 3));
    assert_eq!(dropped.load(std::sync::atomic::Ordering::Relaxed), 1);
    let letters: Vec<Letter> = late.rows().unwrap();
    let [letter] = letters.as_slice() else { panic!("{} letters", letters.len()) };
    assert_eq!((letter.raw.as_slice(), letter.code.as_str()), (&br#"{"key":"a","at":1,"value":1}"#[..], "late"));
    assert_eq!(
        letter.error,
        "the row is late: its event time 1970-01-01T00:00:01Z is 94s behind the watermark 1970-01-01T00:01:35Z, and its \
         groups have ended"
    );
    assert!(!letter.sequence_number.is_empty());
    assert_eq!(bad.rows::<Letter>().unwrap().len(), 1);
}

#[test]
fn a_late_row_ends_the_run() {
    let pipeline = pipeline! {
        from memory(ticks(&["a 0 1", "b 100 1", "a 1 1"])) | decode json as Tick | watermark 5s
        | group_by { key } ttl 1min else fail | agg { n = count() }
        | sink collect()
    };
    let error = pipeline.max_rows_per_epoch(2).run_blocking().unwrap_err();
    assert_eq!(
        error.message(),
        "a row is late: its event time 1970-01-01T00:00:01Z is 94s behind the watermark 1970-01-01T00:01:35Z, and its \
         groups have ended; it is in memory, position 2"
    );
    assert_eq!(error.kind(), millstream::error::Kind::Data);
}

#[test]
fn explain_shows_mode_and_ttl() {
    let pipeline = pipeline! {
        from memory(NONE) | decode json as Tick | watermark 5s
        | group_by { key } ttl 90s else skip name "per key" | agg { n = count() }
        | sink console() mode = update
    };
    let explained = pipeline.explain().to_string();
    assert!(explained.contains("state      `per key`: ttl 90s of (key: String)"), "{explained}");
    assert!(explained.contains("\nmode       update\n"), "{explained}");
    assert_eq!(pipeline.explain().to_json()["mode"], "update");
}

/// What `pipeline!` refuses to compile is refused at the start when it is written by hand.
#[test]
fn pipelines_by_hand_are_checked_when_they_start() {
    use millstream::agg::count;
    use millstream::operator::{WindowSpec, reduce::KeyedSpec};
    use millstream::pipeline::from;
    use millstream::sink::{Append, Complete, OutputMode, Update};
    #[derive(Clone, Copy)]
    struct Out<A> {
        n: A,
    }
    millstream::row!(OutBuilders, Out { n: A });
    fn run<M: OutputMode>(mode: M, window: Option<WindowSpec>, watermark: bool) -> String
    where
        Collect: millstream::sink::Accepts<M>,
    {
        let mut decoded = from(millstream::source::memory(["a"])).undecoded();
        if watermark {
            decoded = decoded.watermark(secs(1));
        }
        let Some(window) = window else {
            let pipeline = decoded.rows(|_, _, out| out.emit(Out { n: 1 })).sink_in(mode, collect());
            return pipeline.run_blocking().map_or_else(|error| error.message().to_owned(), |_| String::new());
        };
        let spec = KeyedSpec { name: "all".to_owned(), keys: &[], window_name: "", values: &["n"], window };
        let pipeline = decoded
            .keyed(spec, |_, input, out| out.update((), input.untimed(), (count(),)))
            .rows(|group, _, out| out.emit(Out { n: group.values.0 }))
            .sink_in(mode, collect());
        pipeline.run_blocking().map_or_else(|error| error.message().to_owned(), |_| String::new())
    }
    let (never, hour) = (WindowSpec::never(), WindowSpec::ttl(mins(60)));
    assert_eq!(run(Update, None, true), "mode update needs a keyed stage: rows that are not in groups do not change");
    assert_eq!(run(Append, Some(never), true), "the groups of `all` never end, so append mode can never emit them");
    assert_eq!(run(Complete, Some(hour), true), "mode complete keeps every group, and `all` has a time to live");
    assert_eq!(run(Update, Some(hour), false), "the groups of `all` never end: there is no watermark");
    assert_eq!(run(Update, Some(never), false), "");
    assert_eq!(run(Append, Some(hour), true), "");
}
