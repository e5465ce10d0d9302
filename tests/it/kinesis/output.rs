//! The records of the tests, what should come of them, and what did.

use std::collections::BTreeMap;
use std::fs::{File, read_dir};
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use millstream::time::{Timestamp, millis};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const DEVICES: usize = 13;

fn time(number: usize) -> Timestamp {
    Timestamp::parse_rfc3339("2026-01-01T23:58:00Z").unwrap() + millis(100 * number as u64)
}

fn temperature(number: usize) -> f64 {
    (number * 7 % 40) as f64 - 2.0
}

/// The record of this number, in the order of their times: partition key and payload.
pub(super) fn reading(number: usize) -> (String, String) {
    let (device, n, ts, temperature) = (number % DEVICES, number / DEVICES, time(number), temperature(number));
    let json = format!(r#"{{"device_id":"device-{device}","n":{n},"ts":"{ts}","temperature":{temperature:.1}}}"#);
    (format!("device-{device}"), json)
}

/// A device and a number of its own.
type Row = (String, i64);
/// Device, beginning in microseconds, count, mean, greatest, and the latest number.
type Window = (String, i64, i64, f64, f64, i64);

#[derive(Debug)]
pub(super) struct Expected {
    pub(super) rows: Vec<Row>,
    pub(super) windows: Vec<Window>,
}

impl Expected {
    /// Of the first `total` records.
    pub(super) fn of(total: usize) -> Self {
        let mut rows = Vec::new();
        let mut groups = BTreeMap::<(String, i64), Vec<(f64, i64)>>::new();
        for number in 0..total {
            let (device, n) = (format!("device-{}", number % DEVICES), (number / DEVICES) as i64);
            rows.push((device.clone(), n));
            if temperature(number) >= 0.0 {
                let start = time(number).micros().div_euclid(60_000_000) * 60_000_000;
                groups.entry((device, start)).or_default().push((temperature(number), n));
            }
        }
        rows.sort();
        let window = |((device, start), group): ((String, i64), Vec<(f64, i64)>)| {
            let sum: f64 = group.iter().map(|(value, _)| value).sum();
            let greatest = group.iter().map(|(value, _)| *value).fold(f64::MIN, f64::max);
            let latest = group.last().unwrap().1;
            (device, start, group.len() as i64, sum / group.len() as f64, greatest, latest)
        };
        Self { rows, windows: groups.into_iter().map(window).collect() }
    }
}

fn read(folder: &Path, batches: &mut Vec<RecordBatch>) {
    for entry in read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, batches);
        } else {
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build();
            batches.extend(reader.unwrap().map(Result::unwrap));
        }
    }
}

fn all<T>(folder: &str, mode: &str, row: impl Fn(&RecordBatch, usize) -> T) -> Vec<T> {
    let mut batches = Vec::new();
    read(&Path::new(folder).join(mode), &mut batches);
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|index| row(batch, index))).collect()
}

fn text(batch: &RecordBatch, name: &str, row: usize) -> String {
    batch[name].as_string::<i32>().value(row).to_owned()
}

fn integer(batch: &RecordBatch, name: &str, row: usize) -> i64 {
    batch[name].as_primitive::<Int64Type>().value(row)
}

fn float(batch: &RecordBatch, name: &str, row: usize) -> f64 {
    batch[name].as_primitive::<Float64Type>().value(row)
}

/// The output of a job without state, sorted.
pub(super) fn rows(folder: &str, mode: &str) -> Vec<Row> {
    let mut rows = all(folder, mode, |batch, row| (text(batch, "device_id", row), integer(batch, "n", row)));
    rows.sort();
    rows
}

/// The output of the job with windows, sorted.
pub(super) fn windows(folder: &str) -> Vec<Window> {
    let mut windows = all(folder, "windows", |batch, row| {
        let window = batch["window"].as_struct();
        let start = window.column_by_name("start").unwrap().as_primitive::<TimestampMicrosecondType>().value(row);
        let (mean, hottest) = (float(batch, "mean", row), float(batch, "hottest", row));
        (text(batch, "device_id", row), start, integer(batch, "n", row), mean, hottest, integer(batch, "latest", row))
    });
    windows.sort_by(|left, right| left.partial_cmp(right).unwrap());
    windows
}

/// The column `line` of all files in a folder.
pub(super) fn lines(folder: &str) -> Vec<String> {
    all(folder, "", |batch, row| text(batch, "line", row))
}
