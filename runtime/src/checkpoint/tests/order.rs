//! What a process does in which order, and that it may die anywhere in it.

use super::traced::Traced;
use super::*;
use crate::store::simulated::{self, Death, How, Process};

const EPOCHS: u64 = 4;

/// The checkpoint and the output on a simulated machine.
fn place(process: &Process, output: bool) -> Result<Place> {
    let dir = PathBuf::from(if output { "/out" } else { "/ckpt" });
    Place::Local(dir).simulated(process, output)
}

/// All rows a reader of the output sees.
fn rows(process: &Process) -> Vec<String> {
    let out = place(process, true).unwrap().open_sink(Durability::PowerLoss).unwrap();
    let parts = (0..2).flat_map(|part| {
        let dir = out.out_path(&format!("part={part}"));
        out.store().list(&dir).unwrap().into_iter().map(move |entry| join(&dir, &entry.name))
    });
    parts.map(|path| String::from_utf8(out.store().read(&path).unwrap().unwrap()).unwrap()).collect()
}

/// Runs what is left of the epochs.
fn attempt(process: &Process) -> Result<()> {
    let mut options = OpenOptions::new("", "f1", json!({"plan": 1}), Instance::here("build 1"));
    options.root = place(process, false)?;
    options.sinks.insert("files".to_owned(), place(process, true)?);
    options.ignore_crash_loop = true;
    options.retention = Retention { slots: 2, micros: 0, most: 1_000, batch: 1 };
    let opened = Checkpoint::open(options, |_, _| Ok(()))?;
    let last = opened.last.map_or(0, |last| last.epoch);
    check(rows(process), last);
    run_on(opened.checkpoint, last, EPOCHS)
}

/// The engine publishes an epoch before it commits the next; a checkpoint lets it be done in the other order, too.
#[test]
fn nothing_is_lost_or_doubled_if_an_epoch_is_committed_before_the_last_is_published() {
    let mut deaths = 0;
    for how in [How::Before, How::After, How::Torn] {
        for at in 0.. {
            let machine = simulated::World::default();
            let process = machine.process(Some(Death { at, how }), None);
            let ended = attempt(&process);
            if !process.life().dead() {
                ended.unwrap();
                check(rows(&process), EPOCHS);
                break;
            }
            deaths += 1;
            for cut in 0..3 {
                let machine = machine.fork();
                if cut > 0 {
                    machine.cut_power(at as u64 * 3 + cut);
                }
                let looker = machine.fork().process(None, None);
                let log = Log::new(place(&looker, false).unwrap().open(Durability::PowerLoss).unwrap());
                check_readers(&rows(&looker), &log);
                let next = machine.process(None, None);
                attempt(&next).unwrap_or_else(|e| panic!("after a death at call {at}, {how:?}, cut {cut}: {e}"));
                check(rows(&next), EPOCHS);
            }
        }
    }
    assert!(deaths > 200, "{deaths}");
}

/// The order is the promise: what a record names is durable before the record, and the folders of the output are
/// synced before the epoch counts as published.
#[test]
fn everything_is_durable_before_it_is_named() {
    let world = World::new();
    let store = Traced::new(&world.root());
    let mut options = world.options();
    options.root = Place::Store(Arc::new(store.clone()), String::new());
    let beside = store.beside(world.dir.path());
    options.sinks.insert("files".to_owned(), Place::Store(Arc::new(beside), "out".to_owned()));
    let checkpoint = Checkpoint::open(options, |_, _| Ok(())).unwrap().checkpoint;
    run(&checkpoint, 1).unwrap();
    let change = checkpoint.state_path("per_country", StateKind::Changelog, 0, 127, 2).unwrap();
    let (change, _) = change.rsplit_once('-').unwrap();
    store.trace();
    run(&checkpoint, 2).unwrap();
    let trace: Vec<String> = store.trace().into_iter().filter(|step| !step.starts_with("write")).collect();
    let stage = "out.stage/g1/e0000000002";
    let expected = [
        format!("create_dirs {stage}"),
        format!("sync {stage}/0.parquet"),
        format!("sync {stage}/1.parquet"),
        format!("sync {change}-2.parquet"),
        "sync_dir state/per_country".to_owned(),
        format!("sync_dir {stage}"),
        "create_only log/00000000000000000003.rec".to_owned(),
        "create_dirs out/part=0".to_owned(),
        "create_dirs out/part=1".to_owned(),
        "rename to out/part=0/e0000000002-w000-000.parquet".to_owned(),
        "rename to out/part=1/e0000000002-w000-001.parquet".to_owned(),
        "sync_dir out/part=0".to_owned(),
        "sync_dir out/part=1".to_owned(),
        format!("remove_empty_dir {stage}"),
    ];
    assert_eq!(trace, expected);
}
