//! What is told of an epoch: when its parts were done, and its progress document.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;

use super::commit::Committed;
use crate::clock;
use crate::observe::progress::{Account, Progress, StateOperator};
use crate::operator::input::Counts;
use crate::pipeline::Plan;
use crate::pipeline::options::Options;
use crate::time::Timestamp;

fn account(counts: Counts, future: u64) -> Account {
    let Counts { rows, filtered, late, skipped, dead } = counts;
    let used = rows.saturating_sub(filtered + late + skipped + dead);
    Account { rows, used, filtered, late, skipped, dead_letters: dead, future }
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

/// A watermark in words. After the input has ended and all windows were closed it is at the end of time, which is no date
/// that anybody wants to read.
fn shown(watermark: Timestamp) -> String {
    if watermark == Timestamp::MAX { "end of input".to_owned() } else { watermark.to_string() }
}

/// The document of a committed epoch.
pub(crate) fn of(plan: &Plan, options: &Options, run_id: &str, committed: &Committed) -> Progress {
    let timings = &committed.timings;
    let (source, sink) = (plan.source.describe(), plan.sink.describe());
    let all = Timings::between(timings.started, timings.published);
    let rate = |rows: u64, millis: u64| rows as f64 * 1_000.0 / millis.max(1) as f64;
    let computing = Timings::between(timings.fetched, timings.reduced);
    let rows = committed.counts.rows;
    let partitions: BTreeMap<_, _> =
        committed.metrics.partitions.iter().map(|(id, metrics)| (id, metrics.to_json())).collect();
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
                num_rows_dropped_by_watermark: *late,
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
            "metrics": committed.metrics.to_json(),
            "partitions": partitions,
        })],
        sink: json!({
            "description": format!("{}({})", sink.kind, sink.target),
            "numOutputRows": committed.rows_out,
            "metrics": committed.delivered.to_json(),
        }),
        millstream: account(committed.counts, committed.future),
    }
}
