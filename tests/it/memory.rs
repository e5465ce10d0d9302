//! The memory of a pipeline does not depend on how long its input is. What it has is asked of Linux.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::Command;
use std::time::Instant;

use millstream::time::Timestamp;

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
