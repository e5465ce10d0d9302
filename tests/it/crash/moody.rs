//! Functions that give something else each time they are called.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, from_str, json};

use super::LONG;
use super::input::{Input, Random};
use super::output::{files, read, read_all};
use super::victim::{Start, Victim};
use crate::{is_long, seed};

/// An epoch that is computed twice has the results of the one that was committed, and none of the other: a row is in one place,
/// be it an output or the dead letters, and all rows of an epoch are of one process.
#[test]
fn f_064_results_of_two_computations_are_never_mixed() {
    let (mut victim, mut random) = (Victim::new(), Random(seed() + 17));
    let kills = if is_long() { 400 } else { 25 };
    let input = Input::make(&victim.path("in"), 4_000 + 100 * kills, seed() + 17);
    let mut killed = 0;
    loop {
        victim.read_log();
        let epoch_rows = if killed < kills { 16 + random.below(48) } else { 2_000 };
        let mut running = victim.start(Start { workers: 1 + random.below(3), epoch_rows, ..Start::new("moody") });
        if killed >= kills {
            let (code, errors) = running.end(LONG);
            assert_eq!(code, Some(0), "{errors}");
            break;
        }
        let slots = if victim.starts >= 3 { 4 } else { 1 + random.below(12) };
        assert!(running.wait_for(LONG, || victim.has_grown_by(slots)), "{}", running.errors());
        std::thread::sleep(Duration::from_micros(random.below(10_000)));
        assert!(running.kill(), "all was done after {killed} kills");
        killed += 1;
    }
    let (mut seen, mut runs) = (BTreeSet::new(), BTreeMap::new());
    for path in files(&victim.path("out")) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let epoch = name.split('-').next().unwrap().to_owned();
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        for row in read(&path) {
            let (key, run, mood) = (json!([row[0], row[1]]), row[2].as_i64().unwrap(), row[3].as_i64().unwrap());
            assert_eq!(folder, format!("of={}", mood % 3), "{row}");
            assert_eq!(*runs.entry(epoch.clone()).or_insert(run), run, "epoch {epoch} is of two processes");
            assert!(seen.insert(key.to_string()), "{row} is there twice");
        }
    }
    let (written, processes) = (seen.len(), runs.values().collect::<BTreeSet<_>>().len());
    let mut letters = Vec::new();
    for letter in read_all(&victim.path("bad")) {
        let line = letter[0].as_str().unwrap();
        match from_str::<Value>(line) {
            // One that could have been a row.
            Ok(row) if !input.bad.iter().any(|bad| bad == line) => {
                let key = json!([row["partition"], row["n"]]).to_string();
                assert!(seen.insert(key), "{line} is a row and a dead letter, or twice one");
            }
            _ => letters.push(line.to_owned()),
        }
    }
    let (mut bad, panicked) = (input.bad.clone(), seen.len() - written);
    bad.sort();
    letters.sort();
    assert_eq!(letters, bad);
    let (expected, _) = input.expected("rows");
    assert_eq!(seen.len(), expected.len(), "a row is missing");
    println!("{killed} kills: {written} rows by {processes} processes, {panicked} of which made dead letters");
    assert!(processes > 5 && panicked > 100);
}
