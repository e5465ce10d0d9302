//! What comes out is what an independent program computes from the same input: DuckDB for a million rows and more, a naive
//! reference for small random inputs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod cuts;
mod modes;
mod readings;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use arrow::array::RecordBatch;
use millstream::DeadLetter;
use millstream::engine::{Summary, Trigger};
use millstream::prelude::*;
use millstream::schema::batch::read_rows;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// With `MILLSTREAM_LONG=1` ten times as many.
const ROWS: u64 = 1_000_000;
/// Pins the epochs, and by that what is late.
const ROWS_PER_EPOCH: u64 = 50_000;
const DELAY: Duration = secs(120);

#[derive(StreamSchema)]
struct Reading {
    #[stream(event_time)]
    ts: Timestamp,
    #[stream(rename = "dev")]
    device: String,
    country: Option<String>,
    status: Status,
    temperature: f64,
    humidity: Option<f32>,
    steps: i64,
    errors: Option<u32>,
    note: String,
    location: Location,
    price: Decimal<18, 4>,
    took: Option<Duration>,
    serial: u64,
}

#[derive(StreamSchema, Clone, Copy, PartialEq, Eq, Hash)]
#[stream(rename_all = "snake_case")]
enum Status {
    Ok,
    WornOut,
    Alarm,
    Retired,
}

#[derive(StreamSchema)]
struct Location {
    lat: f64,
    lon: f64,
    floor: Option<i16>,
}

/// A row of the output.
#[derive(StreamSchema, Debug, Clone, PartialEq)]
struct Group {
    device: String,
    country: Option<String>,
    window: Span,
    n: i64,
    alarms: i64,
    steps: i64,
    errors: Option<u64>,
    heat: f64,
    damp: Option<f64>,
    coldest: f64,
    highest: Option<i16>,
    greatest: String,
    first: String,
    last: Option<u32>,
    spread: Option<f64>,
    takings: Decimal<38, 4>,
    mean_price: f64,
    cheapest: Decimal<18, 4>,
    dearest: String,
    floor_of_cheapest: Option<i16>,
    notes: i64,
    floors: i64,
    all_steps: Vec<i64>,
    all_errors: Vec<u32>,
    busy: Option<Duration>,
    above: f64,
    share: f64,
    label: String,
}

#[derive(StreamSchema, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    start: Timestamp,
    end: Timestamp,
}

impl Group {
    /// The values that may differ in their last bits, taken out.
    fn floats(&mut self) -> [Option<f64>; 5] {
        let Self { heat, damp, spread, above, share, .. } = self;
        let [heat, above, share] = [heat, above, share].map(|value| Some(std::mem::take(value)));
        [heat, above, share, damp.take(), spread.take()]
    }
}

fn close(left: Option<f64>, right: Option<f64>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => (left - right).abs() <= (1e-9 * left.abs()).max(1e-12),
        (left, right) => left == right,
    }
}

/// The pipeline, with the policy for what cannot be decoded.
macro_rules! readings {
    ($input:expr, $output:expr, $($policy:tt)*) => {{
        let (input, output) = (format!("{}/*.ndjson", $input.display()), $output.to_owned());
        pipeline! {
            from file({input})
            | decode json as Reading else $($policy)*
            | filter status != Status::Retired && temperature > -40.0 && location.lat.abs() < 88.5
            | watermark {DELAY}
            | group_by { device, country, window = tumbling(1min) }
            | agg {
                n = count(), alarms = count_if(status == Status::Alarm),
                steps = sum(steps), errors = sum(errors), heat = sum(temperature), damp = avg(humidity),
                coldest = min(temperature), highest = max(location.floor), greatest = max(note),
                first = first(note), last = last(errors), spread = stddev(temperature), takings = sum(price),
                mean_price = avg(price), cheapest = min(price), dearest = max_by(note, price),
                floor_of_cheapest = min_by(location.floor, price), notes = count_distinct(note),
                floors = count_distinct(location.floor), all_steps = collect(steps), all_errors = collect(errors),
                busy = sum(took)
            }
            | select {
                .., date = window.start.date(), above = heat / n as f64 - coldest, share = alarms as f64 / n as f64,
                label = format!("{device}@{}", country.unwrap_or("?"))
            }
            | sink parquet({output}, partition_by = [date])
        }
        .max_rows_per_epoch(ROWS_PER_EPOCH)
        .progress_line(false)
    }};
}

