//! What the victim reads, and what it should make of it.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use millstream::time::Timestamp;
use serde_json::{Value, json};

pub(crate) use crate::random::Random;

pub(crate) const PARTITIONS: u64 = 4;
const SECOND: i64 = 1_000_000;
/// 2026-01-01T20:00:00Z, so that rows are of several days.
const BEGIN: i64 = 1_767_297_600 * SECOND;
/// Event time between two rows of a partition.
const STEP: i64 = 2 * SECOND;
/// Rows come out of order by less than the delay of the watermark, or are so late that they are in any run.
const DISORDER: u64 = 25;
const LATE: i64 = 3_600 * SECOND;
/// The most rows of an epoch for which that holds.
pub(crate) const MOST_ROWS: u64 = 2_000;

struct Row {
    partition: u64,
    n: u64,
    device: String,
    ts: i64,
    value: f64,
    late: bool,
    line: String,
}

/// The input of a run.
pub(crate) struct Input {
    rows: Vec<Row>,
    /// Lines that cannot be decoded.
    pub(crate) bad: Vec<String>,
    pub(crate) lines: u64,
}

impl Input {
    /// Makes files of `lines` lines each in `folder`.
    pub(crate) fn make(folder: &Path, lines: u64, seed: u64) -> Self {
        fs::create_dir_all(folder).unwrap();
        let mut random = Random(seed);
        let mut input = Self { rows: Vec::new(), bad: Vec::new(), lines: lines * PARTITIONS };
        for partition in 0..PARTITIONS {
            let mut text = String::new();
            for n in 0..lines {
                let line = input.line(partition, n, &mut random);
                text.push_str(&line);
                text.push('\n');
            }
            fs::write(folder.join(format!("p{partition}.ndjson")), text).unwrap();
        }
        input
    }

    fn line(&mut self, partition: u64, n: u64, random: &mut Random) -> String {
        // No two rows have the same time.
        let mut ts = BEGIN + STEP * n as i64 - SECOND * random.below(DISORDER) as i64;
        ts += 250_000 * partition as i64 + (n % 240_000) as i64;
        let late = n * STEP as u64 > 2 * LATE as u64 && random.below(100) == 0;
        if late {
            ts -= LATE;
        }
        let device = format!("d{}", random.below(8));
        // Sums of quarters are exact in any order.
        let value = random.below(1000) as f64 / 4.0 - 25.0;
        let text = Timestamp::from_micros(ts);
        let line = |value: &str| {
            format!(r#"{{"partition":{partition},"n":{n},"device_id":"{device}","ts":"{text}","value":{value}}}"#)
        };
        let bad = match random.below(60) {
            0 => format!(r#"{{"partition":{partition},"n":{n},"device_id":"{device}","ts":"{text}","val"#),
            1 => line("\"much\""),
            2 => format!(r#"{{"partition":{partition},"n":{n},"ts":"{text}","value":{value}}}"#),
            _ => {
                let line = line(&value.to_string());
                self.rows.push(Row { partition, n, device, ts, value, late, line: line.clone() });
                return line;
            }
        };
        self.bad.push(bad.clone());
        bad
    }

    /// The rows that `rows` should write.
    fn selected(&self) -> Vec<Value> {
        let used = self.rows.iter().filter(|row| row.value >= 0.0);
        used.map(|row| json!([row.partition, row.n, row.device, row.ts, row.value, date(row.ts)])).collect()
    }

    /// The lines of late rows that are used.
    pub(super) fn late(&self) -> Vec<String> {
        let mut late: Vec<String> =
            self.rows.iter().filter(|row| row.late && row.value >= 0.0).map(|row| row.line.clone()).collect();
        late.sort();
        late
    }

    /// The rows that `windows` should write, and the groups of `ttl`: these begin with the minute instead of the window.
    fn windows(&self, ttl: bool) -> Vec<Value> {
        let mut windows: BTreeMap<(&str, i64), (u64, f64, i64, u64)> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.value >= 0.0 && !row.late) {
            let start = row.ts.div_euclid(60 * SECOND) * 60 * SECOND;
            let (n, total, time, latest) = windows.entry((&row.device, start)).or_insert((0, 0.0, i64::MIN, 0));
            *n += 1;
            *total += row.value;
            if row.ts > *time {
                (*time, *latest) = (row.ts, row.n);
            }
        }
        let row = |((device, start), (n, total, _, latest)): ((&str, i64), (u64, f64, i64, u64))| {
            let window = if ttl { json!(start) } else { json!([start, start + 60 * SECOND]) };
            json!([device, window, n, total, total / n as f64, latest, date(start)])
        };
        windows.into_iter().map(row).collect()
    }

    /// The rows of the output, and the account of the whole run.
    pub(crate) fn expected(&self, mode: &str) -> (Vec<Value>, BTreeMap<String, u64>) {
        let mut rows = if mode == "rows" { self.selected() } else { self.windows(mode == "ttl") };
        super::output::sort(&mut rows);
        let late = if mode == "rows" { 0 } else { self.late().len() };
        let (late, letters) = if mode == "ttl" { (0, self.bad.len() + late) } else { (late, self.bad.len()) };
        let filtered = self.rows.iter().filter(|row| row.value < 0.0).count();
        let account = [
            ("rows", self.lines),
            ("filtered", filtered as u64),
            ("late", late as u64),
            ("skipped", 0),
            ("dead_letters", letters as u64),
            ("rows_out", rows.len() as u64),
        ];
        // How often a group has changed depends on how the input was cut.
        let account = account.into_iter().filter(|(name, _)| mode != "update" || *name != "rows_out");
        // Otherwise nothing of it would be tested.
        let places: HashSet<bool> = self.rows.iter().map(|row| row.late).collect();
        assert!(!self.bad.is_empty() && filtered > 0 && places.len() == 2);
        (rows, account.map(|(name, figure)| (name.to_owned(), figure)).collect())
    }
}

fn date(micros: i64) -> String {
    Timestamp::from_micros(micros).to_string().chars().take(10).collect()
}
