//! The jobs under test: one without state, the main job, and the two of a chain.

use millstream::engine::Trigger;
use millstream::prelude::*;

pub(crate) const STREAM: &str = "readings";
/// The stream between the two jobs of a chain.
pub(crate) const BETWEEN: &str = "between";

#[derive(StreamSchema)]
struct Reading {
    device_id: String,
    n: i64,
    #[stream(event_time)]
    ts: Timestamp,
    temperature: f64,
}

/// The job `mode`, from `endpoint` to `FOLDER/MODE`, in small epochs.
pub(crate) fn job(mode: &str, endpoint: &str, folder: &str) -> Pipeline {
    let (endpoint, out, bad) = (endpoint.to_owned(), format!("{folder}/{mode}"), format!("{folder}/{mode}-bad"));
    let pipeline = match mode {
        "forward" => {
            let to = endpoint.clone();
            pipeline! {
                from kinesis({STREAM}, endpoint = {endpoint}, start = trim_horizon, min_fetch_period = 20ms, shard_fetch_interval = 100ms)
                | decode json as Reading else dead_letter(parquet({bad}))
                | sink kinesis({BETWEEN}, endpoint = {to}, key = [device_id], format = json)
            }
        }
        "rows" | "copy" => {
            let stream = if mode == "rows" { STREAM } else { BETWEEN };
            pipeline! {
                from kinesis({stream}, endpoint = {endpoint}, start = trim_horizon, min_fetch_period = 20ms, idle_after = 1h, shard_fetch_interval = 100ms)
                | decode json as Reading else dead_letter(parquet({bad}))
                | select { device_id, n, date = ts.date() }
                | sink parquet({out}, partition_by = [date])
            }
        }
        _ => pipeline! {
            from kinesis({STREAM}, endpoint = {endpoint}, start = trim_horizon, min_fetch_period = 20ms, idle_after = 1h, shard_fetch_interval = 100ms)
            | decode json as Reading else dead_letter(parquet({bad}))
            | filter temperature >= 0.0
            | watermark 10s
            | group_by { device_id, window = tumbling(1min) }
            | agg { n = count(), mean = avg(temperature), hottest = max(temperature), latest = last(n) }
            | select { .., date = window.start.date() }
            | sink parquet({out}, partition_by = [date])
        },
    };
    let checkpoint = format!("{folder}/{mode}-checkpoint");
    pipeline.checkpoint(checkpoint).trigger(Trigger::every(millis(100))).max_rows_per_epoch(97)
}
