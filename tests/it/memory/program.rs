//! The program whose memory is looked at: `long FOLDER [ROWS]` groups `FOLDER/in.ndjson` by device and window, and prints the
//! rows read and written, and the most memory it ever had, in MiB. With ROWS it does so in epochs of that many, and spares the
//! disk.

use std::process::ExitCode;

use millstream::prelude::*;
use millstream::store::Durability;

#[derive(StreamSchema)]
struct Reading {
    device_id: String,
    #[stream(event_time)]
    ts: Timestamp,
    temperature: f64,
    status: String,
}

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("long FOLDER [ROWS]");
        return ExitCode::from(64);
    };
    let pipeline = pipeline! {
        from file({format!("{folder}/in.ndjson")})
        | decode json as Reading
        | filter status == "ok"
        | watermark 10s
        | group_by { device_id, window = tumbling(10s) }
        | agg { n = count(), mean = avg(temperature), hottest = max(temperature) }
        | select { .., date = window.start.date() }
        | sink parquet({format!("{folder}/out")}, partition_by = [date])
    };
    let pipeline = pipeline.checkpoint(format!("{folder}/checkpoint")).workers(2);
    let pipeline = match std::env::args().nth(2).and_then(|rows| rows.parse().ok()) {
        Some(rows) => pipeline.max_rows_per_epoch(rows).durability(Durability::ProcessCrash),
        None => pipeline,
    };
    match pipeline.run_blocking() {
        Ok(summary) => {
            let (_, most) = millstream_tests::memory::of_this_process();
            println!("{} {} {}", summary.rows.rows, summary.rows_out, most >> 20);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.kind().exit_code())
        }
    }
}
