//! One file that several workers share: what comes of it is what comes of one worker.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration as Time;

use arrow::array::RecordBatch;
use millstream::engine::Checkpoint;
use millstream::error::{Error, Kind};
use millstream::prelude::*;
use millstream::schema::Stored;
use millstream::sink::{
    Accepts, Append, Collect, Connected, Sink, SinkDescription, StageWriter, StagedFile, Staging, WriterContext,
    collect,
};

#[derive(StreamSchema)]
#[allow(dead_code)]
struct Reading {
    n: i64,
    key: String,
    pad: String,
}

/// So many rows are some chunks of a mebibyte.
const ROWS: i64 = 40_000;

/// Lines, of which every `bad`th is of no use.
fn input(folder: &tempfile::TempDir, bad: i64) -> String {
    let mut text = String::new();
    let pad = "x".repeat(100);
    for n in 0..ROWS {
        let value = if n % bad == bad - 1 { format!("\"{n}\"") } else { n.to_string() };
        writeln!(text, r#"{{"n":{value},"key":"k{}","pad":"{pad}"}}"#, n % 7).unwrap();
    }
    let path = folder.path().join("in.json");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn texts(rows: &Collect, column: &str) -> Vec<String> {
    let batches = rows.batches();
    let column = |batch: &arrow::array::RecordBatch| batch.schema().index_of(column).unwrap();
    let of = |batch: &arrow::array::RecordBatch| {
        let column = batch.column(column(batch)).clone();
        (0..batch.num_rows()).map(move |row| String::load(&column, row).unwrap()).collect::<Vec<_>>()
    };
    batches.iter().flat_map(of).collect()
}

/// The workers that have had a row.
#[derive(Clone, Default)]
struct Seen(Arc<(Mutex<BTreeSet<String>>, Condvar)>);

impl Seen {
    /// Notes the worker that is asking, and holds it until so many have come: it has enough to do, so that others must help.
    fn here(&self, workers: usize) -> bool {
        let (seen, changed) = &*self.0;
        let mut seen = seen.lock().unwrap();
        seen.insert(std::thread::current().name().unwrap_or_default().to_owned());
        changed.notify_all();
        drop(changed.wait_timeout_while(seen, Time::from_secs(10), |seen| seen.len() < workers).unwrap());
        true
    }

    fn len(&self) -> usize {
        self.0.0.lock().unwrap().len()
    }
}

#[test]
fn all_workers_have_chunks_of_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = input(&folder, ROWS + 1);
    for workers in [1, 2, 3] {
        let (rows, seen) = (collect(), Seen::default());
        let asked = seen.clone();
        let pipeline = pipeline! {
            from file({path.clone()})
            | decode json as Reading
            | filter n % 5_000 != 0 || {asked}.here({workers})
            | select { n }
            | sink rows.clone()
        };
        pipeline.workers(workers).run_blocking().unwrap();
        assert_eq!((seen.len(), rows.len()), (workers, ROWS as usize));
    }
}

/// A sink of files that takes no rows.
#[derive(Clone)]
struct Full(std::path::PathBuf);

impl Sink for Full {
    fn describe(&self) -> SinkDescription {
        SinkDescription { kind: "full", target: String::new(), options: Vec::new(), exactly_once: true }
    }
    fn connect(&self, _: &arrow::datatypes::SchemaRef) -> millstream::Result<Connected> {
        Ok(Connected::Staging(Arc::new(self.clone())))
    }
}
impl Accepts<Append> for Full {}

impl Staging for Full {
    fn root(&self) -> millstream::store::Place {
        millstream::store::Place::Local(self.0.clone())
    }
    fn writer(&self, _: WriterContext) -> Box<dyn StageWriter> {
        Box::new(self.clone())
    }
}

impl StageWriter for Full {
    fn write(&mut self, _: u64, _: &RecordBatch) -> millstream::Result<()> {
        Err(Error::new(Kind::Output, "full"))
    }
    fn seal(&mut self, _: u64) -> millstream::Result<Vec<StagedFile>> {
        Ok(Vec::new())
    }
}

/// The few rows of a good file are written when all has been read; one worker has found the bad line by then.
#[test]
fn what_fails_after_all_chunks_comes_after_what_fails_in_one() {
    let folder = tempfile::tempdir().unwrap();
    for (name, n) in [("a.json", "1"), ("b.json", "\"bad\"")] {
        std::fs::write(folder.path().join(name), format!(r#"{{"n":{n},"key":"k","pad":""}}"#)).unwrap();
    }
    for workers in [1, 2] {
        let (path, sink) = (folder.path().join("*.json").display().to_string(), Full(folder.path().join("out")));
        let pipeline = pipeline! { from file({path}) | decode json as Reading | select { n } | sink {sink} };
        let pipeline = pipeline.checkpoint(Checkpoint::none()).workers(workers);
        let error = pipeline.run_blocking().unwrap_err();
        assert_eq!(error.kind(), Kind::Data, "{workers} workers: {error}");
    }
}

#[test]
fn rows_and_dead_letters_are_delivered_in_the_order_in_which_they_were_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = input(&folder, 10);
    let (left, bad): (Vec<i64>, Vec<i64>) = (0..ROWS).partition(|n| n % 10 != 9);
    let left: Vec<String> = left.into_iter().filter(|n| n % 3 != 0).map(|n| n.to_string()).collect();
    for workers in [1, 2, 3] {
        let (rows, letters) = (collect(), collect());
        let pipeline = pipeline! {
            from file({path.clone()})
            | decode json as Reading else dead_letter({letters.clone()})
            | filter n % 3 != 0
            | select { text = n.to_string() }
            | sink rows.clone()
        };
        let summary = pipeline.workers(workers).run_blocking().unwrap();
        assert_eq!((summary.rows.rows, summary.rows.dead), (ROWS as u64, bad.len() as u64));
        assert!(texts(&rows, "text") == left, "{workers} workers");
        let place = |position: String| position.split(' ').find_map(|word| word.parse::<u64>().ok()).unwrap();
        let positions: Vec<u64> = texts(&letters, "sequence_number").into_iter().map(place).collect();
        assert_eq!(positions.len(), bad.len());
        assert!(positions.is_sorted(), "{workers} workers");
    }
}

#[test]
fn aggregates_that_go_by_order_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = input(&folder, ROWS + 1);
    let of = |workers| {
        let rows = collect();
        let pipeline = pipeline! {
            from file({path.clone()})
            | decode json as Reading
            | group_by { key } ttl never
            | agg { rows = count(), least = first(n), most = last(n), all = collect(n) }
            | select { text = format!("{key} {rows} {least:?} {most:?} {all:?}") }
            | sink rows.clone() mode = complete
        };
        pipeline.workers(workers).run_blocking().unwrap();
        let mut rows = texts(&rows, "text");
        rows.sort();
        rows
    };
    let one = of(1);
    assert_eq!(one.len(), 7);
    assert!(one == of(2) && one == of(3));
}

#[test]
fn the_first_fault_ends_a_run_whoever_finds_one_first() {
    let folder = tempfile::tempdir().unwrap();
    // The last line of the first chunk or so, and then one in each.
    let path = input(&folder, 7_000);
    let of = |workers, guarded| {
        let (rows, path) = (collect(), path.clone());
        let pipeline = if guarded {
            pipeline! { from file({path}) | decode json as Reading else skip | select { n } | sink rows }
                .max_error_rate(0.0)
        } else {
            pipeline! { from file({path}) | decode json as Reading | select { n } | sink rows }
        };
        pipeline.workers(workers).run_blocking().unwrap_err().to_string()
    };
    for guarded in [false, true] {
        let one = of(1, guarded);
        for workers in [2, 3, 2, 3] {
            assert_eq!(of(workers, guarded), one);
        }
    }
}
