//! How runs begin and end: what is refused, what is left behind, what is told of it.
#![cfg(feature = "parquet")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod shared;

use std::sync::{Arc, Mutex};

use millstream::engine::Checkpoint;
use millstream::error::Kind;
use millstream::observe::progress::Progress;
use millstream::prelude::*;
use millstream::sink::collect::{Collect, collect};
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
