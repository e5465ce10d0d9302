//! What a run has come to so far, as figures with names, units and labels, for those who collect them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::progress::Progress;
use crate::clock;
use crate::source::{Fetched, Metrics};
use crate::time::Timestamp;

/// How long an epoch may take beyond the time in which its rows come, before the pipeline is said to stand still.
const PATIENCE: Duration = Duration::from_secs(120);
/// Upper bounds of the histogram of durations, in seconds.
pub(super) const BOUNDS: [f64; 14] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];
/// The parts of an epoch, by their names in the progress document and here.
const PHASES: [(&str, &str); 5] = [
    ("latestOffset", "fetch"),
    ("addBatch", "compute"),
    ("commitOffsets", "commit"),
    ("commitBatch", "publish"),
    ("triggerExecution", "all"),
];

/// A figure with all of its labels.
pub(super) struct Family {
    /// Without `millstream_` and without its unit.
    pub name: String,
    pub help: String,
    pub unit: Unit,
    pub values: Values,
}

/// What a figure is measured in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    One,
    Seconds,
    Bytes,
    /// Seconds since 1970.
    Time,
}

pub(super) enum Values {
    /// How things stand.
    Gauge(Vec<Point<f64>>),
    /// What has happened since the run began.
    Counter(Vec<Point<f64>>),
    Histogram(Vec<Point<Histogram>>),
}

pub(super) struct Point<T> {
    pub labels: Vec<(&'static str, String)>,
    pub value: T,
}

/// How often something took how long.
#[derive(Clone, Default)]
pub(super) struct Histogram {
    /// Up to each bound, without those up to the bound before; the last is for all that is longer.
    pub counts: [u64; BOUNDS.len() + 1],
    /// In seconds.
    pub sum: f64,
}

impl Histogram {
    fn add(&mut self, seconds: f64) {
        self.counts[BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        self.sum += seconds;
    }
}

/// What became of rows, summed up over the run.
#[derive(Default)]
struct Rows {
    used: u64,
    filtered: u64,
    late: u64,
    skipped: u64,
    dead_letters: u64,
    future: u64,
    written: u64,
}

/// A keyed stage.
#[derive(Default)]
struct Operator {
    keys: u64,
    bytes: u64,
    spilled: u64,
    late: u64,
}

/// The figures of a run.
pub(crate) struct Figures {
    pub(super) pipeline: Option<String>,
    pub(super) since: Timestamp,
    opened: bool,
    waits: bool,
    /// When the fetch at hand and the epoch before it should have ended.
    due: Option<Instant>,
    epochs: u64,
    epoch: Option<u64>,
    watermark: Option<Timestamp>,
    committed: Option<Timestamp>,
    behind: Option<u64>,
    rows: Rows,
    operators: BTreeMap<String, Operator>,
    durations: BTreeMap<&'static str, Histogram>,
    source: Metrics,
    sink: Metrics,
}

impl Figures {
    pub(super) fn new(pipeline: Option<String>) -> Self {
        Self {
            pipeline,
            since: clock::now(),
            opened: false,
            waits: false,
            due: None,
            epochs: 0,
            epoch: None,
            watermark: None,
            committed: None,
            behind: None,
            rows: Rows::default(),
            operators: BTreeMap::new(),
            durations: BTreeMap::new(),
            source: Metrics::default(),
            sink: Metrics::default(),
        }
    }

    /// State and positions are in memory, and the source is open. `epoch` is the last that was committed.
    pub(crate) fn opened(&mut self, epoch: Option<u64>, watermark: Option<Timestamp>) {
        (self.opened, self.waits, self.epoch) = (true, false, epoch);
        self.watermark = shown(watermark);
    }

    /// A fetch begins that takes `interval` at most.
    pub(crate) fn fetches(&mut self, interval: Duration) {
        self.due = clock::monotonic().checked_add(interval).and_then(|end| end.checked_add(PATIENCE));
    }

    /// A fetch has ended.
    pub(crate) fn fetched(&mut self, fetched: &Fetched) {
        for partition in fetched.partitions.iter().filter(|partition| partition.drained) {
            // What it says of itself for the last time holds; a lag from before that does not.
            if let Some(metrics) = self.source.partitions.get_mut(&partition.id) {
                metrics.forget_gauges();
            }
        }
        self.source.add(fetched.metrics.clone());
        for id in &fetched.forgotten {
            self.source.partitions.remove(id);
        }
        let behind = fetched.partitions.iter().filter_map(|partition| partition.ms_behind).max();
        self.behind = behind.or(self.behind);
    }

