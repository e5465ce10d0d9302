//! What is done only now and then, or only with much, done all the time: each call of it is tried.

use std::io::Write as _;

use super::super::search::{self, Machine};
use super::*;
use crate::checkpoint::{Log, Record};
use crate::store::Durability;
use crate::store::simulated::{Death, How, Scale};

/// A machine on which things are done that often.
pub(super) fn machine(scale: Scale) -> Machine {
    let mut machine = Machine::default();
    machine.world.scale = scale;
    machine
}

/// Snapshots at every other epoch, and at every other one garbage, also that of the log.
const OFTEN: Scale = Scale { part: None, round: Some(2), large: None, collect: Some(2), slots: Some(3), spill: false };

/// As [`passes`], from a machine on.
pub(super) fn passes_on(name: &str, machine: &Machine, test: CrashTest) -> Report {
    let (begun, seed) = (std::time::Instant::now(), number("MILLSTREAM_SEED"));
    let report = search::from(&test.seed(seed), machine);
    let report = report.unwrap_or_else(|error| panic!("{name}: MILLSTREAM_SEED={seed}: {error}"));
    println!("{name}: {report} (MILLSTREAM_SEED={seed}, {:?})", begun.elapsed());
    report
}

/// Of a state that is one file, and of one by stripe.
#[test]
fn snapshots_and_garbage_on_a_disk() {
    let pipeline = windows("disk", 40).checkpoint("disk/checkpoint");
    let report = passes_on("snapshots and garbage", &machine(OFTEN), pipeline.crash_test().power_cuts(of(1, 100)));
    assert!(report.calls > 130, "{report}");
    let stripes = Scale { large: Some(0), ..OFTEN };
    let test = pipeline.crash_test().share(of(11, 1)).power_cuts(of(1, 20));
    let report = passes_on("snapshots by stripe", &machine(stripes), test);
    assert!(report.calls > 200, "{report}");
}

#[cfg(feature = "s3")]
#[test]
fn snapshots_and_garbage_in_a_bucket() {
    let pipeline = windows("s3://bucket/job", 40).checkpoint("s3://bucket/job/checkpoint");
    let test = pipeline.crash_test().storms(of(30, 5_000));
    passes_on("snapshots and garbage in a bucket", &machine(OFTEN), test);
}

/// State that goes to disk after each epoch, and is of no use to a process that comes later.
#[cfg(feature = "spill")]
#[test]
fn spilled_state() {
    let scratch = tempfile::tempdir().unwrap();
    let pipeline = windows("disk", 40).checkpoint("disk/checkpoint").spill(scratch.path()).workers(2);
    let test = pipeline.crash_test().power_cuts(of(1, 100)).storms(of(20, 5_000));
    // A crash test tells nobody what is on disk, so somebody looks.
    let spilled = |folder: &std::path::Path| {
        let folders = std::fs::read_dir(folder).unwrap().flatten();
        folders.filter_map(|of| std::fs::read_dir(of.path()).ok()).any(|files| files.count() > 1)
    };
    let (mut seen, done) = (false, std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !seen && !done.load(std::sync::atomic::Ordering::Relaxed) {
                seen = spilled(scratch.path());
            }
        });
        let report = passes_on("spilled state", &machine(Scale { spill: true, ..OFTEN }), test);
        assert!(report.calls > 130, "{report}");
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(seen, "nothing was spilled");
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "runs that died left what they had spilled");
}

/// A snapshot is corrupt, and the one before it and the changes since stand in: until it is taken anew.
#[test]
fn a_repair_on_a_disk() {
    repair("disk", of(2, 100));
}

#[cfg(feature = "s3")]
#[test]
fn a_repair_in_a_bucket() {
    repair("s3://bucket/job", 0);
}

fn repair(root: &str, power_cuts: u64) {
    let pipeline = windows(root, 40).checkpoint(format!("{root}/checkpoint").as_str());
    let machine = machine(Scale { round: Some(1), collect: Some(1), ..OFTEN });
    let test = pipeline.crash_test().power_cuts(power_cuts);
    let run = |machine: &Machine, death| {
        let process = machine.world.process(death, None);
        search::begin(&test, &machine.received, &process).ok();
        process.life().calls()
    };
    // It dies in its fourth epoch.
    let at = run(&machine.fork(), None).iter().position(|call| call.contains("e0000000004")).unwrap();
    run(&machine, Some(Death { at, how: How::Before }));
    spoil(&test, &machine);
    passes_on("a repair", &machine, test.clone());
}

/// Alters a bit of the newest snapshot.
fn spoil(test: &CrashTest, machine: &Machine) {
    let process = machine.world.process(None, None);
    let place = test.pipeline.options.checkpoint.as_ref().and_then(Checkpoint::place).unwrap();
    let store = place.simulated(&process, false).unwrap().open(Durability::PowerLoss).unwrap();
    let log = Log::new(std::sync::Arc::clone(&store));
    let mut commits = log.listing().unwrap().slots.filter_map(|slot| match log.read(slot).unwrap().record {
        Record::Commit(commit) => Some(commit),
        _ => None,
    });
    let last = commits.next_back().unwrap();
    assert_eq!(last.epoch, 3);
    let files = last.operators.values().next().unwrap();
    assert_eq!((files.snapshots.len(), files.previous_snapshots.len()), (1, 1));
    let path = &files.snapshots[0].path;
    let mut bytes = store.read(path).unwrap().unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    store.remove(path).unwrap();
    let mut file = store.write_new_file(path).unwrap();
    file.write_all(&bytes).unwrap();
    file.sync_and_close().unwrap();
    store.sync_dir(crate::store::parent(path)).unwrap();
}

/// Every file is put in parts.
#[cfg(feature = "s3")]
#[test]
fn large_objects() {
    let parts = machine(Scale { part: Some(400), ..Scale::default() });
    let pipeline = rows("s3://bucket/job", 10).workers(2).checkpoint("s3://bucket/job/checkpoint");
    let report = passes_on("large objects", &parts, pipeline.crash_test().storms(of(60, 5_000)));
    assert!(report.calls > 40, "{report}");
}
