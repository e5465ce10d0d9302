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
    /// Rows that arrived per second, since the fetch before this one ended.
    pub input_rows_per_second: f64,
    /// Rows computed per second of computing. The input may grow as long as this is well above the rate of the input.
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
    /// The account of the epoch's rows, and what else Spark has no name for.
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
    /// Keys that were forgotten in the epoch: their windows were closed, or their time to live ran out.
    pub num_rows_removed: u64,
    /// Adding the epoch's rows to the state, in milliseconds; of the worker that took longest.
    pub all_updates_time_ms: u64,
    /// Giving groups on and forgetting those that have ended, in milliseconds; of the worker that took longest.
    pub all_removals_time_ms: u64,
    /// Writing the epoch's changes and snapshots to the checkpoint, in milliseconds; 0 without one.
    pub commit_time_ms: u64,
    /// An estimate of the bytes held in memory, text and lists included.
    pub memory_used_bytes: u64,
    /// Rows that came too late, whatever became of them; groups, when the stage is not the first.
    pub num_rows_dropped_by_watermark: u64,
    /// Key groups: the grain in which keys are shared among workers.
    pub num_shuffle_partitions: u64,
    /// Workers, each of which holds the state of some key groups.
    pub num_state_store_instances: u64,
    /// With `spill`: `spilledKeys` and `spilledBytes`, the keys that are on disk only and their bytes there.
    pub custom_metrics: BTreeMap<&'static str, u64>,
}

/// Where the rows of an epoch went, `rows` being the sum of the next five; and what holds the pipeline back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
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
    /// How far the partition that is farthest behind is behind the newest record of the source, in milliseconds; `None`
    /// where the source does not say.
    pub ms_behind_latest: Option<u64>,
    /// The partition for which the watermark waits: of those that are neither ended nor idle the one with the earliest
    /// event time, or one that gave no row yet. `None` without a watermark, and when nothing holds it.
    pub watermark_held_by: Option<HeldBy>,
}

/// A partition that holds the watermark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct HeldBy {
    /// Its id, such as `shardId-000000000001` or a path.
    pub partition: String,
    /// Its latest event time, RFC 3339; `None` if it gave no row yet.
    pub max_event_time: Option<String>,
    /// How far this is behind that of the partition in the lead, in milliseconds; `None` if one of them gave no row yet.
    pub behind_ms: Option<u64>,
}