    /// The run waits for room on a disk, until it is opened anew or the epoch at hand is published.
    pub(crate) fn waits(&mut self) {
        (self.opened, self.waits, self.due) = (false, true, None);
    }

    /// An epoch is committed and published. `delivered` are figures of its sink.
    pub(crate) fn committed(&mut self, progress: &Progress, watermark: Option<Timestamp>, delivered: &Metrics) {
        (self.opened, self.waits) = (true, false);
        self.epochs += 1;
        self.epoch = Some(progress.batch_id);
        self.watermark = shown(watermark);
        self.committed = Some(clock::now());
        let account = &progress.millstream;
        self.rows.used += account.used;
        self.rows.filtered += account.filtered;
        self.rows.late += account.late;
        self.rows.skipped += account.skipped;
        self.rows.dead_letters += account.dead_letters;
        self.rows.future += account.future;
        self.rows.written += progress.sink["numOutputRows"].as_u64().unwrap_or_default();
        for state in &progress.state_operators {
            let operator = self.operators.entry(state.operator_name.clone()).or_default();
            (operator.keys, operator.bytes) = (state.num_rows_total, state.memory_used_bytes);
            operator.spilled = state.custom_metrics.get("spilledBytes").copied().unwrap_or(0);
            operator.late += state.num_rows_dropped_by_watermark;
        }
        for (of, phase) in PHASES {
            if let Some(millis) = progress.duration_ms.get(of) {
                self.durations.entry(phase).or_default().add(*millis as f64 / 1e3);
            }
        }
        self.sink.add(delivered.clone());
    }

    /// Whether the pipeline is ready, that is reads or waits for input.
    pub(super) fn ready(&self, now: Instant) -> bool {
        self.opened && !self.stalled(now)
    }

    /// Whether an epoch takes far longer than it should.
    pub(super) fn stalled(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| now > due)
    }

    /// The figures that say how the pipeline does.
    pub(super) fn health(&self, now: Instant) -> Value {
        let status = match (self.opened, self.stalled(now)) {
            (false, _) if self.waits => "waiting",
            (false, _) => "starting",
            (true, false) => "running",
            (true, true) => "stalled",
        };
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        json!({
            "status": status,
            "pipeline": self.pipeline,
            "epoch": self.epoch,
            "watermark": time(self.watermark),
            "lastCommit": time(self.committed),
            "msBehindLatest": self.behind,
        })
    }