#[test]
fn duckdb_computes_the_same() {
    let rows = if crate::is_long() { ROWS * 10 } else { ROWS };
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let input = place("in");
    fs::create_dir(&input).unwrap();
    let started = Instant::now();
    let mut malformed = readings::generate(&input, rows);
    eprintln!("{rows} rows, generated in {:.1?}", started.elapsed());

    let started = Instant::now();
    let one = readings!(input, place("one"), skip).checkpoint(place("one.log")).workers(1).run_blocking().unwrap();
    eprintln!("1 worker, {:.1?}: {one}", started.elapsed());
    let groups = groups(&place("one"));
    assert_eq!((one.rows.rows, one.rows.skipped), (rows, malformed.len() as u64));
    assert_eq!((one.rows_out, one.drained), (groups.len() as u64, true));
    assert_eq!(one.used(), groups.values().map(|group| group.n as u64).sum::<u64>());
    assert!(one.rows.late > 0 && one.rows.filtered > 0 && !malformed.is_empty());

    let started = Instant::now();
    let three = readings!(input, place("three"), dead_letter(parquet({ place("bad") })))
        .checkpoint(place("three.log"))
        .workers(3)
        .run_blocking()
        .unwrap();
    eprintln!("3 workers, {:.1?}: {three}", started.elapsed());
    same(&groups, &place("three"));
    assert_eq!((three.rows.dead, three.rows.skipped), (one.rows.skipped, 0));
    assert_eq!((three.rows.late, three.rows.filtered, three.used()), (one.rows.late, one.rows.filtered, one.used()));
    let mut dead: Vec<String> =
        read(&place("bad")).into_iter().map(|letter: DeadLetter| String::from_utf8(letter.raw).unwrap()).collect();
    dead.sort();
    malformed.sort();
    assert!(dead == malformed, "the dead letters are not the malformed records");

    // Stopped after an epoch a few times, each time with other workers, then to the end.
    let started = Instant::now();
    let mut account = Summary::default();
    let runs = [(1, Trigger::Once), (3, Trigger::Once), (2, Trigger::Once), (2, Trigger::AvailableNow)];
    for (workers, trigger) in runs {
        let restarted = readings!(input, place("restarted"), skip).checkpoint(place("restarted.log"));
        let summary = restarted.workers(workers).trigger(trigger).run_blocking().unwrap();
        account.rows += summary.rows;
        account.epochs += summary.epochs;
    }
    eprintln!("restarts, {:.1?}", started.elapsed());
    same(&groups, &place("restarted"));
    assert_eq!((account.rows, account.epochs), (one.rows, one.epochs));

    let Some(python) = std::env::var_os("MILLSTREAM_PYTHON") else {
        return millstream_tests::skip::missing("the comparison with DuckDB, as MILLSTREAM_PYTHON is not set");
    };
    let started = Instant::now();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/differential/reference.py");
    let mut command = Command::new(python);
    command
        .args([script, input, place("one")])
        .args([ROWS_PER_EPOCH, DELAY.as_secs()].map(|number| number.to_string()));
    let answer = command.output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let answer: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
    eprintln!("DuckDB, {:.1?}: {answer}", started.elapsed());
    let expected = serde_json::json!({
        "rows": rows, "used": one.used(), "filtered": one.rows.filtered, "late": one.rows.late,
        "skipped": one.rows.skipped, "epochs": one.epochs, "groups": groups.len(), "differences": {},
    });
    assert_eq!(answer, expected);
}

/// The groups of an output by their keys.
fn groups(folder: &Path) -> BTreeMap<(Span, String, Option<String>), Group> {
    let mut groups = BTreeMap::new();
    for group in read::<Group>(folder) {
        let key = (group.window, group.device.clone(), group.country.clone());
        let twice = groups.insert(key, group);
        assert!(twice.is_none(), "twice in {}: {twice:?}", folder.display());
    }
    groups
}

/// Another run has the same output.
fn same(expected: &BTreeMap<(Span, String, Option<String>), Group>, folder: &Path) {
    let found = groups(folder);
    for (key, group) in expected {
        let other = found.get(key).unwrap_or_else(|| panic!("{key:?} is not in {}", folder.display()));
        let (mut left, mut right) = (group.clone(), other.clone());
        let floats = left.floats().into_iter().zip(right.floats()).all(|(left, right)| close(left, right));
        assert!(floats && left == right, "{group:#?}\nin {}: {other:#?}", folder.display());
    }
    assert_eq!(found.len(), expected.len(), "groups in {}", folder.display());
}

/// The rows of all Parquet files in a folder and below.
fn read<T: millstream::schema::StreamSchema>(folder: &Path) -> Vec<T> {
    let mut rows = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rows.extend(read(&path));
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
            let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
            rows.extend(read_rows(&batches).unwrap());
        }
    }
    rows
}
