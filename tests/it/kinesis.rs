//! The main job on Kinesis, killed and resharded: every record counts once.
#![allow(clippy::unwrap_used, clippy::panic)]

mod aggregates;
mod chain;
mod checks;
mod conformance;
mod independent;
mod job;
mod output;
mod scale;
mod service;
mod subscriptions;
mod tls;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use millstream::engine::{Query, Summary, Trigger};
use millstream::error::Kind;
use millstream::{Pipeline, Result, pipeline};

use independent::Independent;
use job::{STREAM, job};
use output::{Expected, reading, rows, windows};
use service::Service;

const PATIENCE: Duration = Duration::from_secs(120);
const CHUNKS: usize = 8;

/// A query on a runtime of its own, so that it can be killed.
struct Running {
    runtime: tokio::runtime::Runtime,
    query: Query,
}

impl Running {
    fn start(pipeline: Pipeline) -> Self {
        let builder = &mut tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let query = runtime.block_on(async { pipeline.start() });
        Self { runtime, query }
    }

    /// Waits for the next commit of this start.
    fn wait_for_a_commit(&self) {
        wait("a commit", || self.query.progress().is_some() || self.query.is_finished());
        assert!(!self.query.is_finished());
    }

    fn kill(self) {
        drop(self.query);
        self.runtime.shutdown_timeout(Duration::from_secs(10));
    }

    fn end(self) -> Result<Summary> {
        self.runtime.block_on(self.query.wait())
    }
}

/// Starts a job, once the threads of the one that was killed have let go of the checkpoint.
fn start(mode: &str, service: &Service, folder: &str) -> Running {
    start_at(mode, &service.endpoint(), folder)
}

fn start_at(mode: &str, endpoint: &str, folder: &str) -> Running {
    let begun = Instant::now();
    loop {
        let running = Running::start(job(mode, endpoint, folder));
        wait("a start", || running.query.is_finished() || begun.elapsed() > Duration::from_millis(200));
        if !running.query.is_finished() {
            return running;
        }
        assert_eq!(running.end().unwrap_err().kind(), Kind::AlreadyRunning);
        assert!(begun.elapsed() < PATIENCE, "the checkpoint stays locked");
    }
}

fn wait(what: &str, ready: impl Fn() -> bool) {
    let begun = Instant::now();
    while !ready() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not come");
        // Look again.
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What happens to the stream after the chunk of this number was put.
fn reshard(service: &Service, chunk: usize) {
    let open = service.open_shards();
    match chunk {
        1 | 4 => service.split(&open[0]),
        2 => service.merge(&open[0], &open[1]),
        3 => service.split(open.last().unwrap()),
        5 => service.merge(&open[1], &open[2]),
        _ => {}
    }
}

fn killed_and_resharded(service: &Service, records: usize) {
    let begun = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    service.create(2);
    let mut kills = 0;
    for chunk in 0..CHUNKS {
        let part = records / CHUNKS;
        let running = ["rows", "windows"].map(|mode| start(mode, service, path));
        service.put((chunk * part..(chunk + 1) * part).map(reading));
        reshard(service, chunk);
        running.iter().for_each(Running::wait_for_a_commit);
        // Records come while the job works, at moments of every kind.
        std::thread::sleep(Duration::from_millis(37 * chunk as u64 % 150));
        running.into_iter().for_each(Running::kill);
        kills += 2;
    }
    let total = records / CHUNKS * CHUNKS;
    let expected = Expected::of(total);
    let last = start("rows", service, path);
    wait("every row", || rows(path, "rows").len() >= expected.rows.len());
    last.query.stop();
    let summary = last.end().unwrap();
    assert!(!summary.drained);
    assert_eq!(rows(path, "rows"), expected.rows);
    finish_windows(service, path, &expected);
    println!("{kills} kills, {total} records, {:?}", begun.elapsed());
}

/// Reads to the end, closes the windows and compares.
fn finish_windows(service: &Service, path: &str, expected: &Expected) {
    let rest = || job("windows", &service.endpoint(), path).trigger(Trigger::AvailableNow).run_blocking();
    let mut read = rest();
    while read.as_ref().is_err_and(|error| error.kind() == Kind::AlreadyRunning) {
        // Look again.
        std::thread::sleep(Duration::from_millis(20));
        read = rest();
    }
    // Also if nothing was left to read, the account says what is open.
    assert!(read.unwrap().open_keys > 0);
    assert!(rest().unwrap().open_keys > 0);
    let last = start("windows", service, path);
    last.query.drain();
    let summary = last.end().unwrap();
    assert!(summary.drained);
    assert_eq!(summary.rows.late, 0);
    let found = windows(path);
    let different = found.iter().zip(&expected.windows).find(|(found, wanted)| found != wanted);
    assert!(found == expected.windows, "{} of {} windows; {different:?}", found.len(), expected.windows.len());
}

#[test]
fn the_main_job_killed_and_resharded() {
    killed_and_resharded(&Service::here(), 4_000);
}

#[test]
fn the_main_job_against_an_independent_server() {
    let Some(server) = Independent::kinesis_local() else { return };
    killed_and_resharded(&Service::there(server), 2_000);
}

struct Victim(Child);

impl Victim {
    fn start(mode: &str, endpoint: &str, folder: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kinesis_victim"));
        Self(command.args([mode, endpoint, folder]).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn processes_killed_while_the_stream_is_resharded() {
    let begun = Instant::now();
    let service = Service::here();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    service.create(2);
    let (kills, part) = (12, 400);
    for round in 0..kills {
        let before = rows(path, "rows").len();
        service.put((round * part..(round + 1) * part).map(reading));
        let mut victims = ["rows", "windows"].map(|mode| Victim::start(mode, &service.endpoint(), path));
        // Some die before their first commit, the others in the middle of their work.
        if round % 3 != 2 {
            wait("rows", || rows(path, "rows").len() > before);
        }
        reshard(&service, round % 6);
        // Die at moments of every kind.
        std::thread::sleep(Duration::from_millis(31 * round as u64 % 200));
        for Victim(victim) in &mut victims {
            assert_eq!(victim.try_wait().unwrap(), None, "the victim ended by itself");
        }
    }
    let expected = Expected::of(kills * part);
    let last = start("rows", &service, path);
    wait("every row", || rows(path, "rows").len() >= expected.rows.len());
    last.query.stop();
    last.end().unwrap();
    assert_eq!(rows(path, "rows"), expected.rows);
    finish_windows(&service, path, &expected);
    println!("{} kills, {} records, {:?}", 2 * kills, kills * part, begun.elapsed());
}

/// Without credentials a start fails soon, and says what to set. Only in a process of its own, since the environment is
/// the process's.
#[test]
fn no_credentials() {
    const CHILD: &str = "MILLSTREAM_TEST_NO_CREDENTIALS";
    if std::env::var_os(CHILD).is_none() {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env_clear().env(CHILD, "1").env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
        let output = command.args(["kinesis::no_credentials", "--exact"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let begun = Instant::now();
    let rows = millstream::sink::collect();
    let pipeline =
        pipeline! { from kinesis({STREAM}, region = "eu-west-1") | decode text | select { line } | sink rows };
    let error = pipeline.run_blocking().unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("there are no AWS credentials"), "{error}");
    assert!(error.to_string().contains("tried AWS_ACCESS_KEY_ID of the environment"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
