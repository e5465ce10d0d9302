//! The state files of a checkpoint are plain Parquet: DuckDB and pyarrow read the keys and the accumulators as they are.
#![allow(clippy::unwrap_used)]

#[cfg(unix)]
mod budget;
mod corrupt;
mod long;
#[cfg(unix)]
mod look;
#[cfg(unix)]
mod spill;
mod world;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use millstream::prelude::*;
use millstream::store::Durability;
use serde_json::{Value, json};

use crate::log::last_commit;

/// With `EPOCH` rows in an epoch they are 45, so that there is a snapshot of epoch 40 and the changes of the five after it.
const ROWS: i64 = 4_500;
const EPOCH: u64 = 100;
const SECOND: i64 = 1_000_000;
/// 2026-01-01T00:00:00Z.
const BEGIN: i64 = 1_767_225_600 * SECOND;
const DELAY: i64 = 30 * SECOND;

#[derive(StreamSchema, Clone)]
struct Reading {
    #[stream(event_time)]
    ts: Timestamp,
    device: String,
    country: Option<String>,
    steps: i64,
    heat: f64,
}

/// Row `n`; rows are out of order by less than the delay.
fn reading(n: i64) -> Reading {
    let device = match n {
        // Not seen any more after the snapshot.
        _ if n % 50 == 0 && n < 4_050 => "gone".to_owned(),
        _ => format!("d{}", n % 7),
    };
    let country = (n % 3 > 0).then(|| format!("c{}", n % 2));
    let ts = Timestamp::from_micros(BEGIN + (n - n % 20) * SECOND + n);
    // Quarters, whose sums are exact.
    Reading { ts, device, country, steps: n * 13 % 50 - 30, heat: (n * 37 % 101) as f64 / 4.0 - 12.5 }
}

