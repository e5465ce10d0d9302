//! Small random inputs, cut into epochs at random places, with any number of workers and restarts: what every mode gives
//! after every epoch, of groups of every kind, is what a naive reference gives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use millstream::engine::Trigger;
use millstream::operator::input::Counts;
use millstream::prelude::*;
use millstream::sink::{Batch, Mode, foreach_batch};
use millstream::store::Durability;

use super::cuts::{Case, Event, Kind};
use crate::random::Random;

/// How rows are grouped.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    Windows,
    /// Of a sixth of the case's windows.
    Ttl,
    Never,
    /// `agg` without `group_by`.
    All,
}

const SHAPES: [(Shape, Mode); 8] = [
    (Shape::Windows, Mode::Update),
    (Shape::Windows, Mode::Complete),
    (Shape::Ttl, Mode::Append),
    (Shape::Ttl, Mode::Update),
    (Shape::Never, Mode::Update),
    (Shape::Never, Mode::Complete),
    (Shape::All, Mode::Update),
    (Shape::All, Mode::Complete),
];

/// A row of every shape's output; what a shape does not have is 0 or `Near`.
#[derive(StreamSchema, Debug)]
struct Line {
    start: i64,
    key: Option<String>,
    kind: Kind,
    n: i64,
    total: i64,
    low: i32,
    first: String,
    last: Option<f64>,
}

type Told = Arc<Mutex<BTreeMap<u64, Vec<String>>>>;

/// The rows of each epoch, sorted.
fn tell(told: &Told) -> impl Fn(Batch<Line>) -> millstream::Result<()> + Send + Sync + 'static {
    let told = Arc::clone(told);
    move |batch| {
        let mut lines: Vec<String> = batch.rows.iter().map(|line| format!("{line:?}")).collect();
        lines.sort();
        let twice = told.lock().unwrap().insert(batch.token.epoch, lines);
        assert!(twice.is_none(), "epoch {} is told of twice", batch.token.epoch);
        Ok(())
    }
}

macro_rules! chain {
    ($input:expr, $delay:expr, $told:expr, [$($group:tt)*], [$($select:tt)*], [$($mode:tt)*]) => {
        pipeline! {
            from file({$input})
            | decode json as Event
            | filter value != 13
            | watermark {$delay}
            | $($group)*
            | select { $($select)*, n, total, low, first, last }
            | sink {foreach_batch(tell($told))} $($mode)*
        }
    };
}

fn pipeline(case: &Case, shape: Shape, mode: Mode, input: String, told: &Told) -> Pipeline {
    let (delay, size, every, ttl) = (case.delay, case.size, case.every, case.size / 6);
    macro_rules! grouped {
        ([$($keys:tt)*], [$($select:tt)*], [$($mode:tt)*]) => {
            chain!(
                input, delay, told,
                [$($keys)* agg { n = count(), total = sum(value), low = min(value), first = first(text), last = last(weight) }],
                [$($select)*], [$($mode)*]
            )
        };
    }
    match (shape, mode) {
        (Shape::Windows, Mode::Update) => grouped!(
            [group_by { key, kind, w = sliding({size}, every = {every}) } |], [start = w.start.secs(), key, kind], [mode = update]
        ),
        (Shape::Windows, _) => grouped!(
            [group_by { key, kind, w = sliding({size}, every = {every}) } |], [start = w.start.secs(), key, kind], [mode = complete]
        ),
        (Shape::Ttl, Mode::Append) => {
            grouped!([group_by { key, kind } ttl {ttl} |], [start = 0i64, key, kind], [])
        }
        (Shape::Ttl, _) => grouped!([group_by { key, kind } ttl {ttl} |], [start = 0i64, key, kind], [mode = update]),
        (Shape::Never, Mode::Update) => {
            grouped!([group_by { key, kind } ttl never |], [start = 0i64, key, kind], [mode = update])
        }
        (Shape::Never, _) => {
            grouped!([group_by { key, kind } ttl never |], [start = 0i64, key, kind], [mode = complete])
        }
        (Shape::All, Mode::Update) => {
            grouped!([], [start = 0i64, key = Some("all"), kind = Kind::Near], [mode = update])
        }
        (Shape::All, _) => grouped!([], [start = 0i64, key = Some("all"), kind = Kind::Near], [mode = complete]),
    }
    .max_rows_per_epoch(case.rows_per_epoch)
    .durability(Durability::ProcessCrash)
    .progress_line(false)
}

/// A window's start in seconds, and the keys.
type Id = (i64, Option<String>, Kind);

/// The groups that a row is in, each with its end; no end is the end of time.
fn groups(case: &Case, shape: Shape, row: &Event) -> Vec<(Id, Timestamp)> {
    let of = |start: i64| (start, row.key.clone(), row.kind);
    match shape {
        Shape::Windows => {
            let starts = std::iter::successors(Some(row.ts.floor(case.every)), |start| Some(*start - case.every));
            let starts = starts.take_while(|start| *start + case.size > row.ts);
            starts.map(|start| (of(start.secs()), start + case.size)).collect()
        }
        Shape::Ttl => vec![(of(0), row.ts + case.size / 6)],
        Shape::Never => vec![(of(0), Timestamp::MAX)],
        Shape::All => vec![((0, Some("all".to_owned()), Kind::Near), Timestamp::MAX)],
    }
}

