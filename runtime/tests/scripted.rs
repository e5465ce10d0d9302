//! The engine against a source that does exactly what a script says.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use millstream::observe::progress::Progress;
use millstream::pipeline::from;
use millstream::prelude::*;
use millstream::sink::collect;
use millstream::source::{
    BoxFuture, Chunk, ChunkSender, Description, Feed, Fetched, Limits, PartitionProgress, Place, Record, Resume, Source,
};
use serde_json::json;

/// What a fetch gives: the positions before and after, and what is said of its one partition, `p`.
#[derive(Clone, Default)]
struct Step {
    from: u64,
    lines: &'static [&'static str],
    drained: bool,
    forgotten: bool,
    exhausted: bool,
}

/// A source that takes a step a fetch, and is quiet after the last.
#[derive(Clone)]
struct Script(Vec<Step>);

#[derive(Clone, Copy)]
struct Line<'a> {
    data: &'a [u8],
}

impl<'a> Record<'a> for Line<'a> {
    fn place(&self) -> Place {
        Place::default()
    }
}

struct Steps {
    left: std::vec::IntoIter<Step>,
    last: Option<Step>,
}

impl Source for Script {
    type Record<'a> = Line<'a>;
    type Meta = ();
    fn record<'a>(chunk: &'a Chunk, (): &'a (), index: usize) -> Line<'a> {
        Line { data: chunk.payload(index) }
    }
    fn describe(&self) -> Description {
        Description { kind: "script", target: "script".into(), options: vec![], replayable: true, finite: false }
    }
    fn open(&self, _: Resume) -> BoxFuture<'_, millstream::Result<Box<dyn Feed>>> {
        let steps = Steps { left: self.0.clone().into_iter(), last: None };
        Box::pin(async move { Ok(Box::new(steps) as Box<dyn Feed>) })
    }
}

impl Feed for Steps {
    fn fetch<'a>(
        &'a mut self,
        limits: &'a Limits,
        out: &'a mut ChunkSender,
    ) -> BoxFuture<'a, millstream::Result<Fetched>> {
        Box::pin(async move {
            let Some(step) = self.left.next() else {
                tokio::time::sleep_until(limits.until.into()).await;
                let last = self.last.clone().unwrap();
                return Ok(said(&Step { from: last.from + last.lines.len() as u64, lines: &[], ..last }));
            };
            if !step.lines.is_empty() {
                let lines: Vec<Vec<u8>> = step.lines.iter().map(|line| line.as_bytes().to_vec()).collect();
                out.send(Chunk::of(&lines, step.from)).await;
            }
            self.last = Some(step.clone());
            Ok(said(&step))
        })
    }
}

fn said(step: &Step) -> Fetched {
    let progress = PartitionProgress {
        partition: 0,
        id: "p".into(),
        from: json!(step.from),
        to: json!(step.from + step.lines.len() as u64),
        drained: step.drained,
        idle: false,
        ms_behind: None,
        parents: vec![],
        hash_range: None,
    };
    let (partitions, forgotten) = if step.forgotten { (vec![], vec!["p".into()]) } else { (vec![progress], vec![]) };
    Fetched { partitions, forgotten, exhausted: step.exhausted, ..Fetched::default() }
}

#[derive(Clone, Copy)]
struct Out<A> {
    line: A,
}
millstream::row!(OutBuilders, Out { line: A });

fn lines(steps: &[Step], sink: impl millstream::sink::Accepts<millstream::sink::Append>) -> Pipeline {
    from(Script(steps.to_vec()))
        .decode_plain(millstream::decode::text())
        .rows(|record, input, out| {
            input.open(record.data);
            while let Some(row) = input.next() {
                assert_ne!(row.line, "panic", "as the line says");
                out.emit(Out { line: row.line });
            }
        })
        .sink(sink)
        .progress_line(false)
}

type Told = Arc<Mutex<Vec<Progress>>>;

fn told(pipeline: Pipeline) -> (Pipeline, Told) {
    let told = Told::default();
    let into = Arc::clone(&told);
    (pipeline.on_progress(move |progress| into.lock().unwrap().push(progress.clone())), told)
}

/// Waits until something is true, but not for ever.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..400 {
        if done() {
            return;
        }
        // Look again.
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} did not happen");
}

