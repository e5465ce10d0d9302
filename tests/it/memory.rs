//! The memory of a pipeline does not depend on how long its input is. What it has is asked of Linux.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use millstream::time::Timestamp;

use crate::process::Running;

/// Lines of the short input, 143 MiB of which are more than two epochs. The long one has five times as many, with
/// `MILLSTREAM_LONG=1` fifteen times, 2 GiB.
const SHORT: u64 = 1_200_000;
/// The most memory that the program may ever have, in MiB. It has 74 to 83, whatever the input.
const MOST: u64 = 128;
/// How far two runs over the same input may be apart, in MiB; less than a twentieth of what the long input has more.
const CHANCE: u64 = 24;

/// Writes so many readings of a hundred devices, ten milliseconds of event time apart.
fn write(file: File, lines: u64) -> u64 {
    let (mut out, mut bytes) = (BufWriter::with_capacity(1 << 20, file), 0);
    // 2026-01-01T00:00:00Z.
    let begin = 1_767_225_600_000_000;
    for second in 0..lines / 100 {
        let (ts, mut text) = (Timestamp::from_micros(begin + second as i64 * 1_000_000).to_string(), Vec::new());
        for n in second * 100..second * 100 + 100 {
            let (device, value, status) = (n * 7_919 % 100, n % 1_000, if n % 11 == 0 { "faulty" } else { "ok" });
            writeln!(
                text,
                r#"{{"device_id":"device-{device:04}","ts":"{ts}","temperature":{value}.25,"status":"{status}","note":"not used by the pipeline"}}"#
            )
            .unwrap();
        }
        bytes += text.len() as u64;
        out.write_all(&text).unwrap();
    }
    out.flush().unwrap();
    bytes
}

/// Runs the program over so many lines; gives its peak of memory in MiB.
fn peak(lines: u64) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let bytes = write(File::create(folder.path().join("in.ndjson")).unwrap(), lines);
    let begun = Instant::now();
    let ran = Command::new(env!("CARGO_BIN_EXE_long")).arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let figures: Vec<u64> = said.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let [rows, out, peak] = figures[..] else { panic!("{said}") };
    println!("{} MiB of input, {out} rows out in {:.1?}: {peak} MiB of memory", bytes >> 20, begun.elapsed());
    // In each ten seconds there are a thousand rows, of a hundred devices.
    assert_eq!((rows, out), (lines, lines / 10));
    peak
}

#[test]
fn memory_does_not_grow_with_the_input() {
    let short = peak(SHORT);
    let long = peak(SHORT * if crate::is_long() { 15 } else { 5 });
    assert!(short.max(long) <= MOST, "{short} and {long} MiB");
    assert!(long <= short + CHANCE, "{short} MiB for the short input, {long} MiB for the long one");
}

/// Rows in each of very many epochs.
const EPOCH: u64 = 10;

/// What a process that runs for a month must not have more and more of.
#[derive(Debug, Clone, Copy)]
struct Held {
    kib: u64,
    descriptors: u64,
    threads: u64,
    /// Of the checkpoint and the stage; neither its results nor slots of the log, of which five thousand are kept.
    files: u64,
}

impl Held {
    /// `None` when the process has ended.
    fn by(pid: u32, folder: &Path) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let entries = |name: &str| Some(fs::read_dir(format!("/proc/{pid}/{name}")).ok()?.count() as u64);
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib = kib.trim().trim_end_matches(" kB").parse().ok()?;
        let files = ["checkpoint/state", "checkpoint/floor", "checkpoint/plan", "checkpoint/outbox", "out.stage"];
        let files = files.iter().map(|name| below(&folder.join(name))).sum();
        Some(Self { kib, descriptors: entries("fd")?, threads: entries("task")?, files })
    }

    fn most(of: &[Self]) -> Self {
        let most = |figure: fn(&Self) -> u64| of.iter().map(figure).max().unwrap();
        Self {
            kib: most(|held| held.kib),
            descriptors: most(|held| held.descriptors),
            threads: most(|held| held.threads),
            files: most(|held| held.files),
        }
    }
}

/// Files below a folder.
fn below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { below(&entry.path()) } else { 1 }).sum()
}

/// A month of epochs, as many as the time of a test allows: what leaks a little in each shows.
#[test]
fn f_092_nothing_grows_over_many_epochs() {
    let epochs: u64 = if crate::is_long() { 300_000 } else { 10_000 };
    let folder = tempfile::tempdir().unwrap();
    write(File::create(folder.path().join("in.ndjson")).unwrap(), epochs * EPOCH);
    let begun = Instant::now();
    let mut program = Command::new(env!("CARGO_BIN_EXE_long"));
    let mut running = Running::start(program.arg(folder.path()).arg(EPOCH.to_string()), folder.path());
    let mut held = Vec::new();
    while running.ended().is_none() {
        held.extend(Held::by(running.pid(), folder.path()));
        std::thread::sleep(Duration::from_millis(25));
    }
    let (code, errors) = running.end(Duration::ZERO);
    assert_eq!(code, Some(0), "{errors}");
    let said = fs::read_to_string(folder.path().join("output.txt")).unwrap();
    assert!(said.starts_with(&format!("{} ", epochs * EPOCH)), "{said}");
    let quarter = held.len() / 4;
    assert!(quarter >= 20, "it was over after {} looks", held.len());
    // What is begun once is there by the second quarter; the last look may be at an end.
    let (early, late) = (Held::most(&held[quarter..2 * quarter]), Held::most(&held[3 * quarter..]));
    println!("{epochs} epochs in {:.1?}: {early:?}, and at last {late:?}", begun.elapsed());
    assert!(late.kib <= early.kib + 6 * 1024, "memory has grown: {early:?} {late:?}");
    assert!(late.descriptors <= early.descriptors + 3, "descriptors are not given back: {early:?} {late:?}");
    assert!(late.threads <= early.threads + 2, "threads do not end: {early:?} {late:?}");
    assert!(late.files <= early.files + early.files / 10 + 5, "files are not deleted: {early:?} {late:?}");
}
