//! How runs begin and end: what is refused, what is left behind, what is told of it.
#![cfg(feature = "parquet")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod shared;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use millstream::Result;
use millstream::engine::{Checkpoint, Trigger};
use millstream::error::Kind;
use millstream::observe::progress::Progress;
use millstream::prelude::*;
use millstream::sink::collect::{Collect, collect};
use millstream::sink::{
    Accepts, Append, Connected, Sink, SinkDescription, StageWriter, StagedFile, Staging, WriterContext,
};
use millstream::source::{
    BoxFuture, Chunk, ChunkSender, Description, Feed, Fetched, Limits, PartitionProgress, Place, Record, Resume, Source,
};
use shared::Reading;

const LINES: [&str; 3] = [
    r#"{"device_id": "a", "ts": "2026-01-01T00:00:01Z", "temperature": 21.5}"#,
    r#"{"device_id": "b", "ts": "2026-01-01T00:00:02Z", "temperature": 22.5}"#,
    r#"{"device_id": "a", "ts": "2026-01-01T00:05:00Z", "temperature": 23.5}"#,
];

fn counted(out: &str, bad: &str) -> Pipeline {
    pipeline! {
        from memory({LINES})
        | decode json as Reading else dead_letter(parquet({bad}))
        | watermark 10s
        | group_by { device_id, window = tumbling(1min) }
        | agg { n = count() }
        | sink parquet({out})
    }
}

#[test]
fn a_clean_end_leaves_nothing_staged() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    counted(&path("out"), &path("bad")).checkpoint(path("checkpoint")).run_blocking().unwrap();
    for stage in ["out.stage", "bad.stage"] {
        let left: Vec<_> = std::fs::read_dir(path(stage)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["OWNER"], "in {stage}");
    }
}

#[test]
fn folders_are_looked_at_without_a_checkpoint_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for bad in ["out", "out/bad", "out.stage/bad"] {
        let pipeline = counted(&path("out"), &path(bad)).checkpoint(Checkpoint::none());
        let error = pipeline.run_blocking().unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{error}");
        assert!(error.message().contains("lie in each other") || error.message().contains("one folder"), "{error}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was written");
}

#[test]
fn progress_tells_of_keys_and_of_the_end() {
    for checkpoint in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (told, rows): (Arc<Mutex<Vec<Progress>>>, Collect) = (Arc::default(), collect());
        let pipeline = pipeline! {
            from memory({LINES})
            | decode json as Reading
            | watermark 10s
            | group_by { device_id, window = tumbling(1min) }
            | agg { n = count() }
            | sink {rows.clone()}
        };
        let pipeline = if checkpoint { pipeline.checkpoint(folder.path().join("checkpoint")) } else { pipeline };
        let listener = Arc::clone(&told);
        pipeline.on_progress(move |progress| listener.lock().unwrap().push(progress.clone())).run_blocking().unwrap();
        let told = told.lock().unwrap();
        let updated: u64 = told.iter().map(|progress| progress.state_operators[0].num_rows_updated).sum();
        assert_eq!(updated, 3, "with a checkpoint: {checkpoint}");
        assert_eq!(told.last().unwrap().event_time["watermark"], "end of input");
    }
}

/// A failure between the claim of a generation and the first epoch is in the log, for the next start to tell.
#[test]
fn a_start_that_fails_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let rows = collect();
    let follow = |rows: &Collect| {
        let (input, rows) = (path("in/*.json"), rows.clone());
        let pipeline = pipeline! {
            from file({input}, follow = 1s)
            | decode json as Reading
            | watermark 10s
            | group_by { device_id, window = tumbling(1min) }
            | agg { n = count() }
            | sink {rows}
        };
        pipeline.checkpoint(path("followed")).trigger(millstream::engine::Trigger::AvailableNow).run_blocking()
    };
    std::fs::create_dir(path("in")).unwrap();
    std::fs::write(path("in/a.json"), LINES.join("\n") + "\n").unwrap();
    // The last of three windows is open, though the file has been read to its end.
    assert_eq!(follow(&rows).unwrap().open_keys, 1);
    let state = std::fs::read_dir(path("followed/state")).unwrap().next().unwrap().unwrap().path();
    for file in std::fs::read_dir(state).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    for _ in 0..5 {
        assert_eq!(follow(&rows).unwrap_err().kind(), Kind::Io);
    }
    let error = follow(&rows).unwrap_err();
    assert_eq!(error.kind(), Kind::CrashLoop);
    assert!(error.message().contains("the last error was: state file"), "{error}");
}

