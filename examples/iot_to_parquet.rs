//! From Kinesis to partitioned parquet, exactly once: what each device measured per minute.
//!
//! `cargo run --release --example iot_to_parquet` reads sample records from a server in the process. Yours are read with
//! `-- --stream NAME --region REGION --profile PROFILE`, and `--produce` puts the samples there first.
//!
//! ```text
//! writing to target/out/iot_to_parquet-1 (the samples' stream ends here; yours goes on with --stream and --out as before)
//! 600 rows in = 587 used + 12 filtered + 0 late + 0 skipped + 1 dead letters; 54 rows out in 1 epoch; 6 keys in windows still open, since the watermark stands at 2026-01-01T00:09:45Z
//! target/out/iot_to_parquet-1/readings, 54 rows
//!  device_id | window                            |  n |          avg_temp | hottest
//! -----------+-----------------------------------+----+-------------------+---------
//!  device-0  | 2026-01-01T00:00:00Z .. 00:01:00Z | 10 |              22.4 |    24.4
//!  device-1  | 2026-01-01T00:00:00Z .. 00:01:00Z |  9 | 23.41111111111111 |    25.9
//! ...
//! duckdb -c "SELECT * FROM 'target/out/iot_to_parquet-1/readings/**/*.parquet' LIMIT 10"
//! ```

use millstream::prelude::*;
use millstream_examples::{readings, stream::Input, table};

#[derive(StreamSchema)]
struct Reading {
    device_id: String,
    #[stream(event_time)]
    ts: Timestamp,
    temperature: f64,
    status: Status,
}

#[derive(StreamSchema, Clone, Copy, PartialEq, Eq, Hash)]
#[stream(rename_all = "lowercase")]
enum Status {
    Ok,
    Faulty,
}

pub(crate) fn pipeline(input: &Input) -> Pipeline {
    let (stream, region, profile, endpoint) = input.options();
    // Colder than that is no temperature, but a broken wire.
    let (out, bad, threshold) = (input.folder("readings"), input.folder("bad"), -40.0);
    pipeline! {
        from kinesis({stream}, region = {region}, profile = {profile}, endpoint = {endpoint}, start = trim_horizon)
        | decode json as Reading else dead_letter(parquet({bad}))
        | filter status == Status::Ok && temperature > {threshold}
        | watermark 10s
        | group_by { device_id, window = tumbling(1min) }
        | agg { n = count(), avg_temp = avg(temperature), hottest = max(temperature) }
        | select { .., date = window.start.date() }
        | sink parquet({out}, partition_by = [date])
    }
}

#[tokio::main]
async fn main() -> millstream::Result<()> {
    let input = Input::from_args("iot_to_parquet")?;
    input.put(readings()).await?;
    // A stream does not end: the last minute stays open. The account says so.
    input.run(pipeline(&input)).await?;
    table::show(&input.folder("readings"), &["window", "device_id", "n", "avg_temp", "hottest"])
}
