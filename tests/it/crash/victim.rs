//! One victim's folder, its processes, and its log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use millstream::checkpoint::log::Slot;
use millstream::checkpoint::{Commit, Log, Record};
use millstream::store::{Durability, LocalOptions, LocalStore};
use tempfile::TempDir;

use super::output::files;
use crate::process::Running;

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
        let Start { mode, workers, epoch_rows, power_loss, window, follow } = start;
        let mut command = Command::new(env!("CARGO_BIN_EXE_victim"));
        command
            .arg(mode)
            .arg(self.folder())
            .args([workers, epoch_rows].map(|number| number.to_string()))
            .arg(if power_loss { "power-loss" } else { "process-crash" })
            .arg(window.to_string())
            .arg(if follow { "yes" } else { "no" });
        Running::start(&mut command, self.folder())
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
