//! The command line of a pipeline, as a process: commands, exit codes, signals.

use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const GOOD: &str = r#"{"device_id": "a", "ts": "2026-01-01T00:00:01Z"}
{"device_id": "b", "ts": "2026-01-01T00:00:02Z"}
{"device_id": "a", "ts": "2026-01-01T00:05:00Z"}
"#;

/// A folder with input, and the program that reads it.
struct World {
    folder: TempDir,
}

impl World {
    fn new(input: &str) -> Self {
        let world = Self { folder: TempDir::new().unwrap() };
        fs::create_dir(world.path("in")).unwrap();
        fs::write(world.path("in/a.ndjson"), input).unwrap();
        world
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The program with a command line; `KEPT` is its checkpoint.
    fn program(&self, line: &str) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_program"));
        program.args(line.split_whitespace().map(|word| word.replace("KEPT", &self.path("kept"))));
        program.env("PROGRAM_FOLDER", self.folder.path()).stdin(Stdio::null());
        program.stdout(Stdio::piped()).stderr(Stdio::piped());
        program
    }

    /// Runs it to its end, which is to have this exit code; gives what it said on both outputs.
    fn run(&self, line: &str, code: i32) -> (String, String) {
        said(&self.program(line).output().unwrap(), code)
    }

    fn outputs(&self) -> usize {
        fs::read_dir(self.path("out")).map_or(0, Iterator::count)
    }
}

