//! What is told of an epoch: when its parts were done, and its progress document.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::commit::{Committed, StateFigures};
use crate::clock;
use crate::observe::progress::{Account, HeldBy, Progress, StateOperator};
use crate::operator::input::Counts;
use crate::operator::key::KEY_GROUPS;
use crate::pipeline::Plan;
use crate::pipeline::options::Options;
use crate::time::Timestamp;

fn account(committed: &Committed) -> Account {
    let Counts { rows, filtered, late, skipped, dead } = committed.counts;
    let held = committed.holder.as_ref().map(|holder| HeldBy {
        partition: holder.id.clone(),
        max_event_time: holder.max_event_time.map(|time| time.to_string()),
        behind_ms: holder.behind.map(millis),
    });
    Account {
        rows,
        used: rows.saturating_sub(filtered + late + skipped + dead),
        filtered,
        late,
        skipped,
        dead_letters: dead,
        future: committed.future,
        ms_behind_latest: committed.partitions.iter().filter_map(|partition| partition.ms_behind).max(),
        watermark_held_by: held,
    }
}

/// When each part of an epoch was done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timings {
    /// When the fetch before this one ended; at the first, when this one began.
    before: Instant,
    started: Instant,
    fetched: Instant,
    mapped: Instant,
    reduced: Instant,
    pub(crate) committed: Instant,
    pub(crate) published: Instant,
    /// How long the worker that had the most to do was at work on what was fetched, most of it while more was.
    busy: Duration,
}

impl Timings {
    pub(crate) fn starting(started: Instant, before: Option<Instant>) -> Self {
        Self {
            before: before.unwrap_or(started),
            started,
            fetched: started,
            mapped: started,
            reduced: started,
            committed: started,
            published: started,
            busy: Duration::ZERO,
        }
    }
    /// The fetch has ended; gives when.
    pub(crate) fn fetched(&mut self) -> Instant {
        self.fetched = clock::monotonic();
        self.fetched
    }
    pub(crate) fn mapped(&mut self, busy: Duration) {
        self.mapped = clock::monotonic();
        self.busy = busy;
    }
    pub(crate) fn reduced(&mut self) {
        self.reduced = clock::monotonic();
    }

    /// From the beginning of the fetch to the end of publishing.
    pub(crate) fn all(&self) -> Duration {
        between(self.started, self.published)
    }

    /// The time in which the epoch's rows arrived.
    fn arriving(&self) -> Duration {
        between(self.before, self.fetched)
    }

    /// The time spent computing.
    fn computing(&self) -> Duration {
        self.busy + between(self.mapped, self.reduced)
    }
}

fn between(from: Instant, to: Instant) -> Duration {
    to.saturating_duration_since(from)
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Rows a second. What took less than a millisecond is taken to have taken one.
fn rate(rows: u64, time: Duration) -> f64 {
    rows as f64 / time.max(Duration::from_millis(1)).as_secs_f64()
}

/// A watermark in words. After the input has ended and all windows were closed it is at the end of time, which is no date
/// that anybody wants to read.
fn shown(watermark: Timestamp) -> String {
    if watermark == Timestamp::MAX { "end of input".to_owned() } else { watermark.to_string() }
}

/// The document of a committed epoch.
pub(crate) fn of(plan: &Plan, options: &Options, run_id: &str, committed: &Committed) -> Progress {
    let timings = &committed.timings;
    let (source, sink) = (plan.source.describe(), plan.sink.describe());
    let rows = committed.counts.rows;
    let (arriving, computing) = (rate(rows, timings.arriving()), rate(rows, timings.computing()));
    let took = |from, to| millis(between(from, to));
    Progress {
        id: committed.pipeline_id.clone(),
        run_id: run_id.to_owned(),
        name: options.name.clone(),
        timestamp: committed.batch_time.to_string(),
        batch_id: committed.epoch,
        batch_duration: millis(timings.all()),
        num_input_rows: rows,
        input_rows_per_second: arriving,
        processed_rows_per_second: computing,
        duration_ms: BTreeMap::from([
            ("latestOffset", took(timings.started, timings.fetched)),
            ("addBatch", millis(timings.computing())),
            ("commitOffsets", took(timings.reduced, timings.committed)),
            ("commitBatch", took(timings.committed, timings.published)),
            ("triggerExecution", millis(timings.all())),
        ]),
        event_time: committed.watermark.map(|watermark| ("watermark", shown(watermark))).into_iter().collect(),
        state_operators: plan
            .keyed
            .iter()
            .zip(&committed.state)
            .zip(&committed.late)
            .map(|((keyed, state), late)| StateOperator {
                operator_name: keyed.spec.name.clone(),
                num_rows_total: state.keys,
                num_rows_updated: state.updated,
                num_rows_removed: state.removed,
                all_updates_time_ms: millis(state.updating),
                all_removals_time_ms: millis(state.removing),
                commit_time_ms: millis(state.writing),
                memory_used_bytes: state.bytes,
                num_rows_dropped_by_watermark: *late,
                num_shuffle_partitions: KEY_GROUPS.into(),
                num_state_store_instances: options.workers as u64,
                custom_metrics: figures_of(options, state),
            })
            .collect(),
        sources: vec![json!({
            "description": format!("{}({})", source.kind, source.target),
            "startOffset": offsets(committed, |partition| &partition.from),
            "endOffset": offsets(committed, |partition| &partition.to),
            // No source knows what is not read yet; how far behind it is, some do.
            "latestOffset": null,
            "numInputRows": rows,
            "inputRowsPerSecond": arriving,
            "processedRowsPerSecond": computing,
            "metrics": committed.metrics.to_json(),
            "partitions": partitions(plan, committed),
        })],
        sink: json!({
            "description": format!("{}({})", sink.kind, sink.target),
            "numOutputRows": committed.rows_out,
            "metrics": committed.delivered.to_json(),
        }),
        millstream: account(committed),
    }
}

/// How much of a stage's state is on disk, if it may be there.
#[cfg_attr(not(feature = "spill"), allow(unused_variables))]
fn figures_of(options: &Options, state: &StateFigures) -> BTreeMap<&'static str, u64> {
    let (keys, bytes) = state.spilled;
    #[cfg(feature = "spill")]
    if options.spill.is_some() {
        return BTreeMap::from([("spilledKeys", keys), ("spilledBytes", bytes)]);
    }
    BTreeMap::new()
}

/// A position of each partition, by its id.
fn offsets(committed: &Committed, position: fn(&Partition) -> &Value) -> BTreeMap<&str, &Value> {
    committed.partitions.iter().map(|partition| (partition.id.as_str(), position(partition))).collect()
}

/// The source's figures of each partition, and of those that have not ended how they stand to the watermark.
fn partitions(plan: &Plan, committed: &Committed) -> BTreeMap<String, Value> {
    let figures = &committed.metrics.partitions;
    let mut told: BTreeMap<String, Value> =
        figures.iter().map(|(id, metrics)| (id.clone(), metrics.to_json())).collect();
    for partition in committed.partitions.iter().filter(|partition| plan.watermark.is_some() && !partition.drained) {
        let of = told.entry(partition.id.clone()).or_insert_with(|| json!({}));
        of["maxEventTime"] = json!(partition.max_event_time.map(|time| time.to_string()));
        of["idle"] = json!(partition.idle);
    }
    told
}

/// A partition of the source after an epoch.
pub(crate) struct Partition {
    pub id: String,
    pub from: Value,
    pub to: Value,
    pub max_event_time: Option<Timestamp>,
    pub ms_behind: Option<u64>,
    pub drained: bool,
    pub idle: bool,
}
