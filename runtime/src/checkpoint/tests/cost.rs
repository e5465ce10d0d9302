//! What an epoch costs at least. The figures are printed: `cargo test -p millstream cost -- --nocapture`.

use std::time::Instant;

use super::traced::Traced;
use super::*;

fn median(mut times: Vec<u128>) -> u128 {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn cost_of_an_epoch() {
    for durability in [Durability::PowerLoss, Durability::ProcessCrash] {
        let world = World::new();
        let mut options = world.options();
        options.durability = durability;
        let checkpoint = Checkpoint::open(options, |_, _| Ok(())).unwrap().checkpoint;
        let (mut empty, mut prepared, mut committed, mut published) = (vec![], vec![], vec![], vec![]);
        let rounds = 40;
        for epoch in 1..=rounds {
            let start = Instant::now();
            checkpoint.commit(Commit { epoch, ..Commit::default() }).unwrap();
            checkpoint.publish(epoch).unwrap();
            empty.push(start.elapsed().as_micros());
        }
        for epoch in rounds + 1..=2 * rounds {
            let start = Instant::now();
            let mut commit = prepare_without_last(&checkpoint, epoch);
            commit.operators.clear();
            prepared.push(start.elapsed().as_micros());
            let start = Instant::now();
            checkpoint.commit(commit).unwrap();
            committed.push(start.elapsed().as_micros());
            let start = Instant::now();
            checkpoint.publish(epoch).unwrap();
            published.push(start.elapsed().as_micros());
        }
        println!(
            "{durability:?}: empty commit and publish {} us; with 2 files in 2 folders: stage {} us, commit {} us, publish {} us",
            median(empty),
            median(prepared),
            median(committed),
            median(published)
        );
    }
}

fn prepare_without_last(checkpoint: &Checkpoint, epoch: u64) -> Commit {
    let stage = checkpoint.stage_dir("files", epoch).unwrap();
    let mut files = Vec::new();
    for part in 0..2 {
        let name = format!("{part}.parquet");
        let Digest { len, xxh3 } = write(stage.store().as_ref(), &stage.path(&name), "row").unwrap();
        let path = format!("part={part}/e{epoch:010}.parquet");
        files.push(OutputFile { stage: stage.recorded(&name), path, len, xxh3, rows: 1, ..OutputFile::default() });
    }
    Commit { epoch, sinks: BTreeMap::from([("files".to_owned(), files)]), ..Commit::default() }
}

/// A commit that names no files is one new slot and nothing else.
#[test]
fn an_empty_epoch_is_one_effect() {
    let world = World::new();
    let store = Traced::new(&world.root());
    let mut options = world.options();
    options.root = Place::Store(Arc::new(store.clone()), String::new());
    let checkpoint = Checkpoint::open(options, |_, _| Ok(())).unwrap().checkpoint;
    store.trace();
    checkpoint.commit(Commit { epoch: 1, ..Commit::default() }).unwrap();
    checkpoint.publish(1).unwrap();
    assert_eq!(store.trace().len(), 1);
}
