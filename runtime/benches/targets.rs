//! The aims of the project beside what is measured, one row each: `cargo bench -p millstream --features parquet --bench
//! targets [-- --quick] [--only=decode|starts|duckdb|loops|cores|memory]`. W1 and W2 beside loops written by hand are in the benchmark `pipelines`; these are all others.
//!
//! DuckDB is asked where `MILLSTREAM_PYTHON` names a Python that has it. On a busy machine ratios of CPU time hold, and
//! what is measured by the clock does not.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "pipelines/by_hand.rs"]
#[allow(dead_code, reason = "one job of three is used")]
mod by_hand;
#[path = "pipelines/data.rs"]
mod data;
#[path = "targets/decode.rs"]
mod decode;
#[path = "pipelines/jobs.rs"]
#[allow(dead_code, reason = "one is for the counts of instructions")]
mod jobs;
#[path = "targets/sixteen.rs"]
mod sixteen;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use cpu_time::ProcessTime;
use millstream::Pipeline;

type Job = fn(&str, &str) -> Pipeline;
type Loop = fn(&Path, &Path);

/// Seconds of CPU time, and by the clock.
fn seconds(work: impl FnOnce()) -> (f64, f64) {
    let (cpu, clock) = (ProcessTime::now(), Instant::now());
    work();
    (cpu.elapsed().as_secs_f64(), clock.elapsed().as_secs_f64())
}

/// Runs a job in a folder of its own; gives its CPU time and that by the clock.
fn run(job: Job, input: &Path, options: impl FnOnce(Pipeline) -> Pipeline) -> (f64, f64) {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    let pipeline = job(input.to_str().unwrap(), out.to_str().unwrap());
    let pipeline = options(pipeline.checkpoint(scratch.path().join("checkpoint")));
    seconds(|| {
        pipeline.run_blocking().unwrap();
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One row of the table.
fn say(what: &str, is: f64, aim: f64, unit: &str) {
    let met = if is <= aim { "" } else { "  over" };
    println!("{what:<48} {is:>9.2} {unit:<3} at most {aim:>6.2}{met}");
}

/// A job beside a loop, in turns.
fn beside(what: &str, job: Job, of: Loop, input: &Path, rounds: usize) {
    let ratio = |_| {
        let ours = run(job, input, |pipeline| pipeline).0;
        let scratch = tempfile::tempdir().unwrap();
        ours / seconds(|| of(input, &scratch.path().join("out.parquet"))).0
    };
    say(what, median((0..rounds).map(ratio).collect()), 1.5, "");
}

/// A job beside DuckDB's CPU time for the same.
fn beside_duckdb(name: &str, job: Job, input: &Path, rounds: usize) {
    let Some(python) = std::env::var_os("MILLSTREAM_PYTHON") else {
        println!("{name} to DuckDB: skipped: MILLSTREAM_PYTHON names no Python with duckdb");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/targets/duck.py");
    let ratio = |_| {
        let scratch = tempfile::tempdir().unwrap();
        let mut command = Command::new(&python);
        let output =
            command.arg(&script).arg(name).arg(input).arg(scratch.path().join("out.parquet")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let theirs: f64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        run(job, input, |pipeline| pipeline).0 / theirs
    };
    say(&format!("{name} to DuckDB"), median((0..rounds).map(ratio).collect()), 0.6, "");
}

/// The most memory that a process of its own takes for a job, in MB, of which its own start is a part.
fn peak(job: usize, input: &Path) -> f64 {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args([format!("--peak={job}"), format!("--input={}", input.display())]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

/// The child of [`peak`].
fn print_peak(job: usize, input: &Path) {
    run([jobs::etl, jobs::minutes][job], input, |pipeline| pipeline.workers(1));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|line| line.split_whitespace().next());
    println!("{}", most.map_or(f64::NAN, |kib| kib.parse::<f64>().unwrap() * 1_024.0 / 1e6));
}

/// Two workers beside one, in turns: the least time of each by the clock, and the CPU time of both.
fn cores(input: &Path, rounds: usize) {
    for (name, job) in [("W1", jobs::etl as Job), ("W2", jobs::minutes)] {
        let mut least = [(f64::MAX, f64::MAX); 2];
        for _ in 0..rounds {
            for (workers, least) in (1..).zip(&mut least) {
                let (cpu, clock) = run(job, input, |pipeline| pipeline.workers(workers));
                *least = (least.0.min(cpu), least.1.min(clock));
            }
        }
        let [(cpu, one), (cpu_of_two, two)] = least;
        println!("{name}: one worker {one:.3} s, CPU {cpu:.3} s; two {two:.3} s, CPU {cpu_of_two:.3} s");
        // Of two the rate is to be 1.8 times as high.
        say(&format!("{name}, two cores: time to one, clock"), two / one, 1.0 / 1.8, "");
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| args.iter().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('='));
    if let Some(job) = option("--peak") {
        return print_peak(job.parse().unwrap(), Path::new(option("--input").unwrap()));
    }
    let quick = args.iter().any(|arg| arg == "--quick");
    let (events, rounds) = if quick { (200_000, 1) } else { (2_000_000, 5) };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);

    let only = option("--only");
    let asked = |part: &str| only.is_none_or(|only| only == part);

    if asked("decode") {
        let six: fn(&[u8]) -> f64 = |record| {
            let row: by_hand::Six<'_> = serde_json::from_slice(record).unwrap();
            std::hint::black_box((row.device_id, row.country, row.status, row.seq, by_hand::micros(row.ts)));
            row.temperature
        };
        for mut row in decode::rows(six, data::lines_of_readings) {
            say(&format!("{}: to serde_json", row.name), row.ratio(), 0.6, "");
        }
    }
    if asked("starts") {
        let few = file("few.json");
        data::readings(&few, 10_000);
        let starts = (0..2 * rounds + 1).map(|_| run(jobs::etl, &few, |pipeline| pipeline).1 * 1e3);
        say("start to first output, 10,000 events, clock", median(starts.collect()), 30.0, "ms");
        let many = file("epochs.json");
        data::readings(&many, 50_000);
        let cost = |_| {
            let epochs = run(jobs::etl, &many, |pipeline| pipeline.max_rows_per_epoch(1_000)).0;
            (epochs - run(jobs::etl, &many, |pipeline| pipeline).0) / 49.0 * 1e3
        };
        say("an epoch of 1,000 events, CPU time", median((0..rounds).map(cost).collect()), 2.0, "ms");
    }

    let readings = file("readings.json");
    data::readings(&readings, events);
    if asked("duckdb") {
        let lines = file("lines.txt");
        data::lines(&lines, events);
        beside_duckdb("W1", jobs::etl, &readings, rounds);
        beside_duckdb("W2", jobs::minutes, &readings, rounds);
        beside_duckdb("W3", jobs::words, &lines, rounds);
    }
    if asked("loops") {
        beside("W2, 16 aggregates: to by hand", jobs::sixteen, sixteen::sixteen, &readings, rounds);
        let devices = file("devices.json");
        data::readings_of(&devices, events, 1_000_000);
        beside("W2, 1,000,000 devices: to by hand", jobs::minutes, by_hand::minutes, &devices, rounds);
        std::fs::remove_file(&devices).unwrap();
    }
    if asked("cores") {
        cores(&readings, rounds);
    }
    if asked("memory") {
        data::readings(&readings, 5 * events);
        for (number, name) in ["W1", "W2"].into_iter().enumerate() {
            say(&format!("{name}, {} events, most memory", 5 * events), peak(number, &readings), 64.0, "MB");
        }
    }
}
