//! Real processes that are killed: nothing is lost, nothing is there twice, and a reader never sees anything wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod input;
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
    kill_often("rows", if is_long() { 600 } else { 30 }, 11);
}

#[test]
fn windows_are_there_once_however_often_the_process_is_killed() {
    kill_often("windows", if is_long() { 400 } else { 20 }, 12);
}

fn is_long() -> bool {
    std::env::var("MILLSTREAM_LONG").is_ok_and(|long| long == "1")
}

fn kill_often(mode: &'static str, kills: usize, seed: u64) {
    let begun = Instant::now();
    let mut victim = Victim::new();
    let input = Input::make(&victim.path("in"), 1_500 + 200 * kills as u64, seed);
    let watch = Watch::begin(victim.path("out"));
    let mut random = Random(seed);
    let (mut histogram, mut epochs, mut between) = (BTreeMap::<&str, usize>::new(), Vec::new(), 0);
    for number in 0..kills {
        assert!(watch.goes_on(), "the reader saw something wrong");
        let mut running = victim.start(Start {
            workers: 1 + random.below(3),
            epoch_rows: 16 + random.below(48),
            power_loss: random.below(8) == 0,
            ..Start::new(mode)
        });
        // Five starts without a commit are a crash loop, by design; the fourth is given the time for one.
        match if victim.starts >= 3 { 3 } else { random.below(4) } {
            0 => std::thread::sleep(Duration::from_micros(random.below(60_000))),
            _ => {
                let slots = 2 + random.below(10) + if victim.starts >= 3 { 1 } else { 0 };
                let grown = running.wait_for(LONG, || victim.has_grown_by(slots));
                assert!(grown, "no progress: {}", running.errors());
                std::thread::sleep(Duration::from_micros(random.below(20_000)));
            }
        }
        assert!(running.kill(), "all was done before kill {number} of {kills}: the input is too short");
        let (doing, commits) = victim.autopsy();
        *histogram.entry(doing).or_default() += 1;
        between += usize::from(commits > 0);
        epochs.push(victim.epoch());
    }
    let killed = begun.elapsed();
    let (code, errors) = victim.start(Start { epoch_rows: MOST_ROWS, ..Start::new(mode) }).end(LONG);
    assert_eq!(code, Some(0), "{errors}");
    let (looks, seen) = watch.end();
    check(&mut victim, &input, mode, seen);
    println!(
        "{mode}: {kills} kills in {killed:?} of {:?}, {between} of them after a commit of that start; {looks} looks at the \
         output; hit at {histogram:?}, in epochs {epochs:?} of {}",
        begun.elapsed(),
        victim.epoch(),
    );
    assert!(between >= kills / 4, "too few kills hit a process at work");
    assert!(histogram.len() >= 3, "all kills hit the same place");
}

/// What holds at the end.
fn check(victim: &mut Victim, input: &Input, mode: &'static str, seen: usize) {
    let slots = victim.read_log();
    let Some(Record::Close(close)) = slots.last().map(|slot| &slot.record) else { panic!("the log has no clean end") };
    assert_eq!((close.published_through, &close.error), (Some(victim.epoch()), &None));
    let (rows, account) = input.expected(mode);
    assert_eq!(seen, rows.len());
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
