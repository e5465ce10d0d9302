//! Two instances at once.

use super::traced::Traced;
use super::*;

impl World {
    fn open_unlocked(&self, host: &str) -> Result<Opened> {
        let mut options = self.options();
        let store = Traced::new(&self.root()).without_locks();
        options.root = Place::Store(Arc::new(store), String::new());
        options.instance.host = host.to_owned();
        options.ignore_crash_loop = true;
        Checkpoint::open(options, |_, _| Ok(()))
    }
}

#[test]
fn the_lock_turns_a_second_instance_away() {
    let world = World::new();
    let first = world.open().unwrap();
    let error = world.open().unwrap_err();
    assert_eq!(error.kind(), Kind::AlreadyRunning);
    let pid = std::process::id();
    assert!(error.to_string().contains(&format!("is already running: pid {pid} on host ")), "{error}");
    assert!(error.to_string().contains(" since 20"), "{error}");
    drop(first);
    world.open().unwrap();
}

#[test]
fn without_the_lock_the_log_decides() {
    let world = World::new();
    a_zombie_is_refused(|host| world.open_unlocked(host).unwrap());
    check(world.rows().into_values(), 4);
}

#[test]
fn a_zombies_commit_is_refused() {
    let world = World::new();
    let zombie = world.open_unlocked("a").unwrap().checkpoint;
    let empty = |epoch| Commit { epoch, ..Commit::default() };
    zombie.commit(empty(1)).unwrap();
    let _newer = world.open_unlocked("b").unwrap();
    assert_eq!(zombie.commit(empty(2)).unwrap_err().kind(), Kind::Fenced);
}

#[test]
fn a_zombie_that_misses_its_files_learns_why() {
    let world = World::new();
    let zombie = world.open_unlocked("a").unwrap().checkpoint;
    run(&zombie, 1).unwrap();
    let late = prepare(&zombie, 2).unwrap();
    let other = Error::new(Kind::Output, "no such folder");
    zombie.fail(&Error::new(Kind::Fenced, "told before")).unwrap();
    let newer = world.open_unlocked("b").unwrap().checkpoint;
    let error = zombie.commit(late).unwrap_err();
    assert!(error.to_string().contains("is not there"), "the newer one has deleted what it staged: {error}");
    for error in [error, other] {
        let error = zombie.fail(&error).unwrap_err();
        assert!(error.to_string().contains("fenced by generation 2 (host b, pid "), "{error}");
    }
    run(&newer, 2).unwrap();
    drop((zombie, newer));
    assert_eq!(world.open().unwrap().last.unwrap().epoch, 2);
}

#[test]
fn one_of_many_at_once_stays() {
    let world = World::new();
    run(&world.open_unlocked("a").unwrap().checkpoint, 1).unwrap();
    the_last_of_many_stays(|| world.open_unlocked("b").unwrap().checkpoint);
}

#[test]
fn a_slot_made_again_after_its_collection_fences_its_writer() {
    let world = World::new();
    let zombie = world.open_unlocked("a").unwrap().checkpoint;
    let mut options = world.options();
    options.root = Place::Store(Arc::new(Traced::new(&world.root()).without_locks()), String::new());
    options.retention = Retention { slots: 4, micros: 0, most: 1_000, batch: 1 };
    let newer = Checkpoint::open(options, |_, _| Ok(())).unwrap().checkpoint;
    for epoch in 1..=30 {
        run(&newer, epoch).unwrap();
    }
    assert!(newer.collect_garbage(&BTreeSet::new()).unwrap().slots > 2);
    assert!(!world.slot(2).exists());
    let error = zombie.commit(Commit { epoch: 1, ..Commit::default() }).unwrap_err();
    assert_eq!(error.kind(), Kind::Fenced);
    assert!(world.slot(2).exists(), "it made the slot again");
    run(&newer, 31).unwrap();
    drop((zombie, newer));
    assert_eq!(world.open().unwrap().last.unwrap().epoch, 31, "and no reader minds");
    assert!(!world.slot(2).exists());
}

#[test]
fn starts_that_lead_nowhere_end() {
    let world = World::new();
    run(&world.open().unwrap().checkpoint, 1).unwrap();
    for _ in 0..4 {
        drop(world.open().unwrap());
    }
    let opened = world.open().unwrap().checkpoint;
    opened.fail(&Error::new(Kind::Data, "row 17 is bad")).unwrap();
    drop(opened);
    let error = world.open().unwrap_err();
    assert_eq!((error.kind(), error.kind().exit_code()), (Kind::CrashLoop, 77));
    assert!(error.to_string().contains("5 starts on the checkpoint"), "{error}");
    assert!(error.to_string().contains("since epoch 1; the last error was: row 17 is bad"), "{error}");
    let mut options = world.options();
    options.instance.build = "build 2".to_owned();
    drop(Checkpoint::open(options, |_, _| Ok(())).unwrap());
    let mut options = world.options();
    options.ignore_crash_loop = true;
    Checkpoint::open(options, |_, _| Ok(())).unwrap().checkpoint.close().unwrap();
    drop(world.open().unwrap());
}

/// A disk that was full for the record of an epoch says nothing about the build, however often it is.
#[test]
fn starts_that_meet_a_full_disk_do_not_count() {
    let world = World::new();
    let store = Traced::new(&world.root());
    for _ in 0..6 {
        let mut options = world.options();
        options.root = Place::Store(Arc::new(store.clone()), String::new());
        let opened = Checkpoint::open(options, |_, _| Ok(())).unwrap().checkpoint;
        let commit = prepare(&opened, 1).unwrap();
        store.fill();
        let error = opened.commit(commit).unwrap_err();
        assert!(error.is_disk_full(), "{error}");
        opened.fail(&error).unwrap();
    }
}
