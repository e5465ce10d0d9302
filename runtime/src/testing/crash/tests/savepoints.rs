//! A savepoint is made, and another pipeline begins from it: a process dies at every call of either.

use super::super::search::{self, Machine, Search};
use super::seldom::{machine, passes_on};
use super::*;
use crate::checkpoint::savepoint;
use crate::error::Kind;
use crate::store::Place;
use crate::store::simulated::{Death, How, Process, Scale};

#[test]
fn on_a_disk() {
    savepoints("disk", of(2, 100), 0);
}

#[cfg(feature = "s3")]
#[test]
fn in_a_bucket() {
    savepoints("s3://bucket/job", 0, of(20, 5_000));
}

/// A place on the machine of a process.
fn place(process: &Process, path: &str) -> crate::Result<Place> {
    Checkpoint::from(path).place().unwrap().simulated(process, false)
}

fn savepoints(root: &str, power_cuts: u64, storms: u64) {
    let path = |name: &str| format!("{root}/{name}");
    let first = windows(root, 40).checkpoint(path("checkpoint").as_str());
    let second = windows(&path("second"), 40).checkpoint(path("second/checkpoint").as_str());
    let second = second.from_savepoint(path("savepoint").as_str()).crash_test().power_cuts(power_cuts).storms(storms);
    let all = first.crash_test().share(u64::MAX).run().unwrap().rows;

    // With a snapshot, and changes after it.
    let machine = machine(Scale { round: Some(2), ..Scale::default() });
    let once = first.trigger(crate::engine::Trigger::Once).crash_test();
    for _ in 0..3 {
        search::begin(&once, &machine.received, &machine.world.process(None, None)).unwrap();
    }
    let mut search = Search::new(&once);
    let committed = search.look(&machine, &[]).unwrap();
    search.rows.check(&committed, &machine.received).unwrap();
    let committed = search.rows.expected() as u64;
    let save = |process: &Process| {
        savepoint::write(&place(process, &path("checkpoint"))?, &place(process, &path("savepoint"))?)
    };

    let whole = machine.fork();
    let process = whole.world.process(None, None);
    let saved = save(&process).unwrap();
    assert!(saved.files > 1, "{saved:?}");
    let calls = process.life().calls();
    let mut next = Search::new(&second);
    next.finish(&whole.fork(), &[]).unwrap();
    assert_eq!(committed + next.rows.expected() as u64, all, "the second goes on where the first was");

    // Each of its calls.
    let mut deaths = 0;
    for (at, call) in calls.iter().enumerate() {
        for how in [How::Before, How::After, How::Torn] {
            let machine = machine.fork();
            let process = machine.world.process(Some(Death { at, how }), None);
            save(&process).unwrap_err();
            assert!(process.life().dead(), "{how:?} call {at}, `{call}`");
            deaths += 1;
            for cut in 0..=power_cuts {
                let story = vec![format!("{} call {at} of a savepoint, `{call}`, power cut {cut}", search::words(how))];
                let machine = machine.fork();
                if cut > 0 {
                    machine.world.cut_power(number("MILLSTREAM_SEED").wrapping_add(deaths * power_cuts + cut));
                }
                again(&save, &machine, &story);
                next.finish(&machine, &story).unwrap();
            }
        }
    }
    println!("a savepoint: {} calls, {deaths} deaths", calls.len());
    // Each call of a start from it, and of the run that follows.
    let report = passes_on("from a savepoint", &whole, second.clone());
    assert_eq!(report.rows + committed, all);
}

/// The savepoint is made again; or it was whole.
fn again(save: &impl Fn(&Process) -> crate::Result<savepoint::Written>, machine: &Machine, story: &[String]) {
    match save(&machine.world.process(None, None)) {
        Ok(_) => {}
        Err(error) if error.kind() == Kind::Config && error.to_string().contains("is there already") => {}
        Err(error) => panic!("{story:?}: {error}"),
    }
}
