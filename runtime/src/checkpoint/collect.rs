//! Deleting what no start and no repair can need.

use std::collections::BTreeSet;

use super::log::{floor_path, slot_path};
use super::record::{OperatorFiles, Record, StateFile};
use super::{Checkpoint, STATE, lock};
use crate::error::{Error, Kind, Result};
use crate::mutant::{self, Mutant};
use crate::store::{Created, join};

/// What a collection deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// State files.
    pub state_files: u64,
    /// Log slots.
    pub slots: u64,
}

impl Checkpoint {
    /// Deletes state files and log slots that nothing needs any more. Cheap when there is nothing to do, but it lists
    /// folders: call it every few epochs, not in every one.
    ///
    /// A state file stays if the last commit names it (which it also does for the older generation of snapshots), if it
    /// is in `in_use`, if it is of a later epoch, or if another generation made it that began within the last two starts.
    /// `in_use` has to name every file of an epoch up to the last commit that a later commit will name first, such as a
    /// snapshot that is being written.
    ///
    /// # Errors
    ///
    /// If a call fails. Nothing is lost; a later collection goes on.
    pub fn collect_garbage(&self, in_use: &BTreeSet<String>) -> Result<Collected> {
        Ok(Collected { state_files: self.collect_state(in_use)?, slots: self.collect_log()? })
    }

    fn collect_state(&self, in_use: &BTreeSet<String>) -> Result<u64> {
        let Some(last) = lock(&self.head).last.clone() else { return Ok(0) };
        let named: BTreeSet<&str> = last.operators.values().flat_map(needed).map(|file| file.path.as_str()).collect();
        let mut unneeded = Vec::new();
        for operator in self.store.list(STATE)?.into_iter().filter(|entry| entry.is_dir) {
            let dir = join(STATE, &operator.name);
            for entry in self.store.list(&dir)?.into_iter().filter(|entry| !entry.is_dir) {
                let path = join(&dir, &entry.name);
                let Some((epoch, generation)) = epoch_and_generation(&entry.name) else { continue };
                let old = match generation == self.generation() {
                    true => epoch <= last.epoch,
                    false => generation + 2 <= self.generation(),
                };
                if old && !named.contains(path.as_str()) && !in_use.contains(&path) {
                    unneeded.push(path);
                }
            }
        }
        self.store.remove_many(&unneeded)?;
        Ok(unneeded.len() as u64)
    }

    fn collect_log(&self) -> Result<u64> {
        let (lowest, needed, tail, newest) = {
            let head = lock(&self.head);
            let Some(last) = &head.last else { return Ok(0) };
            let needed = head.recent.front().map_or(head.lowest, |(_, slot)| *slot);
            (head.lowest, needed, head.tail.slot, last.wall_time)
        };
        let kept = self.retention;
        // Slots below `end` can go.
        let mut end = lowest;
        let limit = (tail + 1).saturating_sub(kept.slots).min(needed);
        if limit.saturating_sub(lowest) < kept.batch.max(1) {
            return Ok(0);
        }
        while end < limit && end - lowest < 10 * kept.batch.max(1) {
            let time = match self.log.read(end)?.record {
                Record::Open(open) => Some(open.started),
                Record::Commit(commit) => Some(commit.wall_time),
                Record::Change(change) => Some(change.wall_time),
                Record::Start(_) | Record::Close(_) => None,
            };
            let young = time.is_some_and(|time| newest.saturating_sub(time) < kept.micros);
            if young && tail - end < kept.most {
                break;
            }
            end += 1;
        }
        if end == lowest {
            return Ok(0);
        }
        // First the marker: from now on nobody misses the slots, whenever the deleting stops.
        match self.store.create_only(&floor_path(end - 1), b"")? {
            Created::Created | Created::Exists => {}
            Created::Unknown(error) => {
                return Err(Error::new(
                    Kind::Unavailable,
                    format!("no answer whether the marker of slot {} was written", end - 1),
                )
                .caused_by(error));
            }
        }
        self.store.remove_many(&(lowest..end).map(slot_path).collect::<Vec<_>>())?;
        if lowest > 1 {
            self.store.remove(&floor_path(lowest - 1))?;
        }
        lock(&self.head).lowest = end;
        Ok(end - lowest)
    }
}

/// The files of an operator that may be needed.
fn needed(files: &OperatorFiles) -> impl Iterator<Item = &StateFile> {
    let older = files.previous_snapshots.iter().chain(&files.previous_changelogs);
    let older = older.filter(|_| !mutant::is(Mutant::OlderCollected));
    files.snapshots.iter().chain(&files.changelogs).chain(older)
}

/// The two numbers in the name of a state file; `None` if it is none of ours.
fn epoch_and_generation(name: &str) -> Option<(u64, u64)> {
    let mut parts = name.strip_suffix(".parquet")?.split('-');
    let kind = parts.next()?;
    let epoch = parts.next()?.parse().ok()?;
    let generation = parts.nth(2)?.strip_prefix('g')?.parse().ok()?;
    matches!(kind, "s" | "c").then_some((epoch, generation))
}