#[tokio::test]
async fn an_epoch_is_told_of_though_nothing_follows_it() {
    let rows = collect();
    let query = lines(&[Step { lines: &["a"], ..Step::default() }], rows.clone()).start();
    until("progress", || query.progress().is_some()).await;
    assert_eq!((query.progress().unwrap().batch_id, rows.len()), (1, 1));
    query.stop();
    assert_eq!(query.wait().await.unwrap().epochs, 1);
}

#[tokio::test]
async fn a_listener_of_a_running_query_hears_of_the_epochs_after_it() {
    let step = |from, lines: &'static [&'static str]| Step { from, lines, ..Step::default() };
    let (pipeline, first) = told(lines(&[step(0, &["a"]), step(1, &["b"])], collect()));
    let (query, later, latest) = (pipeline.start(), Told::default(), Told::default());
    let (into, innermost) = (Arc::clone(&later), Arc::clone(&latest));
    let query = Arc::new(query);
    let same = Arc::clone(&query);
    // One listener may add another, and ask for the progress that it is told of.
    query.on_progress(move |progress| {
        assert_eq!(same.progress().as_ref(), Some(progress));
        into.lock().unwrap().push(progress.clone());
        let innermost = Arc::clone(&innermost);
        same.on_progress(move |progress| innermost.lock().unwrap().push(progress.clone()));
    });
    until("the second epoch", || later.lock().unwrap().len() == 2).await;
    query.stop();
    until("the end", || query.is_finished()).await;
    assert_eq!(*first.lock().unwrap(), *later.lock().unwrap());
    assert_eq!(*latest.lock().unwrap(), later.lock().unwrap()[1..]);
}

#[tokio::test]
async fn a_sink_that_fails_ends_a_run_that_has_nothing_to_do() {
    let sink = millstream::sink::foreach_batch(|_: millstream::sink::Batch<arrow::array::RecordBatch>| {
        Err(millstream::Error::new(millstream::error::Kind::Io, "no"))
    });
    let query = lines(&[Step { lines: &["a"], ..Step::default() }], sink).start();
    let ended = tokio::time::timeout(Duration::from_secs(10), query.wait()).await.expect("it goes on");
    assert_eq!(ended.unwrap_err().message(), "no");
}

#[tokio::test]
async fn a_committed_epoch_is_told_of_though_the_next_one_fails() {
    let steps = [Step { lines: &["a"], ..Step::default() }, Step { from: 1, lines: &["panic"], ..Step::default() }];
    let (pipeline, told) = told(lines(&steps, collect()));
    let error = pipeline.run().await.unwrap_err();
    assert!(error.message().contains("as the line says"), "{error}");
    assert_eq!(told.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_partition_that_has_ended_makes_no_epochs() {
    let query = lines(&[Step { lines: &["a"], drained: true, ..Step::default() }], collect()).start();
    until("progress", || query.progress().is_some()).await;
    // Time in which it would make epochs.
    tokio::time::sleep(Duration::from_secs(1)).await;
    query.stop();
    assert_eq!(query.wait().await.unwrap().epochs, 1);
}

#[tokio::test]
async fn f_062_a_panic_in_a_sink_is_an_error() {
    let sink = millstream::sink::foreach_batch(|_: millstream::sink::Batch<arrow::array::RecordBatch>| panic!("seven"));
    let error = lines(&[Step { lines: &["a"], exhausted: true, ..Step::default() }], sink).run().await.unwrap_err();
    assert!(error.message().contains("the sink panicked: seven"), "{error}");
}

/// A value of the user's that cannot be cloned twice.
struct Once(Arc<Mutex<bool>>);
impl Clone for Once {
    fn clone(&self) -> Self {
        assert!(!std::mem::replace(&mut self.0.lock().unwrap(), true), "cloned again");
        Self(Arc::clone(&self.0))
    }
}

#[tokio::test]
async fn f_062_a_panic_while_a_worker_starts_is_an_error() {
    let once = Once(Arc::default());
    let pipeline = from(Script(vec![Step { lines: &["a"], exhausted: true, ..Step::default() }]))
        .undecoded()
        .rows(move |_, _, out| {
            let _ = &once;
            out.emit(Out { line: 1 });
        })
        .sink(collect())
        .workers(3);
    let ended = tokio::time::timeout(Duration::from_secs(10), pipeline.run()).await.expect("it hangs");
    let error = ended.unwrap_err();
    assert!(error.message().contains("cloned again"), "{error}");
}
