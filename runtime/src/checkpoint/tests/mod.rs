mod chain;
mod collect;
mod cost;
mod fence;
mod fuzz;
#[cfg(feature = "_objects")]
mod objects;
mod order;
mod traced;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::*;
use crate::store::{Digest, Durability, RESTORE, Store};

/// A checkpoint and one output in a folder of their own.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("ckpt")
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn options(&self) -> OpenOptions {
        let mut options = OpenOptions::new(self.root(), "f1", json!({"plan": 1}), Instance::here("build 1"));
        options.durability = Durability::ProcessCrash;
        options.sink("files", self.out())
    }

    fn open(&self) -> Result<Opened> {
        Checkpoint::open(self.options(), |_, _| Ok(()))
    }

    fn slot(&self, slot: u64) -> PathBuf {
        self.root().join(log::slot_path(slot))
    }

    /// All rows a reader of the output sees, by file name.
    fn rows(&self) -> BTreeMap<String, String> {
        let mut rows = BTreeMap::new();
        read_tree(&self.out(), &mut rows);
        rows
    }
}

fn read_tree(dir: &Path, rows: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_tree(&path, rows);
        } else {
            rows.insert(path.display().to_string(), std::fs::read_to_string(&path).unwrap());
        }
    }
}

fn write(store: &dyn Store, path: &str, content: &str) -> Result<Digest> {
    let mut file = store.write_new_file(path)?;
    file.write_all(content.as_bytes()).map_err(|e| Error::io("writing", e))?;
    file.sync_and_close()?;
    Ok(Digest::of(content.as_bytes()))
}

/// Prepares an epoch as a pipeline would: two output files in two folders, one changelog.
fn prepare(checkpoint: &Checkpoint, epoch: u64) -> Result<Commit> {
    let stage = checkpoint.stage_dir("files", epoch)?;
    let mut files = Vec::new();
    for part in 0..2 {
        let name = format!("{part}.parquet");
        let Digest { len, xxh3 } = write(stage.store().as_ref(), &stage.path(&name), &format!("row {epoch}.{part}"))?;
        let path = format!("part={part}/e{epoch:010}-w000-{part:03}.parquet");
        files.push(OutputFile { stage: stage.recorded(&name), path, len, xxh3, rows: 1, ..OutputFile::default() });
    }
    let path = checkpoint.state_path("per_country", StateKind::Changelog, 0, 127, epoch)?;
    let Digest { len, xxh3 } = write(checkpoint.store().as_ref(), &path, &format!("change {epoch}"))?;
    let change = StateFile { lo: 0, hi: 127, epoch, path, len, xxh3, rows: 1 };
    let mut changelogs = lock(&checkpoint.head).last.as_ref().map(|l| l.operators["per_country"].changelogs.clone());
    changelogs.get_or_insert_default().push(change);
    let operator = OperatorFiles { changelogs: changelogs.unwrap(), ..OperatorFiles::default() };
    Ok(Commit {
        epoch,
        // Long after the starts, so that slots are old enough to be collected.
        wall_time: i64::MAX / 2 + i64::try_from(epoch).unwrap(),
        sinks: BTreeMap::from([("files".to_owned(), files)]),
        operators: BTreeMap::from([("per_country".to_owned(), operator)]),
        ..Commit::default()
    })
}

fn run(checkpoint: &Checkpoint, epoch: u64) -> Result<()> {
    checkpoint.commit(prepare(checkpoint, epoch)?)?;
    checkpoint.publish(epoch)?;
    Ok(())
}

/// Runs the epochs after the last, up to `epochs`, as a pipeline does it: the next one is committed before the one before
/// it is published.
fn run_on(checkpoint: Checkpoint, last: u64, epochs: u64) -> Result<()> {
    for epoch in last + 1..=epochs {
        checkpoint.commit(prepare(&checkpoint, epoch)?)?;
        if epoch > last + 1 {
            checkpoint.publish(epoch - 1)?;
            checkpoint.collect_garbage(&BTreeSet::new())?;
        }
    }
    if last < epochs {
        checkpoint.publish(epochs)?;
    }
    checkpoint.close()
}

/// Readers see all rows of all epochs up to the last, each once, and none of any other.
fn check(rows: impl IntoIterator<Item = String>, last: u64) {
    let mut expected: Vec<String> = (1..=last).flat_map(|e| [format!("row {e}.0"), format!("row {e}.1")]).collect();
    let mut found: Vec<String> = rows.into_iter().collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

/// At no moment does a reader see a row twice, a part of a file, or a row of an epoch that is not committed.
fn check_readers(rows: &[String], log: &Log) {
    let last = log.history().unwrap().last.map_or(0, |last| last.commit.epoch);
    for row in rows {
        let (epoch, _) = row.strip_prefix("row ").unwrap().split_once('.').unwrap();
        assert!(epoch.parse::<u64>().unwrap() <= last, "{row} is visible, and {last} is the last epoch");
    }
    assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), rows.len(), "a row is there twice");
}

