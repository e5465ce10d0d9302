//! The process dies at every single call; the next one has to settle everything.

use super::faulty::{Death, Faulty};
use super::*;

const EPOCHS: u64 = 4;

impl World {
    fn open_faulty(&self, store: &Faulty) -> Result<Opened> {
        let mut options = self.options();
        options.root = Place::Store(Arc::new(store.clone()), String::new());
        let beside = store.beside(self.dir.path());
        options.sinks.insert("files".to_owned(), Place::Store(Arc::new(beside), "out".to_owned()));
        options.ignore_crash_loop = true;
        options.retention = Retention { slots: 2, micros: 0, most: 1_000, batch: 1 };
        Checkpoint::open(options, |_, _| Ok(()))
    }

    /// See [`check`].
    fn check(&self, last: u64) {
        check(self.rows().into_values(), last);
    }

    /// See [`check_readers`].
    fn check_readers(&self) {
        let log = Log::new(Arc::new(Faulty::new(&self.root(), Death::Never)));
        check_readers(&self.rows().into_values().collect::<Vec<_>>(), &log);
    }
}

/// Runs what is left of the epochs, and checks what a start promises before it goes on.
fn attempt(world: &World, store: &Faulty) -> Result<()> {
    let opened = world.open_faulty(store)?;
    let last = opened.last.map_or(0, |last| last.epoch);
    world.check(last);
    assert_eq!(world.staged().len(), 0, "nothing staged is left over");
    let checkpoint = opened.checkpoint;
    if last == 0 && opened.starts.is_none() {
        checkpoint.record_starts(json!(17))?;
    }
    run_on(checkpoint, last, EPOCHS)
}

#[test]
fn nothing_is_lost_or_doubled_wherever_a_process_dies() {
    let deaths: [fn(u64) -> Death; 3] = [Death::Before, Death::After, Death::Torn];
    let mut enumerated = 0;
    for death in deaths {
        for at in 0.. {
            let world = World::new();
            let store = Faulty::new(&world.root(), death(at));
            let outcome = attempt(&world, &store);
            world.check_readers();
            if !store.dead() {
                outcome.unwrap();
                world.check(EPOCHS);
                break;
            }
            outcome.unwrap_err();
            // The second process dies as well, a little later each time, the third one gets through.
            let second = Faulty::new(&world.root(), death((at * 7) % 29));
            let _ = attempt(&world, &second);
            world.check_readers();
            let third = Faulty::new(&world.root(), Death::Never);
            attempt(&world, &third).unwrap_or_else(|e| panic!("after a death at call {at}: {e}"));
            world.check(EPOCHS);
            assert!(world.staged().is_empty());
            enumerated += 1;
        }
    }
    println!("{enumerated} deaths");
    assert!(enumerated > 100);
}

#[test]
fn a_death_at_every_call_of_a_recovery_is_recovered_from() {
    for at in 0.. {
        let world = World::new();
        let checkpoint = world.open().unwrap().checkpoint;
        run(&checkpoint, 1).unwrap();
        checkpoint.commit(prepare(&checkpoint, 2).unwrap()).unwrap();
        let third = prepare(&checkpoint, 3).unwrap();
        drop((checkpoint, third));
        let store = Faulty::new(&world.root(), Death::After(at));
        let opened = world.open_faulty(&store);
        if !store.dead() {
            opened.unwrap();
            break;
        }
        assert!(opened.is_err());
        let opened = world.open_faulty(&Faulty::new(&world.root(), Death::Never)).unwrap();
        assert_eq!(opened.last.unwrap().epoch, 2);
        world.check(2);
        assert!(world.staged().is_empty());
    }
}

/// The order is the promise: what a record names is durable before the record, and the folders of the output are
/// synced before the epoch counts as published.
#[test]
fn everything_is_durable_before_it_is_named() {
    let world = World::new();
    let store = Faulty::new(&world.root(), Death::Never);
    let checkpoint = world.open_faulty(&store).unwrap().checkpoint;
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
