//! The table "coming from Spark or Flink" of the README, as code: each of its cells stands here, and compiles.
#![cfg(all(feature = "kinesis", feature = "parquet"))]
#![allow(missing_docs, dead_code)]

use millstream::prelude::*;

#[derive(StreamSchema, Clone, Copy, PartialEq, Eq, Hash)]
#[stream(rename_all = "lowercase")]
enum Status {
    Ok,
    Failed,
}

#[derive(StreamSchema)]
struct Reading {
    device_id: String,
    #[stream(event_time)]
    ts: Timestamp,
    temperature: f64,
    country: Option<String>,
    status: Status,
    tags: Vec<String>,
}

#[derive(StreamSchema)]
struct PerDevice {
    device_id: String,
    n: i64,
}

fn sources(jobs: &str) -> [Pipeline; 4] {
    [
        pipeline! { from kinesis("readings", region = "us-west-2", start = latest) | decode json as Reading | sink console() },
        pipeline! { from kinesis("readings", start = trim_horizon, max_records_per_fetch = 1_000) | decode json as Reading | sink console() },
        pipeline! { from file("in/*.json", follow = 5s) | decode json as Reading else skip | sink console() },
        pipeline! { from rate(1_000) | select { timestamp, value, jobs = {jobs.to_owned()}.as_str() } | sink console() },
    ]
}

fn rows(threshold: f64) -> Pipeline {
    pipeline! {
        from kinesis("readings")
        | decode json as Reading else dead_letter(parquet("out/bad"))
        | filter temperature > {threshold} && status == Status::Ok
        | filter country.is_some()
        | filter matches!(country, Some("DE" | "FR"))
        | filter device_id.starts_with("eu-")
        | select { .., fahrenheit = temperature * 1.8 + 32.0 }
        | select { .., level = if temperature > 30.0 { "hot" } else { "fine" } }
        | select { .., country = country.unwrap_or("unknown") }
        | drop { status }
        | explode tag = tags
        | select { device_id, ts, fahrenheit, level, country, tag, arrived = record.approximate_arrival_timestamp }
        | sink console()
    }
}

fn windows() -> [Pipeline; 2] {
    [
        pipeline! {
            from kinesis("readings")
            | decode json as Reading
            | watermark 10s
            | group_by { device_id, window = tumbling(1min) }
            | agg { n = count(), mean = avg(temperature), failed = count_if(status == Status::Failed) }
            | filter n > 10
            | select { .., date = window.start.date() }
            | sink parquet("out/readings", partition_by = [date])
        },
        pipeline! {
            from kinesis("readings")
            | decode json as Reading
            | watermark 10s
            | group_by { country, window = sliding(10min, every = 1min) }
            | agg { hottest = max(temperature) }
            | sink console(sort = [country])
        },
    ]
}

fn groups() -> [Pipeline; 3] {
    [
        pipeline! {
            from kinesis("readings")
            | decode json as Reading
            | watermark 10s
            | group_by { device_id } ttl 1d
            | agg { n = count() }
            | sink console() mode = update
        },
        pipeline! {
            from kinesis("readings") | decode json as Reading | agg { n = count() } | sink console() mode = complete
        },
        pipeline! {
            from kinesis("readings")
            | decode json as Reading
            | watermark 10s
            | group_by { country, window = tumbling(1min) } else dead_letter(parquet("out/late"))
            | agg { n = count() }
            | sink console()
        },
    ]
}

fn batches() -> Pipeline {
    pipeline! {
        from kinesis("readings")
        | decode json as Reading
        | watermark 10s
        | group_by { device_id, window = tumbling(1min) }
        | agg { n = count() }
        | select { device_id, n }
        | sink foreach_batch({|batch: Batch<PerDevice>| store(&batch.token.to_string(), batch.rows)}) as PerDevice
    }
}

fn store(_token: &str, _rows: Vec<PerDevice>) -> millstream::Result<()> {
    Ok(())
}

async fn runs(pipeline: Pipeline) -> millstream::Result<()> {
    println!("{}", pipeline.explain());
    let daily = pipeline.clone().checkpoint("out/_checkpoint").trigger(Trigger::AvailableNow);
    daily.run().await?;
    let paced = pipeline.clone().trigger(Trigger::every(secs(10))).max_rows_per_epoch(100_000).workers(4);
    let query = paced.name("iot").checkpoint("out/_checkpoint").start();
    println!("{:?}", query.progress().map(|progress| progress.num_input_rows));
    query.stop();
    println!("{}", query.wait().await?);
    Ok(())
}
