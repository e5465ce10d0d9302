//! Small random inputs, cut into epochs at random places, with any number of workers and restarts: the groups are what a
//! naive reference makes of the same rows.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use millstream::engine::Trigger;
use millstream::operator::input::Counts;
use millstream::prelude::*;
use millstream::sink::collect;
use millstream::store::Durability;

use super::{Span, close};
use crate::random::Random;

/// Windows in seconds: their size, and from the start of one to the next.
const WINDOWS: [(u64, u64); 5] = [(60, 60), (180, 60), (150, 60), (90, 45), (600, 60)];

#[derive(StreamSchema)]
pub(super) struct Event {
    #[stream(event_time, format = epoch_ms)]
    pub(super) ts: Timestamp,
    pub(super) key: Option<String>,
    pub(super) kind: Kind,
    pub(super) value: i32,
    pub(super) weight: Option<f64>,
    pub(super) text: String,
}

#[derive(StreamSchema, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Near,
    Far,
}

#[derive(StreamSchema, Debug, Clone, PartialEq)]
struct Tally {
    key: Option<String>,
    kind: Kind,
    window: Span,
    n: i64,
    even: i64,
    total: i64,
    weight: Option<f64>,
    mean: f64,
    low: i32,
    high: Option<f64>,
    least: String,
    first: String,
    last: Option<f64>,
    spread: Option<f64>,
}

type Groups = BTreeMap<(Span, Option<String>, Kind), Tally>;

/// The input, how it is cut, and how it is grouped.
pub(super) struct Case {
    partitions: Vec<Vec<Event>>,
    pub(super) rows_per_epoch: u64,
    pub(super) delay: Duration,
    pub(super) size: Duration,
    pub(super) every: Duration,
}

impl Case {
    /// Rows are out of order by up to a minute, which is within the delay, or else by more.
    pub(super) fn new(random: &mut Random, punctual: bool) -> Self {
        let (size, every) = WINDOWS[random.below(5) as usize];
        let mut partitions: Vec<Vec<Event>> = Vec::new();
        for partition in 0..1 + random.between(0, 4) {
            let mut clock = 1_700_000_000_000 + random.between(0, 120_000);
            let step = random.between(1, 30_000);
            let rows = (0..random.below(60)).map(|_| {
                clock += random.between(0, step);
                let mut at = clock + random.between(0, 60_000);
                if !punctual && random.in_thousand(150) {
                    at -= random.between(0, 900_000);
                }
                Event {
                    // No two partitions share an instant, so that `first` and `last` have one answer.
                    ts: Timestamp::from_millis(at - at % 4 + partition).unwrap(),
                    key: (!random.in_thousand(300)).then(|| random.pick(&["a", "b", "ü", ""]).to_owned()),
                    kind: if random.in_thousand(700) { Kind::Near } else { Kind::Far },
                    value: random.between(-5, 20) as i32,
                    // Sums of halves are exact in any order.
                    weight: (!random.in_thousand(300)).then(|| random.between(-40, 40) as f64 / 2.0),
                    text: format!("{}{}", random.pick(&["x", "é", "日", ""]), random.below(30)),
                }
            });
            partitions.push(rows.collect());
        }
        let delay = if punctual { random.between(60, 300) } else { random.between(0, 30) };
        let rows_per_epoch = 1 + random.below(50);
        Self { partitions, rows_per_epoch, delay: secs(delay as u64), size: secs(size), every: secs(every) }
    }

    pub(super) fn write(&self, folder: &Path) {
        for (partition, rows) in self.partitions.iter().enumerate() {
            let mut text = String::new();
            for row in rows {
                let (ts, key, kind, note) = (row.ts.millis(), json(&row.key), row.kind, json(&row.text));
                let (value, weight) = (row.value, json(&row.weight));
                writeln!(
                    text,
                    r#"{{"ts":{ts},"key":{key},"kind":"{kind:?}","value":{value},"weight":{weight},"text":{note}}}"#
                )
                .unwrap();
            }
            fs::write(folder.join(format!("{partition}.ndjson")), text).unwrap();
        }
    }

    fn pipeline(&self, folder: &Path, rows: &collect::Collect) -> Pipeline {
        let (delay, size, every) = (self.delay, self.size, self.every);
        let input = format!("{}/*.ndjson", folder.display());
        pipeline! {
            from file({input})
            | decode json as Event
            | filter value != 13
            | watermark {delay}
            | group_by { key, kind, window = sliding({size}, every = {every}) }
            | agg {
                n = count(), even = count_if(value % 2 == 0), total = sum(value), weight = sum(weight), mean = avg(value),
                low = min(value), high = max(weight), least = min(text), first = first(text), last = last(weight),
                spread = stddev(value)
            }
            | sink {rows.clone()}
        }
        .max_rows_per_epoch(self.rows_per_epoch)
        .durability(Durability::ProcessCrash)
        .progress_line(false)
    }

