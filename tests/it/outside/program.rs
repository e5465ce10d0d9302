//! The program that is killed at work: `outside FOLDER TICKS` writes `FOLDER/out` and `FOLDER/checkpoint`, with nothing but
//! connectors of somebody else's.

use std::env;
use std::process::ExitCode;

use millstream::prelude::*;
use millstream::store::Durability;
use millstream_outside::{fields, spread, table, ticks};

fn pipeline() -> Option<Pipeline> {
    let mut words = env::args().skip(1);
    let (folder, count) = (words.next()?, words.next()?.parse::<u64>().ok()?);
    let out = format!("{folder}/out");
    let pipeline = pipeline! {
        from ticks({count})
        | decode fields else skip
        | watermark at 1s
        | group_by { name, window = tumbling(1min) }
        | agg { n = count(), spread = spread(value) }
        | select { name, minute = window.start.micros() / 60_000_000, n, spread }
        | sink table({out}, header = yes)
    };
    let pipeline = pipeline.checkpoint(format!("{folder}/checkpoint")).max_rows_per_epoch(50).workers(2);
    Some(pipeline.durability(Durability::ProcessCrash))
}

fn main() -> ExitCode {
    let Some(pipeline) = pipeline() else {
        eprintln!("outside FOLDER TICKS");
        return ExitCode::from(64);
    };
    match pipeline.run_blocking() {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.kind().exit_code())
        }
    }
}