fn input(folder: &Path) -> String {
    let line = |n| {
        let Reading { ts, device, country, steps, heat } = reading(n);
        let country = country.map_or("null".to_owned(), |country| format!("{country:?}"));
        format!(r#"{{"ts": "{ts}", "device": "{device}", "country": {country}, "steps": {steps}, "heat": {heat}}}"#)
            + "\n"
    };
    fs::create_dir(folder.join("in")).unwrap();
    fs::write(folder.join("in/a.ndjson"), (0..ROWS).map(line).collect::<String>()).unwrap();
    folder.join("in/*.ndjson").display().to_string()
}

/// Runs a pipeline to the end of what is there, and has DuckDB and pyarrow compare its state: rows are found by `keys` and the
/// column `place`, and a group has ended `life` after that. Of an accumulator those fields are compared that `rows` have.
fn compare(pipeline: Pipeline, folder: &Path, place: &str, life: i64, keys: &[&str], rows: impl Fn(i64) -> Vec<Value>) {
    let pipeline = pipeline.checkpoint(folder.join("checkpoint")).durability(Durability::ProcessCrash);
    pipeline.max_rows_per_epoch(EPOCH).workers(2).trigger(Trigger::AvailableNow).run_blocking().unwrap();
    let commit = last_commit(&folder.join("checkpoint"));
    let (watermark, state) = (commit.watermark.unwrap(), &commit.operators["per device"]);
    assert!(!state.snapshots.is_empty() && state.changelogs.len() > 1, "{state:?}");
    let rows = rows(watermark);
    assert!(!rows.is_empty());
    let expected = json!({
        "snapshots": state.snapshots, "changes": state.changelogs,
        "place": place, "life": life, "watermark": watermark, "keys": keys, "rows": rows,
    });
    fs::write(folder.join("expected.json"), expected.to_string()).unwrap();
    let Some(python) = std::env::var_os("MILLSTREAM_PYTHON") else {
        return millstream_tests::skip::missing(
            "MILLSTREAM_PYTHON names no Python, so DuckDB and pyarrow did not read the state",
        );
    };
    let script = concat!(include_str!("plain.py"), include_str!("state/read.py"));
    let ran = Command::new(python).args(["-c", script]).arg(folder).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    print!("{}", String::from_utf8_lossy(&ran.stdout));
}

/// 128 bits, as the state has them.
fn wide(sum: i64) -> Value {
    json!({ "high": if sum < 0 { -1 } else { 0 }, "low": sum as u64 })
}

#[test]
fn other_readers_see_the_windows_that_are_open() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (input(folder.path()), folder.path().join("out").display().to_string());
    // Followed, so that the windows stay open at the end of what is there.
    let pipeline = pipeline! {
        from file({input}, follow = 50ms)
        | decode json as Reading
        | watermark 30s
        | group_by { device, country, window = sliding(30min, every = 10min) } name "per device"
        | agg {
            n = count(), steps = sum(steps), heat = avg(heat), coldest = min(heat), newest = max(ts), opening = first(heat),
            spread = stddev(heat), kinds = count_distinct(steps), all = collect(steps)
        }
        | sink parquet({out})
    };
    let (pane, life) = (600 * SECOND, 1_800 * SECOND);
    compare(pipeline, folder.path(), "pane", life, &["device", "country"], |watermark| {
        let mut groups = BTreeMap::<_, Vec<Reading>>::new();
        for reading in (0..ROWS).map(reading) {
            let start = reading.ts.micros().div_euclid(pane) * pane;
            if start + life > watermark {
                groups.entry((start, reading.device.clone(), reading.country.clone())).or_default().push(reading);
            }
        }
        assert!(groups.keys().any(|(_, device, _)| device == "gone"));
        let group = |((pane, device, country), rows): ((i64, String, Option<String>), Vec<Reading>)| {
            let (n, steps) = (rows.len(), rows.iter().map(|row| row.steps).collect::<Vec<_>>());
            let (mut kinds, heat) = (steps.clone(), rows.iter().map(|row| row.heat));
            kinds.sort_unstable();
            kinds.dedup();
            let opening = rows.iter().min_by_key(|row| row.ts).unwrap();
            json!({
                "pane": pane, "device": device, "country": country,
                "n": {"count": n},
                "steps": {"total": wide(steps.iter().sum()), "some": true},
                "heat": {"total": {"sum": heat.clone().sum::<f64>(), "lost": 0.0}, "count": n},
                "coldest": {"value": heat.fold(f64::MAX, f64::min)},
                "newest": {"value": rows.iter().map(|row| row.ts.micros()).max()},
                "opening": {"time": opening.ts.micros(), "value": opening.heat},
                "spread": {"count": n},
                "kinds": {"values": kinds},
                "all": {"values": steps, "count": n},
            })
        };
        groups.into_iter().map(group).collect()
    });
}

#[test]
fn other_readers_see_groups_with_a_ttl() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (input(folder.path()), folder.path().join("out").display().to_string());
    let pipeline = pipeline! {
        from file({input}, follow = 50ms)
        | decode json as Reading
        | watermark 30s
        | group_by { device } ttl 5min name "per device"
        | agg { n = count(), countries = count_distinct(country), latest = last(steps) }
        | sink parquet({out})
    };
    let life = 300 * SECOND;
    compare(pipeline, folder.path(), "last_row", life, &["device"], |watermark| {
        assert_eq!(watermark, reading(ROWS - 1).ts.micros() - DELAY);
        let mut groups = BTreeMap::<_, Vec<Reading>>::new();
        (0..ROWS).map(reading).for_each(|reading| groups.entry(reading.device.clone()).or_default().push(reading));
        let last = |rows: &[Reading]| rows.iter().max_by_key(|row| row.ts).unwrap().clone();
        let known = groups.len();
        groups.retain(|_, rows| last(rows).ts.micros() + life > watermark);
        assert_eq!(groups.len(), known - 1, "one has ended after the last snapshot");
        let group = |(device, rows): (String, Vec<Reading>)| {
            let mut countries: Vec<_> = rows.iter().filter_map(|row| row.country.clone()).collect();
            countries.sort_unstable();
            countries.dedup();
            let Reading { ts, steps, .. } = last(&rows);
            json!({
                "last_row": ts.micros(), "device": device, "n": {"count": rows.len()},
                "countries": {"values": countries}, "latest": {"time": ts.micros(), "value": steps},
            })
        };
        groups.into_iter().map(group).collect()
    });
}