/// What is told after each epoch in which something is, and the account.
fn expected(case: &Case, shape: Shape, mode: Mode) -> (Vec<Vec<String>>, Counts) {
    let mut state: BTreeMap<Id, (Vec<&Event>, Timestamp)> = BTreeMap::new();
    let (mut told, mut counts, mut before) = (Vec::new(), Counts::default(), None);
    let epochs = case.epochs();
    let last = epochs.len().saturating_sub(1);
    for (number, (rows, after)) in epochs.into_iter().enumerate() {
        let mut changed = BTreeSet::new();
        for row in rows {
            counts.rows += 1;
            if row.value == 13 {
                counts.filtered += 1;
                continue;
            }
            let mut late = true;
            for (id, end) in groups(case, shape, row) {
                let open = mode == Mode::Complete || before.is_none_or(|before| end > before);
                if open {
                    let group = state.entry(id.clone()).or_insert_with(|| (Vec::new(), end));
                    group.0.push(row);
                    group.1 = group.1.max(end);
                    changed.insert(id);
                    late = false;
                }
            }
            counts.late += u64::from(late);
        }
        let after = if number == last { Some(Timestamp::MAX) } else { after };
        let ended = |end: Timestamp| end < Timestamp::MAX && after.is_some_and(|after| end <= after);
        let due = |id: &Id, end: Timestamp| match mode {
            Mode::Append => ended(end),
            Mode::Update => changed.contains(id),
            Mode::Complete => true,
        };
        let mut lines: Vec<String> =
            state.iter().filter(|(id, (_, end))| due(id, *end)).map(|(id, (rows, _))| line(id, rows)).collect();
        lines.sort();
        told.push(lines);
        if mode != Mode::Complete {
            state.retain(|_, (_, end)| !ended(*end));
        }
        before = after;
    }
    (told, counts)
}

/// `rows` are in the order of partitions and records.
fn line((start, key, kind): &Id, rows: &[&Event]) -> String {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| row.ts);
    let line = Line {
        start: *start,
        key: key.clone(),
        kind: *kind,
        n: rows.len() as i64,
        total: rows.iter().map(|row| i64::from(row.value)).sum(),
        low: rows.iter().map(|row| row.value).min().unwrap(),
        first: rows[0].text.clone(),
        last: rows.iter().rev().find_map(|row| row.weight),
    };
    format!("{line:?}")
}

/// Runs a case, stopped and started again at random.
fn run(case: &Case, shape: Shape, mode: Mode, random: &mut Random) -> (Vec<Vec<String>>, Counts) {
    let (folder, told) = (tempfile::tempdir().unwrap(), Told::default());
    case.write(folder.path());
    let mut counts = Counts::default();
    for runs in 0.. {
        assert!(runs < 300, "the input does not end");
        let trigger = if random.in_thousand(600) { Trigger::Once } else { Trigger::AvailableNow };
        let pipeline = pipeline(case, shape, mode, format!("{}/*.ndjson", folder.path().display()), &told);
        let pipeline = pipeline.trigger(trigger).workers(if random.in_thousand(500) { 1 } else { 4 });
        let summary = pipeline.checkpoint(folder.path().join("log")).run_blocking().unwrap();
        counts += summary.rows;
        if summary.drained {
            break;
        }
    }
    let told = told.lock().unwrap();
    (told.values().cloned().collect(), counts)
}

/// What is told, without what an epoch without rows tells: nothing, or the table as it was.
fn news(told: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let mut news: Vec<Vec<String>> = told.into_iter().filter(|lines| !lines.is_empty()).collect();
    news.dedup();
    news
}

#[test]
fn every_mode_tells_what_a_naive_reference_tells() {
    let (mut late, mut ended) = (0, 0);
    for seed in 2_000..2_160 {
        let mut random = Random(seed);
        let case = Case::new(&mut random, seed % 16 < 8);
        let (shape, mode) = SHAPES[(seed % 8) as usize];
        let ((expected, account), (found, counts)) =
            (expected(&case, shape, mode), run(&case, shape, mode, &mut random));
        assert_eq!(counts, account, "seed {seed}, {shape:?}, {mode}");
        let (expected, found) = (news(expected), news(found));
        for (epoch, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found, expected, "seed {seed}, {shape:?}, {mode}, news {epoch}");
        }
        assert_eq!(found.len(), expected.len(), "seed {seed}, {shape:?}, {mode}");
        late += counts.late;
        ended += u64::from(mode == Mode::Append && found.len() > 1);
    }
    assert!(late > 50, "{late} rows were late");
    assert!(ended > 3, "in {ended} cases groups ended before the input");
}
