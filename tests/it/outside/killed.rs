//! A process with nothing but these connectors that is killed again and again.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::{expected, lines};
use crate::log::last_commit;
use crate::process::Running;
use crate::random::Random;

/// 400 epochs.
const TICKS: u64 = 20_000;
const KILLS: usize = 8;
/// Longer than any start or epoch takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn connectors_of_a_crate_of_its_own_survive_kills() {
    let folder = tempfile::tempdir().unwrap();
    let (out, checkpoint) = (folder.path().join("out"), folder.path().join("checkpoint"));
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outside"));
        Running::start(command.arg(folder.path()).arg(TICKS.to_string()), folder.path())
    };
    let slots = || fs::read_dir(checkpoint.join("log")).map_or(0, Iterator::count);
    let (expected, mut random, mut epochs) = (expected(TICKS), Random(crate::seed() + 21), Vec::new());
    for _ in 0..KILLS {
        let (mut running, more) = (start(), slots() + 4 + random.below(30) as usize);
        assert!(running.wait_for(LONG, || slots() >= more), "no progress: {}", running.errors());
        // Die anywhere in an epoch, not only at a commit.
        std::thread::sleep(Duration::from_micros(random.below(5_000)));
        assert!(running.kill(), "it had ended before it was killed for the last time");
        epochs.push(last_commit(&checkpoint).epoch);
        // What is there is whole, and nothing is there twice.
        let mut there = if out.exists() { lines(&out) } else { Vec::new() };
        assert!(there.iter().all(|line| expected.binary_search(line).is_ok()));
        let rows = there.len();
        there.dedup();
        assert_eq!(there.len(), rows, "a row is there twice");
    }
    // Each start has gone on where the one before had come to.
    assert!(epochs.is_sorted_by(|before, after| before < after), "{epochs:?}");
    let (code, errors) = start().end(LONG);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(lines(&out), expected);
    println!("killed {KILLS} times, in epochs {epochs:?} of {}", last_commit(&checkpoint).epoch);
}
