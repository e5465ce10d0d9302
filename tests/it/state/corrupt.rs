//! Every file of a checkpoint is altered, and taken away: the next start has just the right result, or refuses and names the
//! file. It never begins from nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use millstream::error::Kind;
use millstream::prelude::*;
use millstream::store::Durability;

use super::world::read;
use crate::log::last_commit;
use crate::random::Random;
use crate::{is_long, seed};

/// A pipeline over so many keys, and what it is asked to end with.
#[derive(Clone, Copy)]
struct Job {
    keys: u64,
    count: u64,
}

/// A folder in which a run was stopped, put aside: it ran in one of the same name with `.hurt` at its end.
struct Stopped {
    folder: tempfile::TempDir,
}

impl Stopped {
    fn new(begin: impl Fn(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("whole");
        begin(&whole.with_extension("hurt"));
        fs::rename(whole.with_extension("hurt"), whole).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("whole")
    }
}

impl Job {
    fn pipeline(self, folder: &Path) -> Pipeline {
        let (Self { keys, count }, out) = (self, folder.join("out").display().to_string());
        let start = Timestamp::from_micros(1_767_225_600_000_000);
        let pipeline = pipeline! {
            from rate(1_000_000, count = {count}, start = {start}, pace = unpaced)
            | select { timestamp, value, key = format!("the key {:09}", value % {keys}) }
            | watermark timestamp 10s
            | group_by { key, window = tumbling(1h) } name "per key"
            | agg { n = count(), total = sum(value) }
            | sink parquet({out})
        };
        pipeline.checkpoint(folder.join("kept")).durability(Durability::ProcessCrash)
    }

    /// Runs until so many epochs more are committed, and stops.
    fn begin(self, folder: &Path, rows: u64, epochs: u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let done = Arc::new(AtomicU64::new(0));
            let counted = Arc::clone(&done);
            let pipeline = self.pipeline(folder).max_rows_per_epoch(rows).on_progress(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
            });
            let query = pipeline.start();
            while done.load(Ordering::Relaxed) < epochs && !query.is_finished() {
                tokio::task::yield_now().await;
            }
            query.stop();
            query.wait().await.unwrap();
        });
    }

    /// What has to be there at the end.
    fn expected(self) -> BTreeMap<String, (i64, i64)> {
        let mut expected = BTreeMap::<String, (i64, i64)>::new();
        for value in 0..self.count {
            let group = expected.entry(format!("the key {:09}", value % self.keys)).or_default();
            *group = (group.0 + 1, group.1 + value as i64);
        }
        expected
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() { copy(&path, &to) } else { assert!(fs::copy(path, to).is_ok()) }
    }
    // A checkpoint that others may write to is refused.
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// How starts ended.
#[derive(Debug, Default)]
struct Ends {
    right: u64,
    refused: u64,
}

impl Ends {
    /// Does harm to a copy of a folder, starts, and looks. `hurt` are the files that a refusal has to name.
    fn of(
        &mut self,
        job: Job,
        whole: &Path,
        what: &str,
        hurt: &[&Path],
        harm: impl Fn(&Path),
    ) -> Option<millstream::Error> {
        // Where it was: a checkpoint knows its output by its path.
        let folder = whole.with_extension("hurt");
        fs::remove_dir_all(&folder).ok();
        copy(whole, &folder);
        harm(&folder);
        match job.pipeline(&folder).run_blocking() {
            Ok(_) => {
                assert!(read(&folder.join("out")) == job.expected(), "{what}: the result is wrong");
                self.right += 1;
                None
            }
            Err(error) => {
                assert!(matches!(error.kind(), Kind::Io | Kind::Config), "{what}: {error}");
                for file in hurt {
                    let name = file.file_name().unwrap().to_str().unwrap();
                    // Who has another name than before is refused by its output.
                    let named = error.to_string().contains(name) || error.message().contains("belongs to the pipeline");
                    assert!(named, "{what}, and `{name}` is not named: {error}");
                }
                let rows = folder.join("out");
                assert!(!rows.exists() || read(&rows).is_empty(), "{what}: refused, and there are rows");
                self.refused += 1;
                Some(error)
            }
        }
    }

