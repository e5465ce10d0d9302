//! Real processes that are killed: nothing is lost, nothing is there twice, and a reader never sees anything wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub(crate) mod input;
mod instances;
mod output;
mod victim;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use millstream::checkpoint::Record;

use input::{Input, MOST_ROWS, Random};
use output::{Watch, compare_elsewhere, files, read_all};
use victim::{Start, Victim};

/// Longer than any start or epoch takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn rows_are_there_once_however_often_the_process_is_killed() {
    kill_often("rows", if is_long() { 600 } else { 40 }, 11);
}

#[test]
fn windows_are_there_once_however_often_the_process_is_killed() {
    kill_often("windows", if is_long() { 400 } else { 30 }, 12);
}

fn is_long() -> bool {
    std::env::var("MILLSTREAM_LONG").is_ok_and(|long| long == "1")
}

fn kill_often(mode: &'static str, asked: usize, seed: u64) {
    let begun = Instant::now();
    let mut victim = Victim::new();
    let input = Input::make(&victim.path("in"), 2_000 + 250 * asked as u64, seed);
    let watch = Watch::begin(victim.path("out"));
    let mut random = Random(seed);
    let (mut histogram, mut epochs, mut at_work) = (BTreeMap::<&str, usize>::new(), Vec::new(), 0);
    loop {
        assert!(watch.goes_on(), "the reader saw something wrong");
        // After the kills that are asked for it is let go fast, and is killed until it has ended by itself.
        let enough = epochs.len() >= asked;
        let mut running = victim.start(Start {
            workers: 1 + random.below(3),
            epoch_rows: if enough { MOST_ROWS } else { 16 + random.below(48) },
            power_loss: random.below(8) == 0,
            ..Start::new(mode)
        });
        // Five starts without a commit are a crash loop, by design; the fourth is given the time for one.
        let patient = victim.starts >= 3;
        if !patient && random.below(4) == 0 {
            std::thread::sleep(Duration::from_micros(random.below(60_000) >> random.below(7)));
        } else {
            let slots = if enough { 3 } else { 3 + random.below(24) };
            let grown = running.wait_for(LONG, || victim.has_grown_by(slots));
            assert!(grown, "no progress: {}", running.errors());
            std::thread::sleep(Duration::from_micros(random.below(20_000)));
        }
        if !running.kill() {
            assert!(enough, "all was done after {} kills of {asked}: the input is too short", epochs.len());
            break;
        }
        let (doing, commits) = victim.autopsy();
        *histogram.entry(doing).or_default() += 1;
        at_work += usize::from(commits > 0);
        epochs.push(victim.epoch());
    }
    let (kills, killed) = (epochs.len(), begun.elapsed());
    let (looks, seen) = watch.end();
    check(&mut victim, &input, mode, seen);
    println!(
        "{mode}: {kills} kills in {killed:?} of {:?}, {at_work} of them after a commit of that start; {looks} looks at the \
         output; hit at {histogram:?}, in epochs {epochs:?} of {}",
        begun.elapsed(),
        victim.epoch(),
    );
    assert!(kills >= asked && victim.epoch() > 100);
    assert!(at_work >= kills / 4, "too few kills hit a process at work");
    assert!(histogram.len() >= 4, "all kills hit the same place");
}

/// What holds at the end.
fn check(victim: &mut Victim, input: &Input, mode: &'static str, seen: usize) {
    let slots = victim.read_log();
    let Some(Record::Close(close)) = slots.last().map(|slot| &slot.record) else { panic!("the log has no clean end") };
    assert_eq!((close.published_through, &close.error), (Some(victim.epoch()), &None));
    let (rows, account) = input.expected(mode);
    assert_eq!(seen, rows.len(), "the reader did not see as many rows as there should be");
    let last = victim.last.as_ref().unwrap();
    assert!(last.drained);
    for (name, figure) in &account {
        assert_eq!(last.counters.get(name), Some(figure), "the account is wrong in {name}: {:?}", last.counters);
    }
    same("rows", &read_all(&victim.path("out")), &rows);
    let mut bad = input.bad.clone();
    bad.sort();
    let mut letters: Vec<String> =
        read_all(&victim.path("bad")).iter().map(|row| row[0].as_str().unwrap().to_owned()).collect();
    letters.sort();
    same("dead letters", &letters, &bad);
    for stage in ["out.stage", "bad.stage"] {
        let owner = victim.path(stage).join("OWNER");
        assert_eq!(files(&victim.path(stage)), [owner], "files are left in the stage");
    }
    // Nothing is left to do.
    let (code, errors) = victim.start(Start::new(mode)).end(LONG);
    assert_eq!(code, Some(0), "{errors}");
    same("rows", &read_all(&victim.path("out")), &rows);
    compare_elsewhere(victim.folder(), &rows, &bad);
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &[T], wanted: &[T]) {
    let different = found.iter().zip(wanted).find(|(found, wanted)| found != wanted);
    assert!(
        found == wanted,
        "{} {what}, {} expected; the first that differ, found and expected: {different:?}",
        found.len(),
        wanted.len()
    );
}