#[test]
fn a_bad_line_of_several_is_a_dead_letter_of_its_own() {
    let record = [LINES[0], r#"{"device_id": "b", "ts": "yesterday"}"#, r#"{"device_id": "#, LINES[2], ""].join("\r\n");
    let rows = collect();
    let pipeline = pipeline! {
        from memory([record])
        | decode json(lines) as Reading else dead_letter({rows.clone()})
        | filter temperature > 22.0
        | sink console()
    };
    let summary = pipeline.run_blocking().unwrap();
    let counts = summary.rows;
    assert_eq!((counts.rows, counts.filtered, counts.dead, summary.rows_out), (4, 1, 2, 1));
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Letter {
        raw: Vec<u8>,
        code: String,
    }
    let letter = |raw: &str, code: &str| Letter { raw: raw.into(), code: code.into() };
    let letters = rows.rows::<Letter>().unwrap();
    assert_eq!(letters[0].raw, br#"{"device_id": "b", "ts": "yesterday"}"#);
    assert_eq!(letters[1], letter(r#"{"device_id":"#, "TYPE"));
    assert_eq!(letters.len(), 2);
}

/// What a socket has sent is gone: a checkpoint is taken only by who knows that.
#[cfg(feature = "socket")]
#[test]
fn a_source_that_cannot_be_read_again_has_no_checkpoint_unless_told() {
    use std::io::Write;

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let files = || {
        let (address, out) = (address.clone(), path("out"));
        let pipeline = pipeline! { from socket({address}) | decode text | select { line } | sink parquet({out}) };
        pipeline.trigger(millstream::engine::Trigger::AvailableNow)
    };
    let handed = || {
        let address = address.clone();
        pipeline! { from socket({address}) | decode text | select { line } | sink collect() }
    };
    let kept = path("checkpoint");
    for pipeline in [files(), files().checkpoint(&*kept), handed().checkpoint(&*kept)] {
        assert!(pipeline.explain().to_string().contains("does not start: socket cannot be read again"));
        let error = pipeline.run_blocking().unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{error}");
        assert!(error.message().starts_with(&format!("the source socket `{address}` cannot be read again")), "{error}");
        assert!(error.advice().unwrap().contains(".allow_loss_on_restart()"), "{error}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was written");

    // Who said that there is no checkpoint was promised nothing; who allows loss has rows at most once.
    let allowed = files().checkpoint(&*kept).allow_loss_on_restart();
    assert!(allowed.explain().to_string().contains("at most once: socket cannot be read again"));
    let error = files().allow_loss_on_restart().run_blocking().unwrap_err();
    assert!(error.message().contains("needs a checkpoint"), "{error}");
    for (rows, pipeline) in [(1, files().checkpoint(Checkpoint::none())), (2, allowed)] {
        let listener = listener.try_clone().unwrap();
        let sender = std::thread::spawn(move || {
            let mut to = listener.accept().unwrap().0;
            (0..rows).for_each(|n| writeln!(to, "{n}").unwrap());
            // Closed when the pipeline has gone.
            std::io::copy(&mut to, &mut std::io::sink()).ok();
        });
        assert_eq!(pipeline.run_blocking().unwrap().rows_out, rows);
        sender.join().unwrap();
    }
}

/// A source whose one fetch does not end before something was written.
struct Held(Arc<AtomicUsize>);

impl Source for Held {
    type Record<'a> = HeldRecord<'a>;
    type Meta = ();
    fn record<'a>(chunk: &'a Chunk, (): &'a (), index: usize) -> HeldRecord<'a> {
        HeldRecord { data: chunk.payload(index) }
    }
    fn describe(&self) -> Description {
        Description { kind: "held", target: "here".into(), options: Vec::new(), replayable: true, finite: true }
    }
    fn open(&self, _: Resume) -> BoxFuture<'_, Result<Box<dyn Feed>>> {
        let written = Arc::clone(&self.0);
        Box::pin(async { Ok(Box::new(Held(written)) as Box<dyn Feed>) })
    }
}

#[derive(Clone, Copy)]
struct HeldRecord<'a> {
    data: &'a [u8],
}
millstream::row!(HeldBuilders, HeldRecord<'_> { data: Vec<u8> });

impl<'a> Record<'a> for HeldRecord<'a> {
    fn place(&self) -> Place {
        Place::default()
    }
}

const BAD: usize = 50_000;

impl Feed for Held {
    fn fetch<'a>(&'a mut self, _: &'a Limits, out: &'a mut ChunkSender) -> BoxFuture<'a, Result<Fetched>> {
        Box::pin(async move {
            out.send(Chunk::of(&vec![b"{".to_vec(); BAD], 0)).await;
            for _ in 0..500 {
                if self.0.load(Ordering::Relaxed) >= BAD / 2 {
                    break;
                }
                // The worker is given time; ten seconds in all.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            assert!(self.0.load(Ordering::Relaxed) >= BAD / 2, "dead letters wait for the end of the epoch");
            let end = PartitionProgress { id: "p".into(), drained: true, ..PartitionProgress::default() };
            Ok(Fetched { partitions: vec![end], exhausted: true, ..Fetched::default() })
        })
    }
}

/// A sink of files that counts the rows it was given, and is never given many at once.
#[derive(Clone)]
struct Counting(std::path::PathBuf, Arc<AtomicUsize>);

impl Sink for Counting {
    fn describe(&self) -> SinkDescription {
        SinkDescription { kind: "counting", target: String::new(), options: Vec::new(), exactly_once: true }
    }
    fn connect(&self, _: &arrow::datatypes::SchemaRef) -> Result<Connected> {
        Ok(Connected::Staging(Arc::new(self.clone())))
    }
}
impl Accepts<Append> for Counting {}

impl Staging for Counting {
    fn root(&self) -> millstream::store::Place {
        millstream::store::Place::Local(self.0.clone())
    }
    fn writer(&self, _: WriterContext) -> Box<dyn StageWriter> {
        Box::new(self.clone())
    }
}

impl StageWriter for Counting {
    fn write(&mut self, _: u64, batch: &arrow::array::RecordBatch) -> Result<()> {
        assert!(batch.num_rows() <= 8_192);
        self.1.fetch_add(batch.num_rows(), Ordering::Relaxed);
        Ok(())
    }
    fn seal(&mut self, _: u64) -> Result<Vec<StagedFile>> {
        Ok(Vec::new())
    }
}

#[test]
fn dead_letters_are_written_while_their_epoch_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (written, rows) = (Arc::new(AtomicUsize::new(0)), collect());
    let (held, bad) = (Held(Arc::clone(&written)), Counting(folder.path().join("bad"), Arc::clone(&written)));
    let pipeline = pipeline! {
        from {held} | decode json as Reading else dead_letter({bad}) | select { device_id } | sink {rows.clone()}
    };
    let summary = pipeline.checkpoint(Checkpoint::none()).run_blocking().unwrap();
    assert_eq!((summary.rows.dead, written.load(Ordering::Relaxed), rows.len()), (BAD as u64, BAD, 0));
}

/// How many readings a device has a minute.
fn per_minute() -> Pipeline {
    pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | watermark 10s
        | group_by { device_id, window = tumbling(1min) }
        | agg { n = count() }
        | sink collect()
    }
}

