//! Real processes that are killed: nothing is lost, nothing is there twice, and a reader never sees anything wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod hosts;
pub(crate) mod input;
mod instances;
mod moody;
mod output;
mod victim;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use millstream::checkpoint::Record;
use serde_json::{Value, json};

use crate::{is_long, seed};
use input::{Input, MOST_ROWS, Random};
use output::{Watch, compare_elsewhere, files, read_all};
use victim::{Start, Victim};

/// Longer than any start or epoch takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn f_074_085_rows_are_there_once_however_often_the_process_is_killed() {
    kill_often("rows", if is_long() { 600 } else { 50 }, seed() + 11);
}

#[test]
fn f_085_windows_are_there_once_however_often_the_process_is_killed() {
    kill_often("windows", if is_long() { 400 } else { 30 }, seed() + 12);
}

#[test]
fn groups_with_a_ttl_are_there_once_however_often_the_process_is_killed() {
    kill_often("ttl", if is_long() { 400 } else { 20 }, seed() + 13);
}

#[test]
fn updates_of_a_token_are_the_same_however_often_the_process_is_killed() {
    kill_often("update", if is_long() { 400 } else { 20 }, seed() + 14);
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
            // Die at any moment, most often soon after the start.
            std::thread::sleep(Duration::from_micros(random.below(60_000) >> random.below(7)));
        } else {
            let slots = if enough { 3 } else { 3 + random.below(24) };
            let grown = running.wait_for(LONG, || victim.has_grown_by(slots));
            assert!(grown, "no progress: {}", running.errors());
            // Die anywhere in an epoch, not only at a commit.
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
    // Of some twenty kills none may hit the short moments of a commit or a recovery.
    let places = if mode == "update" { 2 } else { 3 };
    assert!(histogram.len() >= places, "all kills hit the same place");
}

/// Starts it once more with nothing in its way; then what has to hold at the end holds.
fn end_and_check(victim: &mut Victim, input: &Input, start: Start) {
    let mode = start.mode;
    let (code, errors) = victim.start(Start { epoch_rows: MOST_ROWS, ..start }).end(LONG);
    assert_eq!(code, Some(0), "{errors}");
    let seen = read_all(&victim.path("out")).len();
    check(victim, input, mode, seen);
}

/// What holds at the end.
fn check(victim: &mut Victim, input: &Input, mode: &'static str, seen: usize) {
    let slots = victim.read_log();
    let Some(Record::Close(close)) = slots.last().map(|slot| &slot.record) else { panic!("the log has no clean end") };
    assert_eq!((close.published_through, &close.error), (Some(victim.epoch()), &None));
    let (rows, account) = input.expected(mode);
    // The reader looks at files; updates go to a function.
    let files_of_rows = if mode == "update" { 0 } else { rows.len() };
    assert_eq!(seen, files_of_rows, "the reader did not see as many rows as there should be");
    let last = victim.last.as_ref().unwrap();
    assert!(last.drained);
    for (name, figure) in &account {
        assert_eq!(last.counters.get(name), Some(figure), "the account is wrong in {name}: {:?}", last.counters);
    }
    same("rows", &output(victim, mode), &rows);
    let mut bad = input.bad.clone();
    bad.sort();
    let letters = |folder: &str| {
        let mut letters: Vec<String> =
            read_all(&victim.path(folder)).iter().map(|row| row[0].as_str().unwrap().to_owned()).collect();
        letters.sort();
        letters
    };
    same("dead letters", &letters("bad"), &bad);
    if mode == "ttl" {
        same("late rows", &letters("late"), &input.late());
    }
    let outputs: &[&str] = match mode {
        "ttl" => &["out", "bad", "late"],
        "update" => &["bad"],
        _ => &["out", "bad"],
    };
    for output in outputs {
        let stage = victim.path(&format!("{output}.stage"));
        let left: Vec<_> = std::fs::read_dir(stage).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["OWNER"], "something is left in the stage");
    }
    // Nothing is left to do.
    let (code, errors) = victim.start(Start::new(mode)).end(LONG);
    assert_eq!(code, Some(0), "{errors}");
    same("rows", &output(victim, mode), &rows);
    if mode != "update" {
        compare_elsewhere(victim.folder(), &rows, &bad);
    }
}

/// The rows that are there at the end: of updates, the last of each key.
fn output(victim: &Victim, mode: &str) -> Vec<Value> {
    if mode != "update" {
        return read_all(&victim.path("out"));
    }
    let mut latest = BTreeMap::new();
    for path in files(&victim.path("updates")).iter().filter(|path| path.extension().is_some()) {
        let rows: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        latest.extend(rows.into_iter().map(|row| (json!([row[0], row[1]]).to_string(), row)));
    }
    let mut rows: Vec<Value> = latest.into_values().collect();
    output::sort(&mut rows);
    rows
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
