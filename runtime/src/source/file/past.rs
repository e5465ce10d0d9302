//! Files that have been read, and how long each is remembered.
//!
//! A file that is remembered is not read again. One that is gone from the folder is forgotten when it is older than
//! [`max_file_age`](super::File::max_file_age), or the checkpoint of a folder that gets a file a minute would grow for
//! ever. In its place stands the time of the youngest that was forgotten: what turns up later and is not younger than
//! that may have been read before, and is refused.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::position::{parse, write};
use crate::error::{Error, Kind};
use crate::source::{PartitionProgress, PartitionState};
use crate::time::Timestamp;
use crate::{Result, clock};

/// A file as it was found: its path, and when it was last changed, in microseconds since 1970.
pub(super) type Listed = (String, i64);

/// The number of the partition that stands for the files that were forgotten. Those of files begin at 0.
const NUMBER: u32 = u32::MAX;

/// What the checkpoint knows of files that it has forgotten.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Forgotten {
    /// How many they are.
    forgotten: u64,
    /// When the youngest of them was last changed, in microseconds since 1970.
    last_changed: i64,
}

/// Files that have been read to their ends.
#[derive(Default)]
pub(super) struct Past {
    /// When each was last changed.
    done: BTreeMap<String, i64>,
    /// Those of them to be forgotten.
    outdated: Vec<String>,
    before: Forgotten,
    /// What the last fetch said.
    told: Forgotten,
}

impl Past {
    /// Takes in a partition of the checkpoint; `false` when it is a file. `own` is the id of what was forgotten.
    pub(super) fn resume(&mut self, own: &str, id: &str, state: &PartitionState) -> Result<bool> {
        if id != own || state.to.get("forgotten").is_none() {
            return Ok(false);
        }
        self.before = parse(id, &state.to)?;
        self.told = self.before;
        Ok(true)
    }

    /// A file has been read. What has no time is remembered for ever.
    pub(super) fn add(&mut self, path: &str, mtime: i64) {
        if mtime > 0 {
            self.done.insert(path.to_owned(), mtime);
        }
    }

    /// Refuses a file that is not remembered but may have been read.
    pub(super) fn check(&self, (path, mtime): &Listed) -> Result<()> {
        if self.before.forgotten == 0 || *mtime > self.before.last_changed {
            return Ok(());
        }
        let (changed, until) = (Timestamp::from_micros(*mtime), Timestamp::from_micros(self.before.last_changed));
        let message = format!(
            "`{path}` has appeared and was last changed at {changed}; files that were changed up to {until} are no \
             longer remembered each, so it may have been read before"
        );
        Err(Error::new(Kind::Config, message).help(
            "if it is new, give it a time of now with `touch`; if it has been read, take it out of the folder; with a \
             longer `max_file_age` files are remembered longer",
        ))
    }

    /// Looks which files to forget: those that are not among the `found`, which are sorted, and were changed longer ago
    /// than the age. Time is that of the youngest file, so that a pipeline that stood still forgets none it has not seen.
    /// Where nothing is found nothing is forgotten: a folder that is not mounted looks so, and its files come back.
    pub(super) fn look(&mut self, found: &[Listed], age: Duration) {
        if found.is_empty() {
            return;
        }
        let times = found.iter().map(|(_, mtime)| mtime).chain(self.done.values());
        // A file of the future would make all others old.
        let youngest = times.max().copied().unwrap_or(0).min(clock::now().micros());
        let limit = (Timestamp::from_micros(youngest) - age).micros();
        let gone = |path: &String| found.binary_search_by(|(found, _)| found.cmp(path)).is_err();
        let old = self.done.iter().filter(|&(path, &mtime)| mtime < limit && gone(path));
        self.outdated = old.map(|(path, _)| path.clone()).collect();
    }

    /// Forgets what is outdated.
    pub(super) fn forget(&mut self, known: &mut HashSet<String>) -> Vec<String> {
        for path in &self.outdated {
            known.remove(path);
            let mtime = self.done.remove(path).unwrap_or(0);
            self.before.forgotten += 1;
            self.before.last_changed = self.before.last_changed.max(mtime);
        }
        std::mem::take(&mut self.outdated)
    }

    /// The partition that stands for what was forgotten; none when nothing was.
    pub(super) fn progress(&mut self, own: &str) -> Option<PartitionProgress> {
        let (from, to) = (std::mem::replace(&mut self.told, self.before), self.before);
        let position = |of: Forgotten| if of.forgotten > 0 { write(&of) } else { Value::Null };
        (to.forgotten > 0).then(|| PartitionProgress {
            partition: NUMBER,
            id: own.to_owned(),
            from: position(from),
            to: position(to),
            drained: true,
            ..PartitionProgress::default()
        })
    }
}