#[test]
fn f_047_a_test_run_goes_by_the_pipelines_own_idea_of_the_future() {
    // The clock of a test stands at the beginning of the year; by default 300 s are allowed.
    let ahead = r#"{"device_id": "a", "ts": "2026-01-01T00:10:00Z", "temperature": 1}"#;
    let watermark = |pipeline: Pipeline| {
        let mut run = pipeline.test();
        run.push([ahead]).unwrap().end_epoch().unwrap();
        run.watermark().map(|at| at.to_string())
    };
    assert_eq!(watermark(per_minute()), None);
    let allowed = per_minute().max_future_skew(secs(600));
    assert_eq!(watermark(allowed).as_deref(), Some("2026-01-01T00:09:50Z"));
}

/// The clock of the host says how far in the future an event may be, and nothing else: whatever it jumps to, no row is lost
/// or late for it.
#[test]
fn f_050_a_clock_that_jumps_makes_no_row_late() {
    let at = |time: &str| format!(r#"{{"device_id": "a", "ts": "2026-01-01T{time}Z", "temperature": 1}}"#);
    let mut run = per_minute().test();
    // The clock, at midnight, is an hour behind: what happens seems to be in the future, and closes nothing.
    run.push(["01:00:00", "01:00:30", "01:02:00"].map(at)).unwrap().end_epoch().unwrap();
    assert_eq!((run.watermark(), run.batches().len()), (None, 0));
    // It is set right, and the rows from before count.
    run.advance(hours(1)).push([at("01:03:00")]).unwrap().end_epoch().unwrap();
    assert_eq!(run.watermark().map(|at| at.to_string()).as_deref(), Some("2026-01-01T01:02:50Z"));
    // Then it is a day ahead, which moves nothing.
    run.advance(hours(24)).push([at("01:02:55")]).unwrap().end_epoch().unwrap();
    assert_eq!(run.watermark().map(|at| at.to_string()).as_deref(), Some("2026-01-01T01:02:50Z"));
    run.end().unwrap();
    let counts = run.counts();
    assert_eq!((counts.rows, counts.late), (5, 0));
    let groups: usize = run.batches().iter().map(|batch| batch.num_rows()).sum();
    assert_eq!(groups, 3);
}

#[test]
fn the_commit_record_of_a_folder_whose_files_come_and_go_stays_small() {
    const FILES: u32 = 100;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(path("in")).unwrap();
    let file_of = |number: u32| folder.path().join(format!("in/{number:05}.json"));
    let begun = std::time::SystemTime::now() - std::time::Duration::from_secs(60 * 2_000);
    let (mut sizes, mut rows) = (Vec::new(), 0);
    for step in 0..14 {
        for number in step * FILES..(step + 1) * FILES {
            std::fs::write(file_of(number), LINES[0]).unwrap();
            let file = std::fs::File::options().append(true).open(file_of(number)).unwrap();
            std::io::Write::write_all(&mut &file, b"\n").unwrap();
            file.set_modified(begun + std::time::Duration::from_secs(60 * u64::from(number))).unwrap();
        }
        let pipeline = pipeline! {
            from file({path("in")}, follow = 1s, max_file_age = 1h)
            | decode json as Reading
            | select { device_id }
            | sink parquet({path("out")})
        };
        let pipeline = pipeline.checkpoint(path("checkpoint")).trigger(Trigger::AvailableNow);
        rows += pipeline.run_blocking().unwrap().rows.rows;
        (step * FILES..(step + 1) * FILES).for_each(|number| std::fs::remove_file(file_of(number)).unwrap());
        let records = std::fs::read_dir(path("checkpoint/log")).unwrap().map(|entry| entry.unwrap());
        sizes.push(records.map(|entry| entry.metadata().unwrap().len()).max().unwrap());
    }
    assert_eq!(rows, u64::from(14 * FILES), "each line once");
    assert!(sizes[13] < sizes[4] * 5 / 4, "{sizes:?}");
}
