//! Instructions per event of the hot paths, as valgrind counts them: `.ci/counts`, and `.ci/counts --write` to write
//! `counts.txt` anew. Unlike times they are the same on a busy machine, to about one in a hundred.
//!
//! Each path runs with some events and with twice as many; the difference has no start and no end in it. Fails where a
//! path takes more than 5 % over what the file says. Without valgrind it says so and passes, unless
//! `MILLSTREAM_REQUIRE_TOOLS=1`.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "pipelines/data.rs"]
mod data;
#[path = "targets/decode.rs"]
#[allow(dead_code, reason = "beside serde_json they are in the benchmark of aims")]
mod decode;
#[path = "pipelines/jobs.rs"]
#[allow(dead_code, reason = "one is for the benchmark of aims")]
mod jobs;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use millstream::Pipeline;

/// How much more a path may take than the file says.
const BOUND: f64 = 1.05;
/// Events of the shorter run.
const EVENTS: u64 = 30_000;

type Job = fn(&str, &str) -> Pipeline;

/// What is counted: a name, its input, the pipeline.
const PATHS: [(&str, &str, Job); 4] = [
    ("decode and filter all out", "readings", jobs::nothing),
    ("W1 etl", "readings", jobs::etl),
    ("W2 windows", "readings", jobs::minutes),
    ("W3 words", "lines", jobs::words),
];

fn input(folder: &Path, name: &str, events: u64) -> PathBuf {
    folder.join(format!("{name}-{events}"))
}

/// Runs a path, in a process of its own under valgrind.
fn run(number: usize, events: u64, folder: &Path) {
    let Some((_, name, pipeline)) = PATHS.get(number) else {
        let row = &mut decoding()[number - PATHS.len()];
        return (0..events / decode::RECORDS).for_each(|_| (row.ours)());
    };
    let scratch = tempfile::tempdir_in(folder).unwrap();
    let out = scratch.path().join("out");
    let pipeline = pipeline(input(folder, name, events).to_str().unwrap(), out.to_str().unwrap());
    pipeline.checkpoint(scratch.path().join("checkpoint")).run_blocking().unwrap();
}

/// Decoding alone, whose paths come behind the others.
fn decoding() -> Vec<decode::Row> {
    decode::rows(|_| 0.0, data::lines_of_readings)
}

/// The instructions of [`run`].
fn counted(number: usize, events: u64, folder: &Path) -> f64 {
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args([format!("--path={number}"), format!("--events={events}")])
        .arg(format!("--folder={}", folder.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let count = said.lines().find_map(|line| line.split("I   refs:").nth(1));
    let count = count.filter(|_| output.status.success()).unwrap_or_else(|| panic!("valgrind: {said}"));
    count.trim().replace(',', "").parse().unwrap()
}

/// The counts of the file, by path.
fn written(file: &Path) -> BTreeMap<String, f64> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, count)| (name.trim().to_owned(), count.parse().unwrap()))
        .collect()
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| args.iter().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('='));
    if let Some(number) = option("--path") {
        let events = option("--events").unwrap().parse().unwrap();
        return run(number.parse().unwrap(), events, Path::new(option("--folder").unwrap()));
    }
    let Ok(version) = Command::new("valgrind").arg("--version").output() else {
        eprintln!("skipped: instructions are not counted, there is no valgrind");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for events in [EVENTS, 2 * EVENTS] {
        data::readings(&input(folder.path(), "readings", events), events);
        data::lines(&input(folder.path(), "lines", events), events);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/counts.txt");
    let before = written(&file);
    let arch = format!("# {},", std::env::consts::ARCH);
    let write = args.iter().any(|arg| arg == "--write");
    if !write && !std::fs::read_to_string(&file).unwrap_or_default().contains(&arch) {
        eprintln!("skipped: {} has instructions of another architecture", file.display());
        return;
    }
    let mut text = format!(
        "# Instructions per event, one worker, with a checkpoint. Written by `.ci/counts --write`.\n# {}, {}\n",
        std::env::consts::ARCH,
        String::from_utf8_lossy(&version.stdout).trim(),
    );
    let mut over = Vec::new();
    let names = PATHS.iter().map(|(name, ..)| *name).chain(decoding().into_iter().map(|row| row.name));
    for (number, name) in names.enumerate() {
        let [once, twice] = [EVENTS, 2 * EVENTS].map(|events| counted(number, events, folder.path()));
        let count = (twice - once) / EVENTS as f64;
        writeln!(text, "{name:<40} {count:.0}").unwrap();
        let ratio = before.get(name).map_or(f64::NAN, |before| count / before);
        println!("{name:<40} {count:>8.0} instructions per event, {ratio:.3} of what is written");
        if ratio.is_nan() || ratio > BOUND {
            over.push(name);
        }
    }
    if write {
        std::fs::write(&file, text).unwrap();
        return;
    }
    assert!(
        over.is_empty(),
        "over {BOUND} of what is written, or not written at all: {}; find out why, or write the file anew with \
         `.ci/counts --write`",
        over.join(", ")
    );
}