    /// The rows of each epoch, and the watermark after it.
    pub(super) fn epochs(&self) -> Vec<(Vec<&Event>, Option<Timestamp>)> {
        let mut epochs = Vec::new();
        let mut taken = vec![0; self.partitions.len()];
        let mut ended = vec![false; self.partitions.len()];
        let mut latest = vec![None; self.partitions.len()];
        let mut watermark = None;
        while ended.contains(&false) {
            let share = self.rows_per_epoch.div_ceil(ended.iter().filter(|ended| !**ended).count() as u64) as usize;
            let mut read = Vec::new();
            for (partition, rows) in self.partitions.iter().enumerate() {
                for row in rows.iter().skip(taken[partition]).take(share) {
                    read.push(row);
                    if row.value != 13 {
                        latest[partition] = latest[partition].max(Some(row.ts));
                    }
                }
                taken[partition] += share;
                ended[partition] = taken[partition] >= rows.len();
            }
            // Partitions that have ended hold nobody up; one that gave nothing yet holds all.
            let open = latest.iter().zip(&ended).filter(|(_, ended)| !**ended).map(|(latest, _)| *latest);
            watermark = watermark.max(open.min().flatten().map(|slowest: Timestamp| slowest - self.delay));
            epochs.push((read, watermark));
        }
        epochs
    }

    /// What comes of it, told row by row.
    fn expected(&self) -> (Groups, Counts) {
        let mut members: BTreeMap<_, Vec<(Timestamp, &Event)>> = BTreeMap::new();
        let mut counts = Counts::default();
        let mut watermark = None;
        for (rows, after) in self.epochs() {
            for row in rows {
                counts.rows += 1;
                if row.value == 13 {
                    counts.filtered += 1;
                    continue;
                }
                let mut start = row.ts.floor(self.every);
                let mut late = true;
                while start + self.size > row.ts {
                    let window = Span { start, end: start + self.size };
                    if watermark.is_none_or(|watermark| window.end > watermark) {
                        members.entry((window, row.key.clone(), row.kind)).or_default().push((row.ts, row));
                        late = false;
                    }
                    start = start - self.every;
                }
                counts.late += u64::from(late);
            }
            watermark = after;
        }
        (members.into_iter().map(|(key, rows)| (key.clone(), tally(key, rows))).collect(), counts)
    }
}

/// `rows` are in the order of partitions and records.
fn tally((window, key, kind): (Span, Option<String>, Kind), mut rows: Vec<(Timestamp, &Event)>) -> Tally {
    rows.sort_by_key(|(ts, _)| *ts);
    let rows: Vec<&Event> = rows.into_iter().map(|(_, row)| row).collect();
    let n = rows.len() as f64;
    let total: i64 = rows.iter().map(|row| i64::from(row.value)).sum();
    let mean = total as f64 / n;
    let weights: Vec<f64> = rows.iter().filter_map(|row| row.weight).collect();
    let squares: f64 = rows.iter().map(|row| (f64::from(row.value) - mean).powi(2)).sum();
    Tally {
        key,
        kind,
        window,
        n: rows.len() as i64,
        even: rows.iter().filter(|row| row.value % 2 == 0).count() as i64,
        total,
        weight: (!weights.is_empty()).then(|| weights.iter().sum()),
        mean,
        low: rows.iter().map(|row| row.value).min().unwrap(),
        high: weights.iter().copied().reduce(f64::max),
        least: rows.iter().map(|row| row.text.clone()).min().unwrap(),
        first: rows[0].text.clone(),
        last: weights.last().copied(),
        spread: (rows.len() > 1).then(|| (squares / (n - 1.0)).sqrt()),
    }
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap()
}

/// Runs a case, stopped and started again at random; what came out, in groups, and the account.
fn run(case: &Case, random: &mut Random) -> (Groups, Counts) {
    let folder = tempfile::tempdir().unwrap();
    case.write(folder.path());
    let rows = collect();
    let mut counts = Counts::default();
    for runs in 0.. {
        assert!(runs < 300, "the input does not end");
        let trigger = if random.in_thousand(600) { Trigger::Once } else { Trigger::AvailableNow };
        let pipeline = case.pipeline(folder.path(), &rows).trigger(trigger).workers(1 + random.below(4) as usize);
        let summary = pipeline.checkpoint(folder.path().join("log")).run_blocking().unwrap();
        counts += summary.rows;
        if summary.drained {
            break;
        }
    }
    let mut groups = Groups::new();
    for row in rows.rows::<Tally>().unwrap() {
        let twice = groups.insert((row.window, row.key.clone(), row.kind), row);
        assert!(twice.is_none(), "twice: {twice:?}");
    }
    (groups, counts)
}

fn check(punctual: bool, seed: u64) -> Counts {
    let mut random = Random(seed);
    let case = Case::new(&mut random, punctual);
    let ((mut expected, account), (mut found, counts)) = (case.expected(), run(&case, &mut random));
    for (key, row) in &mut found {
        let other = expected.get_mut(key).unwrap_or_else(|| panic!("seed {seed}: {row:?} is too much"));
        assert!(close(row.spread, other.spread), "seed {seed}: {row:?}, expected {:?}", other.spread);
        (row.spread, other.spread) = (None, None);
        assert_eq!(row, other, "seed {seed}");
    }
    assert_eq!((found.len(), counts), (expected.len(), account), "seed {seed}");
    counts
}

/// The seeds of this run: another set for each value of `MILLSTREAM_SEED`.
fn seeds(offset: u64) -> std::ops::Range<u64> {
    let first = crate::seed().wrapping_mul(10_000_000) + offset;
    first..first + if crate::is_long() { 3_000 } else { 120 }
}

#[test]
fn any_cut_within_the_delay_gives_every_row() {
    for seed in seeds(0) {
        assert_eq!(check(true, seed).late, 0, "seed {seed}");
    }
}

#[test]
fn f_048_what_is_late_depends_on_epochs_alone() {
    let late: u64 = seeds(1_000_000).map(|seed| check(false, seed).late).sum();
    assert!(late > 200, "{late} rows were late");
}