    /// Alters a byte of each file at several places, and takes each away.
    fn of_every_file(&mut self, job: Job, whole: &Path, below: &str, places: usize) {
        let mut all = Vec::new();
        files(&whole.join(below), &mut all);
        let mut random = Random(seed());
        for path in all {
            let file = path.strip_prefix(whole).unwrap();
            // What is in it is for people.
            if file.ends_with("LOCK") {
                continue;
            }
            let len = fs::metadata(&path).unwrap().len() as usize;
            self.of(job, whole, &format!("without {}", file.display()), &[file], |folder| {
                fs::remove_file(folder.join(file)).unwrap();
            });
            for _ in 0..places.min(len) {
                let (at, bit) = (random.below(len as u64) as usize, random.below(8));
                let what = format!("{} with another bit {bit} of byte {at}", file.display());
                self.of(job, whole, &what, &[file], |folder| {
                    let mut bytes = fs::read(folder.join(file)).unwrap();
                    bytes[at] ^= 1 << bit;
                    fs::write(folder.join(file), bytes).unwrap();
                });
            }
        }
    }
}

#[test]
fn f_059_a_file_that_was_altered_or_taken_away_never_gives_a_wrong_result() {
    let job = Job { keys: 70, count: 3_000 };
    let world = Stopped::new(|folder| job.begin(folder, 20, 47));
    let state = &last_commit(&world.path().join("kept")).operators["per key"];
    assert!(!state.snapshots.is_empty() && !state.previous_snapshots.is_empty(), "{state:?}");
    let mut ends = Ends::default();
    ends.of_every_file(job, &world.path(), "kept", if is_long() { 60 } else { 2 });
    println!("a small state: {ends:?}");
    assert!(ends.right > 0 && ends.refused > 0, "{ends:?}");
}

/// State that is kept by stripe, some of which have a snapshot of their own before this one, and some that of all.
#[test]
fn f_059_a_corrupt_snapshot_is_repaired() {
    let job = Job { keys: 60_000, count: 150_000 };
    let world = Stopped::new(|folder| {
        job.begin(folder, 2_500, 29);
        job.begin(folder, 100, if is_long() { 60 } else { 20 });
    });
    let state = &last_commit(&world.path().join("kept")).operators["per key"];
    assert!(state.snapshots.len() > 1 && !state.previous_snapshots.is_empty(), "{state:?}");
    let mut ends = Ends::default();
    let at = |file: &str| Path::new("kept").join(file);
    let flip = |folder: &Path, file: &Path| {
        let mut bytes = fs::read(folder.join(file)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        fs::write(folder.join(file), bytes).unwrap();
    };
    for snapshot in &state.snapshots {
        let file = at(&snapshot.path);
        let what = format!("{} altered", snapshot.path);
        let refused = ends.of(job, &world.path(), &what, &[&file], |folder| flip(folder, &file));
        assert!(refused.is_none(), "{refused:?}");
    }
    // All of them, which is as good as one.
    let refused = ends.of(job, &world.path(), "no snapshot", &[], |folder| {
        state.snapshots.iter().for_each(|snapshot| fs::remove_file(folder.join(at(&snapshot.path))).unwrap());
    });
    assert!(refused.is_none(), "{refused:?}");
    // The older ones too: all are named at once.
    let gone: Vec<PathBuf> =
        state.snapshots.iter().chain(&state.previous_snapshots).map(|file| at(&file.path)).collect();
    let names: Vec<&Path> = gone.iter().map(PathBuf::as_path).collect();
    let refused = ends.of(job, &world.path(), "neither snapshot", &names, |folder| {
        gone.iter().for_each(|file| fs::remove_file(folder.join(file)).unwrap());
    });
    let refused = refused.unwrap();
    assert_eq!(refused.kind(), Kind::Io);
    assert!(
        refused.message().starts_with(&format!("{} files of state are missing or corrupt: ", gone.len())),
        "{refused}"
    );
    println!("a large state: {ends:?}");
}

/// What was repaired once can be repaired again: the corrupt snapshot is not the older one of that which took its place.
#[test]
fn f_059_a_snapshot_is_repaired_again_after_a_repair() {
    let job = Job { keys: 70, count: 3_000 };
    let world = Stopped::new(|folder| job.begin(folder, 20, 47));
    let folder = world.path().with_extension("hurt");
    copy(&world.path(), &folder);
    for _ in 0..3 {
        let state = last_commit(&folder.join("kept")).operators["per key"].clone();
        assert_eq!((state.snapshots.len(), state.previous_snapshots.len()), (1, 1), "{state:?}");
        fs::write(folder.join("kept").join(&state.snapshots[0].path), "no parquet").unwrap();
        job.begin(&folder, 20, 1);
        let repaired = &last_commit(&folder.join("kept")).operators["per key"];
        assert!(repaired.snapshots[0].epoch > state.snapshots[0].epoch, "it was not taken anew: {repaired:?}");
    }
    job.pipeline(&folder).run_blocking().unwrap();
    assert!(read(&folder.join("out")) == job.expected(), "the result is wrong");
}