/// An instance `a` is overtaken by an instance `b` and wakes up; gives what it is told.
fn a_zombie_is_refused(open: impl Fn(&str) -> Opened) -> Error {
    let zombie = open("a").checkpoint;
    run(&zombie, 1).unwrap();
    zombie.commit(prepare(&zombie, 2).unwrap()).unwrap();
    let late = prepare(&zombie, 3).unwrap();

    let newer = open("b");
    assert_eq!((newer.last.unwrap().epoch, newer.published.moved), (2, 2), "it publishes what the zombie committed");
    let newer = newer.checkpoint;
    run(&newer, 3).unwrap();

    // Publishing again what it committed does no harm; anything else is refused.
    assert_eq!(zombie.publish(2).unwrap(), Published { moved: 0, present: 2 });
    let error = zombie.record_starts(json!(1)).unwrap_err();
    assert_eq!((error.kind(), error.kind().exit_code()), (Kind::Fenced, 76));
    assert!(error.to_string().contains("fenced by generation 2 (host b, pid "), "{error}");
    assert_eq!(zombie.commit(late).unwrap_err().kind(), Kind::Internal, "it stays refused");
    run(&newer, 4).unwrap();
    error
}

/// Of instances that are opened at once the last one to claim a generation can commit.
fn the_last_of_many_stays(open: impl Fn() -> Checkpoint + Sync) {
    let opened: Vec<Checkpoint> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..6).map(|_| scope.spawn(&open)).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let generations: BTreeSet<u64> = opened.iter().map(Checkpoint::generation).collect();
    assert_eq!(generations.len(), 6, "no two share a generation");
    let empty = Commit { epoch: 2, ..Commit::default() };
    let won: Vec<u64> = opened.iter().filter(|c| c.commit(empty.clone()).is_ok()).map(Checkpoint::generation).collect();
    assert_eq!(won, [*generations.last().unwrap()], "the last to claim stays");
}

#[test]
fn a_pipeline_goes_on_where_it_ended() {
    let world = World::new();
    let opened = world.open().unwrap();
    assert!(opened.last.is_none() && opened.previous.is_none() && opened.starts.is_none());
    let checkpoint = opened.checkpoint;
    let id = checkpoint.pipeline_id().to_owned();
    assert_eq!((checkpoint.generation(), id.len(), id.as_bytes()[14]), (1, 36, b'7'));
    checkpoint.record_starts(json!({"in": {"at": 17}})).unwrap();
    drop(checkpoint);

    let opened = world.open().unwrap();
    assert_eq!(opened.starts, Some(json!({"in": {"at": 17}})), "durable before any commit");
    let checkpoint = opened.checkpoint;
    run(&checkpoint, 1).unwrap();
    run(&checkpoint, 2).unwrap();
    checkpoint.close().unwrap();
    assert!(checkpoint.commit(Commit { epoch: 3, ..Commit::default() }).is_err());
    drop(checkpoint);

    let opened = world.open().unwrap();
    let last = opened.last.unwrap();
    assert_eq!((last.epoch, last.generation, last.published_through), (2, 2, Some(1)));
    assert_eq!((opened.previous.unwrap().plan, opened.starts), (json!({"plan": 1}), None));
    assert_eq!(opened.published, Published::default(), "after a close nothing is checked again");
    assert_eq!((opened.checkpoint.generation(), opened.checkpoint.pipeline_id()), (3, id.as_str()));
    assert_eq!(world.rows().len(), 4);
}

#[test]
fn the_commit_of_one_epoch_overlaps_the_publish_of_the_one_before() {
    let world = World::new();
    let checkpoint = world.open().unwrap().checkpoint;
    checkpoint.commit(prepare(&checkpoint, 1).unwrap()).unwrap();
    checkpoint.commit(prepare(&checkpoint, 2).unwrap()).unwrap();
    assert_eq!(world.rows().len(), 0);
    let third = prepare(&checkpoint, 3).unwrap();
    assert_eq!(checkpoint.commit(third.clone()).unwrap_err().kind(), Kind::Internal);
    assert_eq!(checkpoint.publish(2).unwrap_err().kind(), Kind::Internal, "in order");
    checkpoint.publish(1).unwrap();
    checkpoint.commit(third).unwrap();
    assert_eq!(checkpoint.published_through(), Some(1));
    drop(checkpoint);
    assert_eq!(world.open().unwrap().published, Published { moved: 4, present: 0 });
    assert_eq!(world.rows().len(), 6);
}

