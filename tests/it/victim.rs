//! The program that the crash tests kill: `victim MODE FOLDER WORKERS ROWS DURABILITY WINDOW FOLLOW [OUTPUT CHECKPOINT]`.
//!
//! It reads `FOLDER/in/*.ndjson` and writes `OUTPUT/out` and `OUTPUT/bad`, in epochs of ROWS rows. MODE is `rows`, a
//! pipeline without state, `many`, one that writes two hundred folders, `moody`, one that makes something else of its rows each time, `windows`, one that aggregates windows of WINDOW seconds, `ttl`, one of groups that end WINDOW
//! seconds after their last row, which writes late rows to `OUTPUT/late`, or `update`, which hands the windows that changed
//! to a function that writes a file for each token to `FOLDER/updates`. FOLLOW is `yes` or `no`. OUTPUT is FOLDER and
//! CHECKPOINT is `FOLDER/checkpoint` unless they are given, as paths or URLs.

use std::env;
use std::hash::{BuildHasher, RandomState};
use std::process::ExitCode;
use std::time::Duration;

use millstream::Error;
use millstream::error::Kind;
use millstream::prelude::*;
use millstream::sink::{Batch, foreach_batch};
use millstream::store::Durability;
use millstream::time::Date;

#[derive(StreamSchema)]
struct Reading {
    partition: i64,
    n: i64,
    device_id: String,
    #[stream(event_time)]
    ts: Timestamp,
    value: f64,
}

struct Places {
    input: String,
    out: String,
    bad: String,
    late: String,
    updates: String,
    follow: Option<Duration>,
}

fn rows(places: Places) -> Pipeline {
    let Places { input, out, bad, follow, .. } = places;
    pipeline! {
        from file({input}, follow = {follow})
        | decode json as Reading else dead_letter(parquet({bad}))
        | filter value >= 0.0
        | watermark 30s
        | select { partition, n, device_id, ts, value, date = ts.date() }
        | sink parquet({out}, partition_by = [date])
    }
}

fn many(places: Places) -> Pipeline {
    let Places { input, out, follow, .. } = places;
    pipeline! {
        from file({input}, follow = {follow})
        | decode json as Reading else skip
        | select { n, bucket = n % 200 }
        | sink parquet({out}, partition_by = [bucket])
    }
}

/// Something else at each call, and now and then a panic.
fn mood() -> i64 {
    let mood = RandomState::new().hash_one(0) >> 1;
    assert!(!mood.is_multiple_of(8), "in no mood");
    mood as i64
}

fn moody(places: Places) -> Pipeline {
    let Places { input, out, bad, follow, .. } = places;
    let run = i64::from(std::process::id());
    pipeline! {
        from file({input}, follow = {follow})
        | decode json as Reading else dead_letter(parquet({bad}))
        | filter value >= 0.0
        | watermark 30s
        | select { partition, n, run = {run}, mood = mood(), device_id }
        | select { .., of = mood % 3 }
        | sink parquet({out}, partition_by = [of])
    }
}

fn windows(places: Places, size: Duration) -> Pipeline {
    let Places { input, out, bad, follow, .. } = places;
    pipeline! {
        from file({input}, follow = {follow})
        | decode json as Reading else dead_letter(parquet({bad}))
        | filter value >= 0.0
        | watermark 30s
        | group_by { device_id, window = tumbling({size}) } name "per device"
        | agg { n = count(), total = sum(value), mean = avg(value), latest = last(n) }
        | select { .., date = window.start.date() }
        | sink parquet({out}, partition_by = [date])
    }
}

fn ttl(places: Places, size: Duration) -> Pipeline {
    let Places { input, out, bad, late, follow, .. } = places;
    pipeline! {
        from file({input}, follow = {follow})
        | decode json as Reading else dead_letter(parquet({bad}))
        | filter value >= 0.0
        | watermark 30s
        | group_by { device_id, minute = ts.floor({size}) } ttl {size} else dead_letter(parquet({late})) name "per device"
        | agg { n = count(), total = sum(value), mean = avg(value), latest = last(n) }
        | select { .., date = minute.date() }
        | sink parquet({out}, partition_by = [date])
    }
}

