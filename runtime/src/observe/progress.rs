//! The progress document of an epoch, with the field names of Spark's `StreamingQueryProgress`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

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
    /// Event times, RFC 3339: `watermark`, or `end of input` once the input has ended and every window was closed.
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
    /// Rows that came too late, whatever became of them; groups, when the stage is not the first.
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
    /// Rows that came too late and were left out.
    pub late: u64,
    /// Records that could not be decoded, and rows that could not be computed, and were skipped.
    pub skipped: u64,
    /// Records that could not be decoded, rows that could not be computed, and late rows, that went to the dead letters.
    pub dead_letters: u64,
    /// Rows whose event time was too far in the future to move the watermark.
    pub future: u64,
}