/// A file of the same name and length is not ours for that; and what is left of the epoch is published when it is out of the way.
#[test]
fn a_file_with_other_content_is_not_taken_for_ours() {
    let world = World::new();
    let checkpoint = world.open().unwrap().checkpoint;
    checkpoint.commit(prepare(&checkpoint, 1).unwrap()).unwrap();
    let path = world.out().join("part=0/e0000000001-w000-000.parquet");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "ROW 1.0").unwrap();
    let error = checkpoint.publish(1).unwrap_err();
    assert_eq!(error.kind(), Kind::Io);
    assert!(error.to_string().contains("part=0/") && error.to_string().contains("other content"), "{error}");
    std::fs::remove_file(path).unwrap();
    assert_eq!(checkpoint.publish(1).unwrap(), Published { moved: 1, present: 1 });
    check(world.rows().into_values(), 1);
}

#[test]
fn a_refused_comparison_writes_nothing() {
    let world = World::new();
    run(&world.open().unwrap().checkpoint, 1).unwrap();
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    read_tree_bytes(&world.root(), &mut before);
    let mut options = world.options();
    options.fingerprint = "f2".to_owned();
    options.descriptor = json!({"plan": 2});
    let error = Checkpoint::open(options.clone(), |old, new| {
        assert_eq!((&old.plan, new), (&json!({"plan": 1}), &json!({"plan": 2})));
        Err(Error::new(Kind::Config, "E0412 another key"))
    })
    .unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    read_tree_bytes(&world.root(), &mut after);
    assert_eq!(before, after);
    let opened = Checkpoint::open(options, |_, _| Ok(())).unwrap();
    assert_eq!(opened.previous.unwrap().plan, json!({"plan": 1}));
}

/// All but the lock, whose text is of no consequence.
fn read_tree_bytes(dir: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_tree_bytes(&path, into);
        } else if !path.ends_with("LOCK") {
            into.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn folders_that_get_into_each_others_way_are_refused() {
    let world = World::new();
    let refuse = |options: OpenOptions, text: &str| {
        let error = Checkpoint::open(options, |_, _| Ok(())).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains(text), "{error}");
    };
    refuse(world.options().sink("b", world.out()), "write to one folder");
    refuse(world.options().sink("b", world.root()), "lie in each other");
    refuse(world.options().sink("b", world.dir.path()), "lie in each other");
    refuse(world.options().sink("b", world.root().join("out")), "lie in each other");

    drop(world.open().unwrap());
    let mut copy = world.options();
    copy.root = Place::Local(world.dir.path().join("another"));
    refuse(copy, "belongs to the pipeline");
}

#[test]
fn an_output_cannot_change_while_files_wait_for_it() {
    let world = World::new();
    let checkpoint = world.open().unwrap().checkpoint;
    checkpoint.commit(prepare(&checkpoint, 1).unwrap()).unwrap();
    drop(checkpoint);
    let mut moved = world.options();
    moved.sinks.insert("files".to_owned(), Place::Local(world.dir.path().join("elsewhere")));
    let error = Checkpoint::open(moved, |_, _| Ok(())).unwrap_err();
    assert!(error.to_string().contains("epoch 1 is committed with 2 files for"), "{error}");
    let mut gone = world.options();
    gone.sinks.clear();
    assert!(Checkpoint::open(gone, |_, _| Ok(())).unwrap_err().to_string().contains("not in the pipeline"));
}

#[test]
fn a_committed_file_that_is_gone_stops_the_start() {
    let world = World::new();
    let checkpoint = world.open().unwrap().checkpoint;
    checkpoint.commit(prepare(&checkpoint, 1).unwrap()).unwrap();
    drop(checkpoint);
    std::fs::remove_file(world.dir.path().join("out.stage/g1/e0000000001/1.parquet")).unwrap();
    for _ in 0..2 {
        let error = world.open().unwrap_err();
        assert_eq!(error.kind(), Kind::Io);
        assert!(error.to_string().contains("(1 rows) is neither there nor at"), "{error}");
        assert_eq!(error.advice(), Some(RESTORE));
    }
    std::fs::write(world.out().join("part=1/e0000000001-w000-001.parquet"), "row 1.1").unwrap();
    drop(world.open().unwrap());
    assert_eq!(world.rows().len(), 2);
}
