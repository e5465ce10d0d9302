//! A crate of somebody else's: sources, a format, an aggregate and a sink, which know of millstream what everybody does.
//! In a pipeline they are named as millstream's own are, and their rows are written exactly once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// A process is killed.
#[cfg(unix)]
mod killed;
mod positions;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use millstream::prelude::*;
use millstream_outside::ticks::{Faults, Ticks};
use millstream_outside::{fields, spread, table, ticks};

const TICKS: u64 = 600;

/// Each by its name.
fn by_name(source: &Faults, out: &str) -> Pipeline {
    let faults = source.clone();
    pipeline! {
        from ticks({TICKS}, order = ascending, faults = {faults})
        | decode fields(separator = semicolon) else skip
        | watermark at 1s
        | group_by { name, window = tumbling(1min) }
        | agg { n = count(), spread = spread(value) }
        | select { name, minute = window.start.micros() / 60_000_000, n, spread }
        | sink table({out}, header = yes)
    }
}

/// Each by its path.
fn by_path(source: &Faults, out: &str) -> Pipeline {
    let faults = source.clone();
    pipeline! {
        from millstream_outside::ticks::ticks({TICKS}, order = {ticks::ascending}, faults = {faults})
        | decode millstream_outside::fields::fields(separator = {fields::semicolon}) else skip
        | watermark at 1s
        | group_by { name, window = tumbling(1min) }
        | agg { n = count(), spread = millstream_outside::spread::spread(value) }
        | select { name, minute = window.start.micros() / 60_000_000, n, spread }
        | sink millstream_outside::table::table({out}, header = {table::yes})
    }
}

/// The lines of all files, without their headers.
fn lines(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            let text = fs::read_to_string(path).unwrap();
            let mut of_file = text.lines();
            assert_eq!(of_file.next(), Some("name,minute,n,spread"));
            lines.extend(of_file.map(str::to_owned));
        }
    }
    lines.sort();
    lines
}

/// What should come of so many ticks, worked out in another way.
fn expected(ticks: u64) -> Vec<String> {
    let mut groups: BTreeMap<(String, u64), Vec<f64>> = BTreeMap::new();
    for n in 0..ticks {
        if let Some((name, value)) = Ticks::content(n) {
            groups.entry((name.to_owned(), n / 60)).or_default().push(value);
        }
    }
    let line = |((name, minute), values): ((String, u64), Vec<f64>)| {
        let high = values.iter().copied().fold(f64::MIN, f64::max);
        let low = values.iter().copied().fold(f64::MAX, f64::min);
        format!("{name},{minute},{},{:?}", values.len(), high - low)
    };
    let mut lines: Vec<String> = groups.into_iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn exactly_once_over_stops_and_failures() {
    for (name, build) in [("by name", by_name as fn(&Faults, &str) -> Pipeline), ("by path", by_path)] {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let faults = Faults::default();
        let run = |trigger: Trigger, workers: usize| {
            let pipeline = build(&faults, &at("out")).checkpoint(at("checkpoint")).max_rows_per_epoch(50);
            pipeline.trigger(trigger).workers(workers).run_blocking()
        };
        // A run that is stopped after an epoch, one that fails in the middle of one, and one to the end.
        run(Trigger::Once, 1).unwrap();
        faults.fail_at(220);
        let error = run(Trigger::AvailableNow, 2).unwrap_err().to_string();
        assert!(error.contains("tick 220 was lost"), "{error}");
        let before = faults.first_of_last_run();
        assert!(before > 0, "{name}: the second run goes on where the first one ended");
        run(Trigger::AvailableNow, 3).unwrap();
        assert!(faults.first_of_last_run() > before, "{name}: and so does the third");
        assert_eq!(lines(Path::new(&at("out"))), expected(TICKS), "{name}");
        assert_eq!(faults.opened(), 3);
        assert!(!expected(TICKS).is_empty());
    }
}

#[test]
fn a_record_a_row_and_metadata_of_an_own_source() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Raw {
        number: u64,
        data: Vec<u8>,
    }
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Row {
        name: String,
        value: f64,
        at: Timestamp,
        number: u64,
    }
    let raw = millstream::sink::collect();
    pipeline! { from ticks(3, order = descending) | sink raw.clone() }.run_blocking().unwrap();
    let numbers: Vec<u64> = raw.rows::<Raw>().unwrap().iter().map(|row| row.number).collect();
    assert_eq!(numbers, [2, 1, 0]);
    let rows = millstream::sink::collect();
    let whole = pipeline! {
        from ticks(3) | decode fields else skip | select { .., number = record.number } | sink rows.clone()
    };
    whole.run_blocking().unwrap();
    let numbers: Vec<u64> = rows.rows::<Row>().unwrap().iter().map(|row| row.number).collect();
    assert_eq!(numbers, [0, 1, 2]);
}

#[test]
fn what_cannot_be_decoded_says_where_it_is() {
    let pipeline = pipeline! { from ticks({TICKS}) | decode fields | sink collect() };
    let error = pipeline.run_blocking().unwrap_err().to_string();
    for part in ["NAME;VALUE;SECOND", "ticks, position 97"] {
        assert!(error.contains(part), "{error}");
    }
}