fn said(output: &Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{said}\n{errors}");
    (said, errors)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Waits until something has come true.
fn wait_for(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it takes too long");
        // Look again.
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn explain_shows_and_writes_nothing() {
    let world = World::new(GOOD);
    let (text, _) = world.run("explain", 0);
    assert!(text.contains("guarantee  exactly once with a checkpoint; none is given"), "{text}");
    let (text, _) = world.run("explain --checkpoint KEPT", 0);
    assert!(text.contains("guarantee  exactly once: rows"), "{text}");
    let (json, _) = world.run("explain --json", 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["columns"].as_array().unwrap().len(), 3, "{json}");
    assert!(world.run("explain --mermaid", 0).0.starts_with("flowchart LR\n"));
    assert_eq!(fs::read_dir(world.folder.path()).unwrap().count(), 1, "something was written");
}

#[test]
fn preview_prints_rows_and_writes_nothing() {
    let world = World::new(GOOD);
    let (rows, account) = world.run("preview --rows 2", 0);
    assert!(rows.contains(" device_id "), "{rows}");
    assert!(account.contains("3 rows in = 3 used"), "{account}");
    assert_eq!(fs::read_dir(world.folder.path()).unwrap().count(), 1, "something was written");
}

#[test]
fn check_looks_at_the_sink_and_the_checkpoint() {
    let world = World::new(GOOD);
    // As `run` would say.
    assert!(world.run("check", 78).1.contains("needs a checkpoint"));
    assert_eq!(world.run("check --checkpoint KEPT", 0).0.trim_end(), OK);
    assert_eq!(fs::read_dir(world.folder.path()).unwrap().count(), 1, "something was written");
    world.run("run --checkpoint KEPT --trigger once", 0);
    let (table, _) = world.run("check --checkpoint KEPT", 0);
    assert!(table.contains("same ") && table.trim_end().ends_with(OK), "{table}");
    let changed = |line: &str, code| said(&world.program(line).env("PROGRAM_WINDOW", "120").output().unwrap(), code);
    let (table, errors) = changed("check --checkpoint KEPT", 78);
    assert!(
        table.contains("incompatible     C13  the window of `per device` was tumbling(60s), is tumbling(120s)"),
        "{table}"
    );
    assert!(errors.starts_with("error: the pipeline was changed") && errors.contains("\nhelp: "), "{errors}");
    assert_eq!(changed("run --checkpoint KEPT", 78).1, errors);
    let (json, _) = changed("check --checkpoint KEPT --json", 78);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let codes: Vec<_> = json["changes"].as_array().unwrap().iter().map(|line| line["code"].as_str().unwrap()).collect();
    assert!(json["fits"] == false && codes.contains(&"C13"), "{json}");
    let (table, _) = changed("check --checkpoint KEPT --drop-state", 64);
    assert!(table.is_empty());
    let mut told = world.program("check --checkpoint KEPT --drop-state");
    told.arg("per device").env("PROGRAM_WINDOW", "120");
    assert!(said(&told.output().unwrap(), 0).0.contains("changed meaning  C13"));
}

#[test]
fn a_reset_leaves_a_record_and_a_savepoint_begins_another_pipeline() {
    let world = World::new(GOOD);
    assert!(world.run("reset --checkpoint KEPT --operator x", 78).1.contains("there is no keyed stage `x`"));
    assert!(world.run("savepoint --checkpoint KEPT --to KEPT-saved", 78).1.contains("nothing to save"));
    let child = world.program("run --checkpoint KEPT --trigger 100ms").env("PROGRAM_FOLLOW", "1").spawn().unwrap();
    wait_for(|| world.outputs() > 0);
    // While it runs.
    let (saved, _) = world.run("savepoint --checkpoint KEPT --to KEPT-saved", 0);
    assert!(saved.contains("holds epoch "), "{saved}");
    signal(&child, Signal::TERM);
    said(&child.wait_with_output().unwrap(), 0);
    let mut reset = world.program("reset --checkpoint KEPT --operator");
    let (dropped, _) = said(&reset.arg("per device").output().unwrap(), 0);
    assert!(dropped.contains("the state of `per device` is dropped: from epoch "), "{dropped}");
    for line in ["check --checkpoint KEPT", "history --checkpoint KEPT"] {
        let (text, _) = world.run(line, 0);
        assert!(text.contains("changed at ") && text.contains("C23 the state of `per device`"), "{line}: {text}");
    }
    // The window that was open is gone; the savepoint has it, and reads no row again.
    let (_, told) = world.run("run --checkpoint KEPT", 0);
    assert!(told.contains("0 rows in"), "{told}");
    let line = "run --checkpoint KEPT-fresh --from-savepoint KEPT-saved";
    let (_, told) = world.run(line, 78);
    assert!(told.contains("belongs to the pipeline") || told.contains("files of later epochs"), "{told}");
}

#[test]
fn who_pipes_into_head_hears_no_complaint() {
    let world = World::new(GOOD);
    for line in ["explain", "explain --json", "explain --mermaid", "preview", "check --checkpoint KEPT"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (_, errors) = said(&world.program(line).stdout(writer).output().unwrap(), 141);
        assert!(errors.is_empty(), "{line}: {errors}");
    }
}

const OK: &str = "the sink can store the rows, and the checkpoint fits the pipeline";

#[test]
fn run_goes_to_the_end_and_tells_of_it() {
    let world = World::new(GOOD);
    let (_, told) = world.run("run --checkpoint KEPT --trigger available-now --workers 2 --json", 0);
    let (documents, last) = told.trim_end().rsplit_once('\n').unwrap();
    assert!(last.starts_with("3 rows in = 3 used") && last.contains("3 rows out"), "{told}");
    for document in documents.lines() {
        let document: serde_json::Value = serde_json::from_str(document).unwrap();
        assert!(document["batchId"].is_u64(), "{document}");
    }
    assert!(world.outputs() > 0);
}

#[test]
fn a_wrong_command_line_is_64_and_starts_nothing() {
    let world = World::new(GOOD);
    for line in
        ["--once", "run --chekpoint KEPT", "start", "run --workers many", "run --trigger soon", "run --trigger 5"]
    {
        let (said, errors) = world.run(line, 64);
        assert!(said.is_empty() && errors.starts_with("error: "), "{line}: {errors}");
    }
    assert!(world.run("run --trigger soon", 64).1.contains("`available-now`"));
    assert!(world.run("--help", 0).0.contains("explain"));
    assert_eq!(fs::read_dir(world.folder.path()).unwrap().count(), 1, "something was written");
}

#[test]
fn bad_input_is_65_and_too_many_starts_are_77() {
    let world = World::new("{\"device_id\": 1}\n");
    for _ in 0..5 {
        assert!(world.run("run --checkpoint KEPT", 65).1.contains("a.ndjson"));
    }
    assert!(world.run("run --checkpoint KEPT", 77).1.contains("help: "));
    world.run("run --checkpoint KEPT --ignore-crash-loop", 65);
}

#[test]
fn a_service_that_is_not_there_is_69_and_a_promise_that_cannot_be_kept_78() {
    let world = World::new(GOOD);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let run = |line: &str, code| said(&world.program(line).env("PROGRAM_SOCKET", &free).output().unwrap(), code).1;
    assert!(run("preview", 69).contains(&free));
    for line in ["run", "check", "run --checkpoint KEPT", "check --checkpoint KEPT"] {
        let errors = run(line, 78);
        assert!(errors.contains("cannot be read again") && errors.contains("allow_loss_on_restart"), "{errors}");
    }
}

#[test]
fn a_corrupt_checkpoint_is_74() {
    let world = World::new(GOOD);
    world.run("run --checkpoint KEPT", 0);
    let log = fs::read_dir(world.path("kept/log")).unwrap().map(|entry| entry.unwrap().path());
    fs::write(log.max().unwrap(), "scribble").unwrap();
    let (_, errors) = world.run("run --checkpoint KEPT", 74);
    assert!(errors.contains("is corrupt") && errors.contains("help: put the file back from a backup"), "{errors}");
}

/// Ctrl-C ends the run in good order, as SIGTERM does; a second instance meanwhile is refused.
#[test]
fn f_053_ctrl_c_ends_a_run_well_and_a_second_instance_is_75() {
    for asked in [Signal::INT, Signal::TERM] {
        let world = World::new(GOOD);
        let child = world.program("run --checkpoint KEPT --trigger 100ms").env("PROGRAM_FOLLOW", "1").spawn().unwrap();
        wait_for(|| world.outputs() > 0);
        assert!(world.run("run --checkpoint KEPT", 75).1.contains("already running"));
        signal(&child, asked);
        let (_, errors) = said(&child.wait_with_output().unwrap(), 0);
        assert!(errors.contains("3 rows in = 3 used"), "{errors}");
        // What was open is still there, and what was committed is not read again.
        let child = world.program("run --checkpoint KEPT --trigger 100ms").env("PROGRAM_FOLLOW", "1").spawn().unwrap();
        let more = "{\"device_id\": \"a\", \"ts\": \"2026-01-01T00:20:00Z\"}\n";
        let before = world.outputs();
        fs::write(world.path("in/b.ndjson"), more).unwrap();
        wait_for(|| world.outputs() > before);
        signal(&child, asked);
        let (_, errors) = said(&child.wait_with_output().unwrap(), 0);
        assert!(errors.contains("1 rows in = 1 used"), "{errors}");
    }
}

/// While an epoch is computed that takes long, the first signal waits for it and the second does not.
#[test]
fn f_084_a_second_signal_ends_a_run_at_once_with_69() {
    for asked in [Signal::INT, Signal::TERM] {
        let world = World::new(GOOD);
        let mut child = world.program("run --checkpoint KEPT").env("PROGRAM_SLOW", "1").spawn().unwrap();
        wait_for(|| fs::exists(world.path("slow")).unwrap());
        signal(&child, asked);
        // Time in which it would end.
        std::thread::sleep(Duration::from_millis(300));
        assert!(child.try_wait().unwrap().is_none(), "the first signal did not wait for the epoch");
        signal(&child, asked);
        let begun = Instant::now();
        let (_, errors) = said(&child.wait_with_output().unwrap(), 69);
        assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
        assert!(errors.contains("stopped at once by a second signal"), "{errors}");
        // The epoch was not committed, and is read again.
        assert!(world.run("run --checkpoint KEPT", 0).1.contains("3 rows in = 3 used"));
    }
}

/// Nobody reads what is told of hundreds of epochs: the run does not wait for that, nor does its end.
#[test]
fn f_093_who_does_not_read_holds_nobody_up() {
    let lines: Vec<String> = (0..100)
        .map(|n| format!(r#"{{"device_id": "a", "ts": "2026-01-01T00:{:02}:{:02}Z"}}"#, n / 60, n % 60))
        .collect();
    let world = World::new(&(lines.join("\n") + "\n"));
    let (reader, writer) = std::io::pipe().unwrap();
    let begun = Instant::now();
    let mut child =
        world.program("run --checkpoint KEPT --json").env("PROGRAM_ROWS", "1").stderr(writer).spawn().unwrap();
    wait_for(|| child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    println!("100 epochs with nobody to tell of them in {:?}", begun.elapsed());
    let summary = crate::log::last_commit(world.path("kept").as_ref());
    assert_eq!((summary.epoch, summary.drained), (100, true));
    drop(reader);
}
