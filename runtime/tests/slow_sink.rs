//! A sink that is slower than the input holds the input back.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use millstream::prelude::*;
use millstream::sink::{Batch, foreach_batch};

#[derive(StreamSchema)]
struct Line {
    line: String,
}

/// One epoch is delivered, one waits for that and one is computed or fetched: no more is read, however long it takes.
#[test]
fn f_090_a_slow_sink_holds_the_input_back() {
    const ROWS: u64 = 50;
    let (read, delivered, most) =
        (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let counts = Arc::clone(&read);
    let count = move || counts.fetch_add(1, Ordering::SeqCst) < u64::MAX;
    let (at_sink, ahead) = (Arc::clone(&delivered), Arc::clone(&most));
    let write = move |batch: Batch<Line>| {
        std::thread::sleep(Duration::from_millis(10));
        let before = at_sink.fetch_add(batch.rows.len() as u64, Ordering::SeqCst);
        ahead.fetch_max(read.load(Ordering::SeqCst) - before, Ordering::SeqCst);
        Ok(())
    };
    let pipeline = pipeline! {
        from memory((0..50 * ROWS).map(|n| n.to_string())) | decode text | filter count() | select { line }
        | sink {foreach_batch(write)}
    };
    let summary = pipeline.max_rows_per_epoch(ROWS).run_blocking().unwrap();
    assert_eq!((summary.rows_out, delivered.load(Ordering::SeqCst)), (50 * ROWS, 50 * ROWS));
    let most = most.load(Ordering::SeqCst);
    println!("at most {most} rows were read and not delivered, in epochs of {ROWS}");
    assert!(most <= 4 * ROWS, "{most}");
}
