//! CPU time of whole jobs, here and as loops written by hand: `cargo bench -p millstream --features parquet --bench
//! pipelines [-- --quick]`. The first loop is what one writes, over serde_json and std's `HashMap`; the second, the
//! yardstick, has a decoder and tables made for just these jobs. Both use Arrow's builders and parquet's writer.
//!
//! All read the same files, take turns in one process, and must make the same rows. The pipelines run with a
//! checkpoint, the loops have none. CPU time is that of the whole process, user and system.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "pipelines/by_hand.rs"]
mod by_hand;
#[path = "pipelines/data.rs"]
#[allow(dead_code, reason = "lines one by one are for the benchmark of Kinesis")]
mod data;
#[path = "pipelines/jobs.rs"]
#[allow(dead_code, reason = "others are for other benchmarks")]
mod jobs;
#[path = "pipelines/sums.rs"]
mod sums;
#[path = "pipelines/yardstick/mod.rs"]
mod yardstick;

use std::path::Path;

use cpu_time::ProcessTime;
use millstream::Pipeline;

use self::sums::Sum;

struct Job {
    name: &'static str,
    input: &'static str,
    pipeline: fn(&str, &str) -> Pipeline,
    by_hand: fn(&Path, &Path),
    yardstick: fn(&Path, &Path),
    sum: fn(&Path) -> Sum,
    /// Rows that an event makes: words are ten to a line.
    rows: u64,
}

const JOBS: [Job; 3] = [
    Job {
        name: "W1 etl",
        input: "readings.json",
        pipeline: jobs::etl,
        by_hand: by_hand::etl,
        yardstick: yardstick::etl,
        sum: sums::etl,
        rows: 1,
    },
    Job {
        name: "W2 windows",
        input: "readings.json",
        pipeline: jobs::minutes,
        by_hand: by_hand::minutes,
        yardstick: yardstick::minutes,
        sum: sums::minutes,
        rows: 1,
    },
    Job {
        name: "W3 words",
        input: "lines.txt",
        pipeline: jobs::words,
        by_hand: by_hand::words,
        yardstick: yardstick::words,
        sum: sums::words,
        rows: 10,
    },
];

/// Nanoseconds of CPU time per event.
fn measure(events: u64, work: &dyn Fn()) -> f64 {
    let start = ProcessTime::now();
    work();
    start.elapsed().as_nanos() as f64 / events as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let quick = args.iter().any(|arg| arg == "--quick");
    let option = |name: &str| args.iter().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    let events: u64 = if quick { 200_000 } else { 2_000_000 };
    let rounds: u64 = option("--rounds").unwrap_or(5);
    // For profilers: `--only=W2` runs one job, `--side=0` only the pipeline, 1 and 2 one of the loops.
    let only = args.iter().find_map(|arg| arg.strip_prefix("--only=")).unwrap_or("");
    let side: Option<u64> = option("--side");

    let folder = tempfile::tempdir().unwrap();
    let bytes = data::readings(&folder.path().join("readings.json"), events);
    println!("{events} readings of {} bytes, {rounds} rounds", bytes / events);
    data::lines(&folder.path().join("lines.txt"), events);
    println!(
        "{:<12} {:>12} {:>12} {:>12} {:>8} {:>12} {:>8}",
        "job", "millstream", "by hand", "yardstick", "to hand", "to yardstick", "hand to"
    );
    for job in JOBS.iter().filter(|job| job.name.starts_with(only)) {
        let input = folder.path().join(job.input);
        // Nanoseconds of the pipeline, the loop by hand, the yardstick.
        let mut taken: [Vec<f64>; 3] = Default::default();
        for round in 0..rounds {
            let scratch = tempfile::tempdir_in(folder.path()).unwrap();
            let [out, hand, stick] = ["out", "hand.parquet", "stick.parquet"].map(|name| scratch.path().join(name));
            let run = || {
                let pipeline = (job.pipeline)(input.to_str().unwrap(), out.to_str().unwrap());
                let summary = pipeline.checkpoint(scratch.path().join("checkpoint")).run_blocking().unwrap();
                assert_eq!((summary.rows.rows, summary.rows.late), (events * job.rows, 0), "{summary}");
            };
            // Who goes first takes turns, too.
            for turn in 0..3 {
                let now = (round + turn) % 3;
                if side.is_some_and(|side| side != now) {
                    continue;
                }
                let work: &dyn Fn() = match now {
                    0 => &run,
                    1 => &|| (job.by_hand)(&input, &hand),
                    _ => &|| (job.yardstick)(&input, &stick),
                };
                taken[now as usize].push(measure(events, work));
            }
            if side.is_none() {
                let sum = (job.sum)(&hand);
                assert_eq!(((job.sum)(&out), (job.sum)(&stick)), (sum, sum), "{}", job.name);
            }
        }
        let ratio = |of: usize, to: usize| median(taken[of].iter().zip(&taken[to]).map(|(of, to)| of / to).collect());
        let [ours, hand, stick] = [0, 1, 2].map(|side| median(taken[side].clone()));
        println!(
            "{:<12} {ours:>9.1} ns {hand:>9.1} ns {stick:>9.1} ns {:>8.2} {:>12.2} {:>8.2}",
            job.name,
            ratio(0, 1),
            ratio(0, 2),
            ratio(1, 2),
        );
    }
}
