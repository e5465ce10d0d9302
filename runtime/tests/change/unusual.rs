//! What goes on where a checkpoint, a savepoint or a run is in an unusual state: each of these lost rows or could not go on once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use millstream::checkpoint::{Place, savepoint};
use millstream::error::Kind;
use millstream::prelude::*;
use millstream::sink::collect::Collect;
use millstream::sink::{Batch, collect, foreach_batch};

use super::{OLD, World, at, counting, found, input, key, windows};

fn all() -> Vec<String> {
    let mut all = super::all();
    all.sort();
    all
}

fn world() -> World {
    World { folder: tempfile::tempdir().unwrap(), rows: collect() }
}

#[derive(StreamSchema)]
struct Event {
    id: i64,
    #[stream(event_time, format = epoch_s)]
    at: Timestamp,
}

#[derive(StreamSchema)]
struct Sum {
    id: i64,
    n: i64,
}

const EARLY: i64 = 100;
const MANY: i64 = 60_000;

fn events() -> Vec<String> {
    let early = (0..EARLY).map(|id| (id, 10));
    let many = (0..MANY).map(|id| (id, 4000));
    let slow = (0..40).map(|id| (id, 4000));
    early.chain(many).chain(slow).map(|(id, at)| format!(r#"{{"id":{id},"at":{at}}}"#)).collect()
}

fn old_two(rows: &Collect) -> Pipeline {
    pipeline! {
        from memory(events()) | decode json as Event | watermark 1min
        | group_by { id, w = tumbling(1h) } name "first" | agg { n = count() }
        | group_by { id, w = tumbling(10h) } name "second" | agg { n = count() }
        | select { id, n }
        | sink rows.clone()
    }
}

fn new_two(rows: &Collect) -> Pipeline {
    pipeline! {
        from memory(events()) | decode json as Event | watermark 1min
        | group_by { id, w = tumbling(1h) } name "first" | agg { n = count() }
        | group_by { id, w = tumbling(10h) } name "second" | agg { many = count() }
        | select { id, n = many }
        | sink rows.clone()
    }
    .renamed_column("second", "n", "many")
}

fn epochs(world: &World, pipeline: &dyn Fn(&Collect) -> Pipeline, first: u64, epochs: usize) {
    for epoch in 0..epochs {
        let rows = if epoch == 0 { first } else { 1 };
        pipeline(&world.rows)
            .max_rows_per_epoch(rows)
            .trigger(Trigger::Once)
            .checkpoint(world.log())
            .progress_line(false)
            .run_blocking()
            .unwrap();
        if epoch % 5 == 0 {}
    }
}

#[test]
fn a_stage_that_is_one_file_beside_one_that_is_in_stripes() {
    let total = |world: &World| {
        let rows: Vec<Sum> = world.rows.rows().unwrap();
        rows.iter().map(|row| row.n).sum::<i64>()
    };
    let expected = EARLY + MANY;
    for (name, rename) in [("no change", false), ("renamed", true)] {
        let world = world();
        epochs(&world, &old_two, (EARLY + MANY) as u64, 21);
        let new: &dyn Fn(&Collect) -> Pipeline = if rename { &new_two } else { &old_two };
        epochs(&world, new, 1, 3);
        new(&world.rows).checkpoint(world.log()).progress_line(false).run_blocking().unwrap();
        assert_eq!(total(&world), expected, "{name}");
    }
}

fn many(rows: &Collect) -> Pipeline {
    pipeline! {
        from memory(input()) | decode json as super::Tick | watermark 1min
        | group_by { key, w = tumbling(10min) } name "per key" | agg { many = count() }
        | select { key, start = w.start.secs(), n = many }
        | sink rows.clone()
    }
    .renamed_column("per key", "n", "many")
}

#[test]
fn a_corrupt_snapshot_of_changed_state_is_refused() {
    let world = World::after(counting);
    many(&world.rows)
        .max_rows_per_epoch(1)
        .trigger(Trigger::Once)
        .checkpoint(world.log())
        .progress_line(false)
        .run_blocking()
        .unwrap();
    for entry in std::fs::read_dir(world.log().join("state")).unwrap() {
        for file in std::fs::read_dir(entry.unwrap().path()).unwrap() {
            let file = file.unwrap().path();
            if file.file_name().unwrap().to_str().unwrap().starts_with("s-") {
                let mut bytes = std::fs::read(&file).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                std::fs::write(&file, bytes).unwrap();
            }
        }
    }
    let error = many(&world.rows).checkpoint(world.log()).progress_line(false).run_blocking().unwrap_err();
    assert_eq!(error.kind(), Kind::Io, "{error}");
    assert!(error.message().contains("/s-"), "{error}");
}

#[test]
fn rows_that_are_not_delivered_refuse_a_change_before_it_is_made() {
    let fails = Arc::new(AtomicBool::new(true));
    let world = world();
    let old = || {
        let fails = Arc::clone(&fails);
        let sink = foreach_batch(move |_: Batch<RecordBatch>| match fails.load(Ordering::SeqCst) {
            true => Err(millstream::Error::new(Kind::Unavailable, "not now")),
            false => Ok(()),
        });
        pipeline! {
            from memory(input()) | decode json as super::Tick | watermark 1min
            | group_by { key, w = tumbling(10min) } name "per key" | agg { n = count() }
            | select { key, start = w.start.secs(), n }
            | sink {sink.clone()}
        }
    };
    let new = || {
        let sink = foreach_batch(|_: Batch<RecordBatch>| Ok(()));
        pipeline! {
            from memory(input()) | decode json as super::Tick | watermark 1min
            | group_by { key, w = tumbling(10min) } name "per key" | agg { many = count() }
            | select { key, n = many }
            | sink {sink.clone()}
        }
        .renamed_column("per key", "n", "many")
    };
    world.once(old()).ok();
    assert_eq!(world.once(old()).unwrap_err().kind(), Kind::Unavailable);
    let error = world.once(new()).unwrap_err();
    assert!(error.message().contains("committed and not delivered"), "{error}");
    fails.store(false, Ordering::SeqCst);
    // As the help says.
    let ended = world.once(old());
    assert!(ended.is_ok());
}

#[test]
fn groups_that_have_ended_do_not_count_at_a_restart() {
    let lines: Vec<String> = (0..40_000).map(|n| format!(r#"{{"id":{n},"at":{}}}"#, n / 2000 * 60)).collect();
    let most = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let pipeline = |rows: &Collect| {
        let most = Arc::clone(&most);
        pipeline! {
            from memory(lines.clone()) | decode json as Event | watermark 1s
            | group_by { id, w = tumbling(1min) } name "first" | agg { n = count() }
            | select { id, n }
            | sink rows.clone()
        }
        .max_rows_per_epoch(2000)
        .progress_line(false)
        .on_progress(move |progress| {
            let used = progress.state_operators.iter().map(|of| of.memory_used_bytes).sum::<u64>();
            most.fetch_max(used, Ordering::SeqCst);
        })
    };
    let whole = world();
    pipeline(&whole.rows).checkpoint(whole.log()).run_blocking().unwrap();
    let most = most.load(Ordering::SeqCst);
    let budget = most * 3 / 2;
    let parts = world();
    for start in 1..15 {
        let once = pipeline(&parts.rows).state_budget(budget).trigger(Trigger::Once).checkpoint(parts.log());
        let ended = once.run_blocking();
        assert!(ended.is_ok(), "start {start}: {ended:?}");
    }
}

#[test]
fn a_new_stage_with_the_name_that_another_had() {
    let two = |rows: &Collect| {
        pipeline! {
            from memory(input()) | decode json as super::Tick | watermark 1min
            | group_by { key, w = tumbling(10min) } name "first" | agg { n = count() }
            | group_by { key, w = tumbling(10min) } name "per key" | agg { n = count() }
            | select { key, start = w.start.secs(), n }
            | sink rows.clone()
        }
        .renamed_stage("per key", "first")
        .start_empty("per key")
    };
    let world = World::after(counting);
    let found = world.on(two);
    let expected: Vec<String> = all().iter().map(|line| format!("{} 1", line.rsplit_once(' ').unwrap().0)).collect();
    // Windows that ended in the first epoch have their counts.
    let wrong: Vec<_> = found.iter().filter(|line| !expected.contains(line)).collect();
    let open = (at(OLD - 1) - 60) / 600 * 600;
    let ended = windows((0..OLD).filter(|n| at(*n) < open), key);
    let wrong: Vec<_> = wrong.into_iter().filter(|line| !ended.contains(line)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_column_that_takes_the_name_of_a_dropped_one() {
    let one = |rows: &Collect| {
        pipeline! {
            from memory(input()) | decode json as super::Tick | watermark 1min
            | group_by { key, w = tumbling(10min) } name "per key" | agg { n = count(), many = count_if(value < 0) }
            | select { key, start = w.start.secs(), n }
            | sink rows.clone()
        }
    };
    let world = World::after(one);
    let once = counting(&world.rows).workers(2).max_rows_per_epoch(1).trigger(Trigger::Once);
    once.checkpoint(world.log()).progress_line(false).run_blocking().unwrap();
    many(&world.rows).checkpoint(world.log()).progress_line(false).run_blocking().unwrap();
    assert_eq!(found(&world.rows), all());
}

#[test]
fn files_of_an_earlier_pipeline_do_not_refuse_the_second_start() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let log = folder.path().join("log");
    let run = || {
        let pipeline = pipeline! {
            from memory(input()) | decode json as super::Tick | select { key, value } | sink parquet({out.clone()})
        };
        pipeline
            .max_rows_per_epoch(20)
            .trigger(Trigger::Once)
            .checkpoint(log.clone())
            .progress_line(false)
            .run_blocking()
    };
    for _ in 0..5 {
        run().unwrap();
    }
    // The pipeline is gone for good.
    std::fs::remove_dir_all(&log).unwrap();
    run().unwrap_err();
    // As the help says.
    let _ = std::fs::remove_dir_all(&log);
    std::fs::remove_file(folder.path().join("out.stage/OWNER")).unwrap();
    // Its files are known as those of another from then on.
    run().unwrap();
    run().unwrap();
}

fn slow(value: i64) -> i64 {
    std::thread::sleep(std::time::Duration::from_secs(if value == 4 { 30 } else { 0 }));
    value
}

#[test]
fn an_error_beside_a_function_that_does_not_come_back_ends_the_run() {
    let begun = std::time::Instant::now();
    let sink = foreach_batch(|_: Batch<RecordBatch>| {
        std::thread::sleep(std::time::Duration::from_secs(1));
        Err(millstream::Error::new(Kind::Unavailable, "not now"))
    });
    let pipeline = pipeline! {
        from rate(2) | select { value = slow(value as i64) } | sink {sink.clone()}
    };
    let pipeline = pipeline.trigger(Trigger::every(std::time::Duration::from_secs(2)));
    let error =
        pipeline.max_record_time(std::time::Duration::from_secs(8)).progress_line(false).run_blocking().unwrap_err();
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "it waited for it: {error}");
}

fn place(path: impl Into<std::path::PathBuf>) -> Place {
    Place::Local(path.into())
}

#[test]
fn a_savepoint_may_be_deleted_when_it_has_done_its_duty() {
    let world = World::after(counting);
    let saved = world.folder.path().join("saved");
    savepoint::write(&place(world.log()), &place(&saved)).unwrap();
    let log = world.folder.path().join("log2");
    let run = || {
        let pipeline = counting(&world.rows).from_savepoint(saved.display().to_string().as_str());
        pipeline
            .max_rows_per_epoch(20)
            .trigger(Trigger::Once)
            .checkpoint(log.clone())
            .progress_line(false)
            .run_blocking()
    };
    run().unwrap();
    run().unwrap();
    std::fs::remove_dir_all(&saved).unwrap();
    let ended = run();
    assert!(ended.is_ok());
}

fn boom(value: i32) -> bool {
    assert!(value < OLD as i32, "boom");
    true
}

#[test]
fn state_that_was_changed_is_not_saved_before_a_commit() {
    let named = |rows: &Collect, fails: bool| {
        pipeline! {
            from memory(input()) | decode json as super::Tick | filter !{fails} || boom(value) | watermark 1min
            | group_by { key, w = tumbling(10min) } name "per name" | agg { n = count() }
            | select { key, start = w.start.secs(), n }
            | sink rows.clone()
        }
        .renamed_stage("per key", "per name")
    };
    let world = World::after(counting);
    world.once(named(&world.rows, true)).unwrap_err();
    let saved = world.folder.path().join("saved");
    let error = savepoint::write(&place(world.log()), &place(&saved)).unwrap_err();
    assert!(error.message().contains("changed after its last commit"), "{error}");
    world.once(named(&world.rows, false)).unwrap();
    savepoint::write(&place(world.log()), &place(&saved)).unwrap();
}

#[test]
fn a_corrupt_snapshot_of_a_savepoint_is_refused() {
    let world = world();
    for _ in 0..21 {
        counting(&world.rows)
            .max_rows_per_epoch(1)
            .trigger(Trigger::Once)
            .checkpoint(world.log())
            .progress_line(false)
            .run_blocking()
            .unwrap();
    }
    let saved = world.folder.path().join("saved");
    savepoint::write(&place(world.log()), &place(&saved)).unwrap();
    let log = world.folder.path().join("log2");
    let from = |rows: &Collect| {
        let pipeline = counting(rows).from_savepoint(saved.display().to_string().as_str());
        pipeline.checkpoint(log.clone()).progress_line(false)
    };
    from(&world.rows).max_rows_per_epoch(1).trigger(Trigger::Once).run_blocking().unwrap();
    for entry in std::fs::read_dir(log.join("state")).unwrap() {
        for file in std::fs::read_dir(entry.unwrap().path()).unwrap() {
            let file = file.unwrap().path();
            if file.file_name().unwrap().to_str().unwrap().starts_with("s-") {
                std::fs::write(&file, "scribble").unwrap();
            }
        }
    }
    let error = from(&world.rows).run_blocking().unwrap_err();
    assert_eq!(error.kind(), Kind::Io, "{error}");
    assert!(error.message().contains("/s-"), "{error}");
}