    /// All figures.
    pub(super) fn families(&self) -> Vec<Family> {
        let mut all = Families::default();
        all.gauge("start", Unit::Time, "When the run began", Some(seconds(self.since)));
        all.gauge("epoch", Unit::One, "The last epoch that was committed", self.epoch.map(|epoch| epoch as f64));
        all.gauge("last_commit", Unit::Time, "When an epoch was last committed", self.committed.map(seconds));
        all.gauge("watermark", Unit::Time, "Where the watermark stands", self.watermark.map(seconds));
        let behind = self.behind.map(|millis| millis as f64 / 1e3);
        all.gauge("behind", Unit::Seconds, "How far the source is behind its newest record", behind);
        all.counter("epochs", "Epochs committed", [(Vec::new(), self.epochs)]);
        let Rows { used, filtered, late, skipped, dead_letters, future, written } = self.rows;
        let outcomes = [
            ("used", used),
            ("filtered", filtered),
            ("late", late),
            ("skipped", skipped),
            ("dead_letter", dead_letters),
        ];
        let outcomes = outcomes.map(|(outcome, rows)| (vec![("outcome", outcome.to_owned())], rows));
        all.counter("rows", "Rows read, by what became of them", outcomes);
        all.counter("future_rows", "Rows too far in the future to move the watermark", [(Vec::new(), future)]);
        all.counter("written_rows", "Rows written to the sink", [(Vec::new(), written)]);
        let of = |name: &String| vec![("operator", name.clone())];
        let operators = |figure: fn(&Operator) -> u64| {
            self.operators.iter().map(move |(name, operator)| (of(name), figure(operator)))
        };
        all.gauges("state_keys", Unit::One, "Keys in state", operators(|of| of.keys));
        all.gauges("state", Unit::Bytes, "Bytes of state, an estimate", operators(|of| of.bytes));
        all.gauges("state_spilled", Unit::Bytes, "Bytes of state on disk", operators(|of| of.spilled));
        all.counter("late_rows", "Rows too late for a keyed stage, whatever became of them", operators(|of| of.late));
        let durations = self.durations.iter();
        let durations =
            durations.map(|(phase, of)| Point { labels: vec![("phase", (*phase).into())], value: of.clone() });
        all.put("epoch_duration", Unit::Seconds, "How long epochs took", Values::Histogram(durations.collect()));
        for (whose, metrics) in [("source", &self.source), ("sink", &self.sink)] {
            all.metrics(whose, [(None, metrics)].into_iter());
        }
        all.metrics("partition", self.source.partitions.iter().map(|(id, metrics)| (Some(id), metrics)));
        all.0
    }
}

/// No date is shown for the end of time, where the watermark is when the input has ended.
fn shown(watermark: Option<Timestamp>) -> Option<Timestamp> {
    watermark.filter(|watermark| *watermark != Timestamp::MAX)
}

fn seconds(time: Timestamp) -> f64 {
    time.micros() as f64 / 1e6
}

/// Labels and what they have come to.
type Labelled = (Vec<(&'static str, String)>, u64);

#[derive(Default)]
struct Families(Vec<Family>);

impl Families {
    /// What has no value yet is left out.
    fn put(&mut self, name: &str, unit: Unit, help: &str, values: Values) {
        let empty = match &values {
            Values::Gauge(points) | Values::Counter(points) => points.is_empty(),
            Values::Histogram(points) => points.is_empty(),
        };
        if !empty {
            self.0.push(Family { name: name.to_owned(), help: help.to_owned(), unit, values });
        }
    }

    fn gauge(&mut self, name: &str, unit: Unit, help: &str, value: Option<f64>) {
        let points = value.map(|value| Point { labels: Vec::new(), value });
        self.put(name, unit, help, Values::Gauge(points.into_iter().collect()));
    }

    fn gauges(&mut self, name: &str, unit: Unit, help: &str, of: impl IntoIterator<Item = Labelled>) {
        let points = of.into_iter().map(|(labels, value)| Point { labels, value: value as f64 });
        self.put(name, unit, help, Values::Gauge(points.collect()));
    }

    fn counter(&mut self, name: &str, help: &str, of: impl IntoIterator<Item = Labelled>) {
        let points = of.into_iter().map(|(labels, value)| Point { labels, value: value as f64 });
        self.put(name, Unit::One, help, Values::Counter(points.collect()));
    }

    /// Figures by the names that a connector gives them, each with those of all partitions.
    fn metrics<'a>(&mut self, whose: &str, of: impl Iterator<Item = (Option<&'a String>, &'a Metrics)>) {
        let (mut gauges, mut counts) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for (partition, metrics) in of {
            let labels: Vec<_> = partition.map(|id| ("partition", id.clone())).into_iter().collect();
            for (figures, into) in [(metrics.gauges(), &mut gauges), (metrics.counts(), &mut counts)] {
                for (name, value) in figures {
                    into.entry(*name).or_default().push(Point { labels: labels.clone(), value: *value });
                }
            }
        }
        let gauges = gauges.into_iter().map(|(name, points)| (name, Values::Gauge(points)));
        for (name, values) in gauges.chain(counts.into_iter().map(|(name, points)| (name, Values::Counter(points)))) {
            let help = format!("`{name}` of the {whose}, as in the progress document");
            self.put(&format!("{whose}_{}", snake(name)), Unit::One, &help, values);
        }
    }
}

/// `numAwsRateLimitErrors` as `num_aws_rate_limit_errors`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' });
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_that_takes_too_long_is_told() {
        let (mut figures, now) = (Figures::new(None), clock::monotonic());
        let status = |figures: &Figures, now| figures.health(now)["status"].as_str().map(str::to_owned);
        assert_eq!(status(&figures, now).as_deref(), Some("starting"));
        assert!(!figures.ready(now) && !figures.stalled(now));
        figures.opened(Some(7), None);
        let interval = Duration::from_secs(3_600);
        figures.fetches(interval);
        let late = clock::monotonic() + interval + PATIENCE;
        assert_eq!(status(&figures, now + interval).as_deref(), Some("running"));
        assert!(figures.ready(now + interval));
        assert_eq!(status(&figures, late).as_deref(), Some("stalled"));
        assert!(!figures.ready(late) && figures.stalled(late));
        // The next one begins: all is well again.
        figures.fetches(late - now + interval);
        assert!(figures.ready(late));
    }

    #[test]
    fn durations_are_counted_below_their_bound() {
        let mut durations = Histogram::default();
        for seconds in [0.0, 0.001, 0.002, 120.0, 121.0] {
            durations.add(seconds);
        }
        let counts = durations.counts;
        assert_eq!((counts[0], counts[1], counts[BOUNDS.len() - 1], counts[BOUNDS.len()]), (2, 1, 1, 1));
        assert_eq!(durations.sum, 241.003);
    }
}
