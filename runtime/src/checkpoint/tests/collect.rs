//! What nothing needs goes, and nothing else.

use super::*;

fn names(world: &World) -> BTreeSet<String> {
    let dir = world.root().join("state/per_country");
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn snapshot(checkpoint: &Checkpoint, epoch: u64) -> StateFile {
    let path = checkpoint.state_path("per_country", StateKind::Snapshot, 0, 127, epoch).unwrap();
    let Digest { len, xxh3 } = write(checkpoint.store().as_ref(), &path, "all").unwrap();
    StateFile { lo: 0, hi: 127, epoch, path, len, xxh3, rows: 1 }
}

#[test]
fn the_generation_before_the_last_snapshot_stays() {
    let world = World::new();
    let checkpoint = world.open().unwrap().checkpoint;
    let orphan = checkpoint.state_path("per_country", StateKind::Changelog, 0, 127, 3).unwrap();
    write(checkpoint.store().as_ref(), &orphan, "of an epoch that was given up").unwrap();
    let mut counts = Vec::new();
    for epoch in 1..=12 {
        let mut commit = prepare(&checkpoint, epoch).unwrap();
        let files = commit.operators.get_mut("per_country").unwrap();
        if let Some(last) = lock(&checkpoint.head).last.clone() {
            files.snapshots = last.operators["per_country"].snapshots.clone();
        }
        if epoch % 4 == 0 {
            files.snapshots = vec![snapshot(&checkpoint, epoch)];
            files.changelogs.clear();
        }
        checkpoint.commit(commit).unwrap();
        checkpoint.publish(epoch).unwrap();
        checkpoint.collect_garbage(&BTreeSet::new()).unwrap();
        let last = lock(&checkpoint.head).last.clone().unwrap();
        let files = &last.operators["per_country"];
        let named: BTreeSet<String> = files.files().map(|f| f.path.rsplit_once('/').unwrap().1.to_owned()).collect();
        let there = names(&world);
        assert!(named.is_subset(&there), "epoch {epoch}");
        counts.push((
            files.snapshots.len(),
            files.changelogs.len(),
            files.previous_snapshots.len(),
            files.previous_changelogs.len(),
        ));
        if epoch >= 3 {
            assert_eq!(named, there, "epoch {epoch}");
        }
    }
    // (the changelog of an epoch with a snapshot was written and named nowhere here)
    assert_eq!(
        counts,
        [
            (0, 1, 0, 0),
            (0, 2, 0, 0),
            (0, 3, 0, 0),
            (1, 0, 0, 3),
            (1, 1, 0, 3),
            (1, 2, 0, 3),
            (1, 3, 0, 3),
            (1, 0, 1, 3),
            (1, 1, 1, 3),
            (1, 2, 1, 3),
            (1, 3, 1, 3),
            (1, 0, 1, 3),
        ]
    );
}

#[test]
fn files_in_use_and_files_of_the_last_starts_stay() {
    let world = World::new();
    let make = |checkpoint: &Checkpoint, epoch| {
        let path = checkpoint.state_path("per_country", StateKind::Snapshot, 0, 127, epoch).unwrap();
        write(checkpoint.store().as_ref(), &path, "x").unwrap();
        path
    };
    let checkpoint = world.open().unwrap().checkpoint;
    let (used, unused, later) = (make(&checkpoint, 1), make(&checkpoint, 1), make(&checkpoint, 2));
    run(&checkpoint, 1).unwrap();
    let collected = checkpoint.collect_garbage(&BTreeSet::from([used.clone()])).unwrap();
    assert_eq!(collected.state_files, 1);
    let there = |path: &str| world.root().join(path).exists();
    assert_eq!([there(&used), there(&unused), there(&later)], [true, false, true]);
    drop(checkpoint);

    let checkpoint = world.open().unwrap().checkpoint;
    assert_eq!(checkpoint.collect_garbage(&BTreeSet::new()).unwrap().state_files, 0);
    drop(checkpoint);
    let checkpoint = world.open().unwrap().checkpoint;
    assert_eq!(checkpoint.collect_garbage(&BTreeSet::new()).unwrap().state_files, 2);
    assert_eq!(lock(&checkpoint.head).last.clone().unwrap().epoch, 1);
}

#[test]
fn old_slots_go_in_batches_and_young_ones_stay() {
    let world = World::new();
    let mut options = world.options();
    options.retention = Retention { slots: 10, micros: 60, most: 1_000, batch: 20 };
    let checkpoint = Checkpoint::open(options, |_, _| Ok(())).unwrap().checkpoint;
    let slots = || std::fs::read_dir(world.root().join("log")).unwrap().count();
    for epoch in 1..=200 {
        // The start itself is long ago, each epoch takes a microsecond.
        let wall_time = i64::MAX - 1000 + i64::try_from(epoch).unwrap();
        checkpoint.commit(Commit { epoch, wall_time, ..Commit::default() }).unwrap();
        checkpoint.publish(epoch).unwrap();
        checkpoint.collect_garbage(&BTreeSet::new()).unwrap();
    }
    assert!((60..=140).contains(&slots()), "{}", slots());
    assert_eq!(std::fs::read_dir(world.root().join("floor")).unwrap().count(), 1);
    drop(checkpoint);
    assert_eq!(world.open().unwrap().last.unwrap().epoch, 200);
}

#[test]
fn young_slots_go_when_they_are_too_many() {
    let world = World::new();
    let mut options = world.options();
    options.retention = Retention { slots: 10, micros: i64::MAX, most: 50, batch: 20 };
    let checkpoint = Checkpoint::open(options, |_, _| Ok(())).unwrap().checkpoint;
    let slots = || std::fs::read_dir(world.root().join("log")).unwrap().count();
    let mut most = 0;
    for epoch in 1..=300 {
        run(&checkpoint, epoch).unwrap();
        checkpoint.collect_garbage(&BTreeSet::new()).unwrap();
        most = most.max(slots());
    }
    assert!((50..=80).contains(&most), "{most}");
    drop(checkpoint);
    assert_eq!(world.open().unwrap().last.unwrap().epoch, 300);
}

#[test]
fn a_collection_that_died_is_continued() {
    let world = World::new();
    let checkpoint = world.open().unwrap().checkpoint;
    (1..=20).for_each(|epoch| run(&checkpoint, epoch).unwrap());
    drop(checkpoint);
    std::fs::write(world.root().join(log::floor_path(3)), "").unwrap();
    std::fs::remove_file(world.slot(2)).unwrap();
    assert_eq!(world.open().unwrap().last.unwrap().epoch, 20);
    assert!(!world.slot(1).exists() && !world.slot(3).exists() && world.slot(4).exists());
}
