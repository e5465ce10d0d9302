//! The progress document of an epoch, with the field names of Spark's `StreamingQueryProgress`.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};

use crate::clock;
use crate::engine::commit::Committed;
use crate::engine::options::Options;
use crate::operator::input::Counts;
use crate::pipeline::Plan;

/// What an epoch did. Serialises to the JSON that dashboards for Spark's `StreamingQueryProgress` read; what Spark has no
/// name for stands under `millstream`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Progress {
    /// The pipeline's id, which stays the same over restarts.
    pub id: String,
    /// The id of this run.
    pub run_id: String,
    /// The pipeline's name, if it has one.
    pub name: Option<String>,
    /// When the epoch was planned, RFC 3339.
    pub timestamp: String,
    /// The epoch.
    pub batch_id: u64,
    /// From the beginning of its fetch to the end of its publishing, in milliseconds.
    pub batch_duration: u64,
    /// Rows read.
    pub num_input_rows: u64,
    /// Rows read per second, over the batch's duration.
    pub input_rows_per_second: f64,
    /// Rows computed per second, over the time spent computing.
    pub processed_rows_per_second: f64,
    /// Where the time went, in milliseconds.
    pub duration_ms: BTreeMap<&'static str, u64>,
    /// Event times, RFC 3339: `watermark`.
    pub event_time: BTreeMap<&'static str, String>,
    /// One for each keyed stage.
    pub state_operators: Vec<StateOperator>,
    /// The source.
    pub sources: Vec<Value>,
    /// The sink.
    pub sink: Value,
    /// The account of the epoch's rows.
    pub millstream: Account,
}

/// The state of a keyed stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateOperator {
    /// The stage's name.
    pub operator_name: String,
    /// Keys, over all windows.
    pub num_rows_total: u64,
    /// Keys that changed in the epoch.
    pub num_rows_updated: u64,
    /// Rows that came too late.
    pub num_rows_dropped_by_watermark: u64,
    /// An estimate of the bytes held.
    pub memory_used_bytes: u64,
}

/// Where the rows of an epoch went: `rows` is the sum of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Rows read.
    pub rows: u64,
    /// Rows used.
    pub used: u64,
    /// Rows that a filter left out.
    pub filtered: u64,
    /// Rows that came too late.
    pub late: u64,
    /// Records that could not be decoded and were skipped.
    pub skipped: u64,
    /// Records that went to the dead letters.
    pub dead_letters: u64,
    /// Rows whose event time was too far in the future to move the watermark.
    pub future: u64,
}

impl Account {
    fn of(counts: Counts, future: u64) -> Self {
        let Counts { rows, filtered, late, skipped, dead } = counts;
        let used = rows.saturating_sub(filtered + late + skipped + dead);
        Self { rows, used, filtered, late, skipped, dead_letters: dead, future }
    }
}

/// When each part of an epoch was done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timings {
    started: Instant,
    fetched: Instant,
    mapped: Instant,
    reduced: Instant,
    pub(crate) committed: Instant,
    pub(crate) published: Instant,
}

impl Timings {
    pub(crate) fn starting(started: Instant) -> Self {
        Self { started, fetched: started, mapped: started, reduced: started, committed: started, published: started }
    }
    pub(crate) fn fetched(&mut self) {
        self.fetched = clock::monotonic();
    }
    pub(crate) fn mapped(&mut self) {
        self.mapped = clock::monotonic();
    }
    pub(crate) fn reduced(&mut self) {
        self.reduced = clock::monotonic();
    }

    fn between(from: Instant, to: Instant) -> u64 {
        u64::try_from(to.saturating_duration_since(from).as_millis()).unwrap_or(u64::MAX)
    }
}

/// The document of a committed epoch.
pub(crate) fn of(plan: &Plan, options: &Options, run_id: &str, committed: &Committed) -> Progress {
    let timings = &committed.timings;
    let (source, sink) = (plan.source.describe(), plan.sink.describe());
    let all = Timings::between(timings.started, timings.published);
    let rate = |rows: u64, millis: u64| rows as f64 * 1_000.0 / millis.max(1) as f64;
    let computing = Timings::between(timings.fetched, timings.reduced);
    let rows = committed.counts.rows;
    Progress {
        id: committed.pipeline_id.clone(),
        run_id: run_id.to_owned(),
        name: options.name.clone(),
        timestamp: committed.batch_time.to_string(),
        batch_id: committed.epoch,
        batch_duration: all,
        num_input_rows: rows,
        input_rows_per_second: rate(rows, all),
        processed_rows_per_second: rate(rows, computing.max(1)),
        duration_ms: BTreeMap::from([
            ("latestOffset", Timings::between(timings.started, timings.fetched)),
            ("addBatch", Timings::between(timings.fetched, timings.reduced)),
            ("commitOffsets", Timings::between(timings.reduced, timings.committed)),
            ("commitBatch", Timings::between(timings.committed, timings.published)),
            ("triggerExecution", all),
        ]),
        event_time: committed.watermark.map(|watermark| ("watermark", watermark.to_string())).into_iter().collect(),
        state_operators: plan
            .keyed
            .iter()
            .zip(&committed.state)
            .map(|(spec, state)| StateOperator {
                operator_name: spec.name.clone(),
                num_rows_total: state.keys,
                num_rows_updated: state.updated,
                num_rows_dropped_by_watermark: committed.counts.late,
                memory_used_bytes: state.bytes,
            })
            .collect(),
        sources: vec![json!({
            "description": format!("{}({})", source.kind, source.target),
            "startOffset": committed.from,
            "endOffset": committed.to,
            "numInputRows": rows,
            "inputRowsPerSecond": rate(rows, all),
            "processedRowsPerSecond": rate(rows, computing.max(1)),
            "metrics": committed.metrics,
        })],
        sink: json!({
            "description": format!("{}({})", sink.kind, sink.target),
            "numOutputRows": committed.rows_out,
        }),
        millstream: Account::of(committed.counts, committed.future),
    }
}