#[derive(StreamSchema)]
struct Changed {
    device_id: String,
    window: Span,
    n: i64,
    total: f64,
    mean: f64,
    latest: i64,
    date: Date,
}

#[derive(StreamSchema)]
struct Span {
    start: Timestamp,
    end: Timestamp,
}

fn update(places: Places, size: Duration) -> Pipeline {
    let Places { input, bad, updates, follow, .. } = places;
    let write = move |batch: Batch<Changed>| {
        let failed = |error| Error::io("writing updates", error);
        std::fs::create_dir_all(&updates).map_err(failed)?;
        let (path, new) = (format!("{updates}/{:010}.json", batch.token.epoch), format!("{updates}/new"));
        let rows = batch.rows.iter().map(|row| {
            let Changed { device_id, window: Span { start, end }, n, total, mean, latest, date } = row;
            let (start, end) = (start.micros(), end.micros());
            format!(r#"["{device_id}",[{start},{end}],{n},{total:?},{mean:?},{latest},"{date}"]"#)
        });
        let text = format!("[{}]", rows.collect::<Vec<_>>().join(","));
        match std::fs::read_to_string(&path) {
            // What is handed over again is the same.
            Ok(before) if before != text => Err(Error::new(Kind::Data, format!("`{path}` was other rows"))),
            _ => std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &path)).map_err(failed),
        }
    };
    pipeline! {
        from file({input}, follow = {follow})
        | decode json as Reading else dead_letter(parquet({bad}))
        | filter value >= 0.0
        | watermark 30s
        | group_by { device_id, window = tumbling({size}) } name "per device"
        | agg { n = count(), total = sum(value), mean = avg(value), latest = last(n) }
        | select { .., date = window.start.date() }
        | sink {foreach_batch(write)} mode = update
    }
}

/// The pipeline that the arguments describe; `None` if they describe none.
fn pipeline() -> Option<Pipeline> {
    let mut words = env::args().skip(1);
    let mode = words.next()?;
    let folder = words.next()?;
    let workers = words.next()?.parse().ok()?;
    let epoch = words.next()?.parse().ok()?;
    let durability = match words.next()?.as_str() {
        "power-loss" => Durability::PowerLoss,
        "process-crash" => Durability::ProcessCrash,
        _ => return None,
    };
    let size = Duration::from_secs(words.next()?.parse().ok()?);
    let follow = (words.next()? == "yes").then_some(Duration::from_millis(50));
    let output = words.next().unwrap_or_else(|| folder.clone());
    let checkpoint = words.next().unwrap_or_else(|| format!("{folder}/checkpoint"));
    let places = Places {
        input: format!("{folder}/in/*.ndjson"),
        out: format!("{output}/out"),
        bad: format!("{output}/bad"),
        late: format!("{output}/late"),
        updates: format!("{folder}/updates"),
        follow,
    };
    let pipeline = match mode.as_str() {
        "rows" => rows(places),
        "many" => many(places),
        "moody" => moody(places),
        "windows" => windows(places, size),
        "ttl" => ttl(places, size),
        "update" => update(places, size),
        _ => return None,
    };
    Some(pipeline.checkpoint(checkpoint).workers(workers).max_rows_per_epoch(epoch).durability(durability))
}

fn main() -> ExitCode {
    let Some(pipeline) = pipeline() else {
        eprintln!("victim MODE FOLDER WORKERS ROWS DURABILITY WINDOW FOLLOW [OUTPUT CHECKPOINT]");
        return ExitCode::from(64);
    };
    match pipeline.run_blocking() {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.kind().exit_code())
        }
    }
}
