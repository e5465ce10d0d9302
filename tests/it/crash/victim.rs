//! One victim's folder, its processes, and its log.

use std::fs::{self, OpenOptions};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream::checkpoint::log::Slot;
use millstream::checkpoint::{Commit, Log, Record};
use millstream::store::{Durability, LocalOptions, LocalStore};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;

use super::output::files;

/// How a victim is started.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub mode: &'static str,
    pub workers: u64,
    pub epoch_rows: u64,
    pub power_loss: bool,
    pub window: u64,
    pub follow: bool,
}

impl Start {
    pub(super) fn new(mode: &'static str) -> Self {
        Self { mode, workers: 2, epoch_rows: 40, power_loss: false, window: 60, follow: false }
    }
}

pub(super) struct Victim {
    folder: TempDir,
    /// How many slots of the log have been read.
    slots: u64,
    pub(super) last: Option<Commit>,
    /// Starts since the last commit.
    pub(super) starts: usize,
}

/// A running victim.
pub(super) struct Running {
    child: Child,
    started: Instant,
    errors: PathBuf,
}

impl Victim {
    pub(super) fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), slots: 0, last: None, starts: 0 }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn start(&self, start: Start) -> Running {
        let errors = self.path("errors.txt");
        let log = |name: &str| OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        fs::write(&errors, "").unwrap();
        let Start { mode, workers, epoch_rows, power_loss, window, follow } = start;
        let child = Command::new(env!("CARGO_BIN_EXE_victim"))
            .arg(mode)
            .arg(self.folder())
            .args([workers, epoch_rows].map(|number| number.to_string()))
            .arg(if power_loss { "power-loss" } else { "process-crash" })
            .arg(window.to_string())
            .arg(if follow { "yes" } else { "no" })
            .stdin(Stdio::null())
            .stdout(log("output.txt"))
            .stderr(log("errors.txt"))
            .spawn()
            .unwrap();
        Running { child, started: Instant::now(), errors }
    }

    fn slot_path(&self, slot: u64) -> PathBuf {
        self.path("checkpoint/log").join(format!("{slot:020}.rec"))
    }

    /// Whether the log has so many slots more than were read.
    pub(super) fn has_grown_by(&self, slots: u64) -> bool {
        self.slot_path(self.slots + slots).exists()
    }

    /// Reads what was added to the log.
    pub(super) fn read_log(&mut self) -> Vec<Slot> {
        let mut found = Vec::new();
        if !self.has_grown_by(1) {
            return found;
        }
        let options = LocalOptions { durability: Durability::ProcessCrash, private: true };
        let log = Log::new(Arc::new(LocalStore::open(self.path("checkpoint"), options).unwrap()));
        while self.has_grown_by(1) {
            self.slots += 1;
            let slot = log.read(self.slots).unwrap();
            match &slot.record {
                Record::Open(_) => self.starts += 1,
                Record::Commit(commit) => {
                    let epoch = self.last.as_ref().map_or(0, |last| last.epoch);
                    assert_eq!(commit.epoch, epoch + 1, "an epoch is missing or there twice");
                    self.last = Some(commit.as_ref().clone());
                    self.starts = 0;
                }
                Record::Close(close) if close.error.is_none() => self.starts = 0,
                _ => {}
            }
            found.push(slot);
        }
        found
    }

    pub(super) fn epoch(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.epoch)
    }

    /// What the victim was doing when it was killed, as far as that can be seen, and the slots it wrote.
    pub(super) fn autopsy(&mut self) -> (&'static str, usize) {
        let slots = self.read_log();
        let commits = slots.iter().filter(|slot| matches!(slot.record, Record::Commit(_))).count();
        let stage = |name: &str| files(&self.path(name)).len() > usize::from(self.path(name).join("OWNER").exists());
        let staged = stage("out.stage") || stage("bad.stage");
        let temporary = |path: PathBuf| files(&path).iter().any(|path| path.extension().is_none_or(|end| end != "rec"));
        let doing = match (slots.is_empty(), commits) {
            _ if self.last.as_ref().is_some_and(|last| !self.is_published(last)) => "publish",
            _ if temporary(self.path("checkpoint/log")) => "commit",
            (true, _) => "start-up",
            (false, 0) if staged => "first epoch",
            (false, 0) => "recovery",
            _ if staged => "epoch",
            _ => "between",
        };
        (doing, commits)
    }

    fn is_published(&self, commit: &Commit) -> bool {
        let mut files = commit.sinks.iter().flat_map(|(sink, files)| files.iter().map(move |file| (sink, file)));
        files.all(|(sink, file)| self.path(if sink == "sink" { "out" } else { "bad" }).join(&file.path).exists())
    }

    /// Every file that is there, for a test that nothing is written.
    pub(super) fn everything(&self) -> Vec<(PathBuf, u64)> {
        let known = ["out", "out.stage", "bad", "bad.stage", "checkpoint"];
        let all = known.iter().flat_map(|name| files(&self.path(name)));
        all.map(|path| (path.clone(), fs::metadata(&path).unwrap().len())).collect()
    }
}

impl Running {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap()
    }

    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Stops it for the time being, and waits until all its threads have stopped.
    pub(super) fn freeze(&self) {
        self.signal(Signal::STOP);
        let (_, status) = waitpid(Some(Pid::from_child(&self.child)), WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped(), "{status:?}");
    }

    /// Waits until it is `ready`, it has ended, or `until` after its start. `false` when the time was over.
    pub(super) fn wait_for(&mut self, until: Duration, ready: impl Fn() -> bool) -> bool {
        while !ready() && self.ended().is_none() {
            if self.started.elapsed() > until {
                return false;
            }
            // Look again.
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Waits for its end, but not for ever. Gives the exit code and what it said.
    pub(super) fn end(&mut self, within: Duration) -> (Option<i32>, String) {
        let until = self.started.elapsed() + within;
        assert!(self.wait_for(until, || false), "it did not end in {within:?}: {}", self.errors());
        (self.ended().unwrap().code(), self.errors())
    }

    /// Kills it. `false` if it had ended before.
    pub(super) fn kill(mut self) -> bool {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        if status.signal() == Some(9) {
            return true;
        }
        assert_eq!(status.code(), Some(0), "it ended by itself: {}", self.errors());
        false
    }
}

/// A running victim does not outlive its test.
impl Drop for Running {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}
