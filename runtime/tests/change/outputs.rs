//! What becomes of output folders, and pipelines that begin from a savepoint.

use std::path::Path;

use millstream::checkpoint::{Place, savepoint};
use millstream::prelude::*;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{ALL, Tick, input, key, tree, windows};

struct World(tempfile::TempDir);

impl World {
    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn counting(&self, out: &str) -> Pipeline {
        let out = self.path(out);
        pipeline! {
            from memory(input()) | decode json as Tick | watermark 1min
            | group_by { key, w = tumbling(10min) } name "per key" | agg { n = count() }
            | select { key, start = w.start.secs(), n }
            | sink parquet({out})
        }
    }

    fn wider(&self, out: &str) -> Pipeline {
        let out = self.path(out);
        pipeline! {
            from memory(input()) | decode json as Tick | watermark 1min
            | group_by { key, w = tumbling(10min) } name "per key" | agg { n = count() }
            | select { key, start = w.start.secs(), n, more = Some(n * 2) }
            | sink parquet({out})
        }
    }

    fn run(&self, pipeline: Pipeline, log: &str, trigger: Trigger) -> millstream::Result<Summary> {
        let pipeline = pipeline.checkpoint(self.path(log)).max_rows_per_epoch(100).trigger(trigger);
        pipeline.progress_line(false).run_blocking()
    }

    fn rows(&self, outs: &[&str]) -> Vec<String> {
        let mut lines = Vec::new();
        for out in outs {
            for bytes in tree(Path::new(&self.path(out))).into_values() {
                let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
                for batch in reader.build().unwrap() {
                    let batch = batch.unwrap();
                    let text = |column: usize, row: usize| {
                        arrow::util::display::array_value_to_string(batch.column(column), row).unwrap()
                    };
                    lines.extend(
                        (0..batch.num_rows()).map(|row| format!("{} {} {}", text(0, row), text(1, row), text(2, row))),
                    );
                }
            }
        }
        lines.sort();
        lines
    }
}

fn begun() -> World {
    let world = World(tempfile::tempdir().unwrap());
    world.run(world.counting("out"), "log", Trigger::Once).unwrap();
    world.run(world.counting("out"), "log", Trigger::Once).unwrap();
    world
}

#[test]
fn other_columns_need_another_folder_and_keep_the_checkpoint() {
    let world = begun();
    let error = world.run(world.wider("out"), "log", Trigger::Once).unwrap_err();
    assert!(error.message().contains("C33 the column `more` of the sink"), "{error}");
    assert!(error.advice().unwrap().contains("choose a new folder"), "{error:?}");
    world.run(world.wider("wider"), "log", Trigger::AvailableNow).unwrap();
    assert_eq!(world.rows(&["out", "wider"]), windows(0..ALL, key));
    assert!(!world.rows(&["wider"]).is_empty() && !world.rows(&["out"]).is_empty());
}

fn place(path: String) -> Place {
    Place::Local(path.into())
}

#[test]
fn a_pipeline_begins_from_a_savepoint_with_its_own_output() {
    let world = begun();
    let written = savepoint::write(&place(world.path("log")), &place(world.path("saved"))).unwrap();
    assert_eq!((written.epoch, written.files > 0), (2, true));
    let again = savepoint::write(&place(world.path("log")), &place(world.path("saved"))).unwrap_err();
    assert_eq!(again.kind().exit_code(), 78, "{again}");
    let before = world.rows(&["out"]);
    // The first pipeline goes on, and its checkpoint is deleted: the savepoint needs nothing of it.
    world.run(world.counting("out"), "log", Trigger::AvailableNow).unwrap();
    assert_eq!(world.rows(&["out"]), windows(0..ALL, key));
    std::fs::remove_dir_all(world.path("log")).unwrap();
    let kept = tree(Path::new(&world.path("saved")));

    // Its output belongs to it, and has epochs that the savepoint does not know.
    let from = |out: &str| world.counting(out).from_savepoint(world.path("saved"));
    let error = world.run(from("out"), "log2", Trigger::Once).unwrap_err();
    assert!(error.message().contains("has") && error.message().contains("files of later epochs: `"), "{error}");
    assert_eq!(error.kind().exit_code(), 78);
    // With a fresh one: what comes out of both up to the savepoint and of the new one after it is all there is, once.
    for run in 0..3 {
        let trigger = if run < 2 { Trigger::Once } else { Trigger::AvailableNow };
        world.run(from("out2"), "log2", trigger).unwrap_or_else(|error| panic!("{run}: {error}"));
    }
    let mut rows = [before, world.rows(&["out2"])].concat();
    rows.sort();
    assert_eq!(rows, windows(0..ALL, key));
    assert_eq!(tree(Path::new(&world.path("saved"))), kept, "a savepoint is not changed by those who begin from it");

    // A checkpoint that has begun otherwise does not take it.
    world.run(world.counting("out3"), "log3", Trigger::Once).unwrap();
    let error = world.run(from("out3"), "log3", Trigger::Once).unwrap_err();
    assert!(error.message().contains("has a log already"), "{error}");
}

#[test]
fn a_savepoint_that_is_torn_or_of_a_later_version_is_refused_by_name() {
    let world = begun();
    savepoint::write(&place(world.path("log")), &place(world.path("saved"))).unwrap();
    let record = world.path("saved/SAVEPOINT.rec");
    let whole = std::fs::read(&record).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(&record, bytes).unwrap();
        let pipeline = world.counting("out2").from_savepoint(world.path("saved"));
        let error = world.run(pipeline, "log2", Trigger::Once).unwrap_err();
        assert!(!Path::new(&world.path("log2/log")).exists() && !Path::new(&world.path("out2")).exists());
        (error.kind().exit_code(), error.message().to_owned())
    };
    let (code, torn) = refused(&whole[..whole.len() / 2]);
    assert!(code == 74 && torn.contains("SAVEPOINT.rec` is corrupt"), "{torn}");
    let mut later = whole.clone();
    later[6] = 2;
    let end = later.len() - 20;
    let sum = xxhash_rust::xxh3::xxh3_128(&later[..end]).to_le_bytes();
    later[end..end + 16].copy_from_slice(&sum);
    let (code, later) = refused(&later);
    assert!(code == 78 && later.contains("has format 2, this build reads up to 1"), "{later}");
    // A state file that was altered.
    std::fs::write(&record, &whole).unwrap();
    let state = tree(Path::new(&world.path("saved/state"))).into_keys().next().unwrap();
    std::fs::write(&state, "scribble").unwrap();
    let pipeline = || world.counting("out2").from_savepoint(world.path("saved"));
    let error = world.run(pipeline(), "log2", Trigger::Once).unwrap_err();
    assert!(error.message().contains(&state) && error.kind().exit_code() == 74, "{error}");
    // The checkpoint has not come to begin, and does not go on without it.
    let error = world.run(world.counting("out2"), "log2", Trigger::Once).unwrap_err();
    assert!(error.message().contains("did not come to it"), "{error}");
}

#[test]
fn an_older_checkpoint_does_not_write_epochs_a_second_time() {
    let world = begun();
    let backup = tree(Path::new(&world.path("log")));
    world.run(world.counting("out"), "log", Trigger::AvailableNow).unwrap();
    std::fs::remove_dir_all(world.path("log")).unwrap();
    for (path, bytes) in backup {
        std::fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let error = world.run(world.counting("out"), "log", Trigger::Once).unwrap_err();
    assert_eq!(error.kind().exit_code(), 78);
    assert!(error.message().contains("ends with epoch 2, and the output"), "{error}");
    assert_eq!(world.rows(&["out"]), windows(0..ALL, key));
}
