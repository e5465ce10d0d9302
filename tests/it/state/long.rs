//! A checkpoint does not grow with time.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use millstream::prelude::*;
use millstream::store::Durability;

use crate::is_long;

/// Rows in an epoch, and keys.
const ROWS: u64 = 20;
const KEYS: u64 = 200;

/// Files and bytes below a folder.
fn size(folder: &Path) -> (u64, u64) {
    let (mut files, mut bytes) = (0, 0);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // The run goes on meanwhile, and deletes.
        match entry.metadata() {
            Ok(found) if found.is_dir() => {
                let (more, larger) = size(&entry.path());
                (files, bytes) = (files + more, bytes + larger);
            }
            Ok(found) => (files, bytes) = (files + 1, bytes + found.len()),
            Err(_) => {}
        }
    }
    (files, bytes)
}

#[test]
fn f_103_state_and_log_do_not_grow_over_many_epochs() {
    let epochs: u64 = if is_long() { 10_000 } else { 3_000 };
    let world = tempfile::tempdir().unwrap();
    let kept = world.path().join("kept");
    let start = Timestamp::from_micros(1_767_225_600_000_000);
    // Two windows are open at a time, of two hundred keys each.
    let pipeline = pipeline! {
        from rate(100, count = {epochs * ROWS}, start = {start}, pace = unpaced)
        | select { timestamp, value, key = value % {KEYS} }
        | watermark timestamp 5s
        | group_by { key, window = tumbling(10s) }
        | agg { n = count(), all = collect(value) }
        | sink foreach_batch(|_: millstream::sink::Batch<arrow::array::RecordBatch>| Ok(()))
    };
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let (seen, folder) = (Arc::clone(&sizes), kept.clone());
    let pipeline = pipeline.checkpoint(kept.as_path()).durability(Durability::ProcessCrash).max_rows_per_epoch(ROWS);
    let pipeline = pipeline.on_progress(move |progress| {
        // Twice in each collection of garbage.
        if progress.batch_id.is_multiple_of(25) {
            let (state, log) = (size(&folder.join("state")), size(&folder.join("log")));
            seen.lock().unwrap().push((progress.batch_id, [state.0, state.1, log.0, log.1]));
        }
    });
    let begun = std::time::Instant::now();
    pipeline.run_blocking().unwrap();
    let sizes = sizes.lock().unwrap();
    assert_eq!(sizes.len() as u64, epochs / 25);
    // The most that there ever was in the second and in the last quarter.
    let most = |from: u64, to: u64, of: usize| {
        let within = sizes.iter().filter(|(epoch, _)| (from..=to).contains(epoch));
        within.map(|(_, figures)| figures[of]).max().unwrap()
    };
    for (of, what) in
        ["files of state", "bytes of state", "slots of the log", "bytes of the log"].into_iter().enumerate()
    {
        let (early, late) = (most(epochs / 4, epochs / 2, of), most(epochs * 3 / 4, epochs, of));
        println!("{what}: {early} by epoch {}, {late} by epoch {epochs}", epochs / 2);
        // The log is bounded by 5000 slots, which takes a longer run than most.
        let bound = match of {
            2 => 5_200,
            3 => 5_200 * (early / most(epochs / 4, epochs / 2, 2)),
            _ => early,
        };
        assert!(late <= bound + bound / 10 + 2, "{what} have grown from {early} to {late}");
    }
    println!("{epochs} epochs in {:.1?}", begun.elapsed());
}
