//! Reading the state of operators: the newest snapshots, then the changes after them.
//!
//! A snapshot that is corrupt or gone is repaired from the one before it, which every commit still names, and the longer chain of
//! changes after that. A file of changes is there once only: without it nothing is put back, and all files that are missing or
//! corrupt are named at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::record::{OperatorFiles, StateFile};
use super::retain::older_by_group;
use crate::error::{Error, Kind, Result};
use crate::state::file;
use crate::store::{RESTORE, Store};

/// The rows of a state file, with the key groups for which they count. Rows that come later take the place of earlier ones of
/// the same key.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The rows, with all key groups that are in the file.
    pub batches: Vec<RecordBatch>,
    /// By key group, whether the rows of it count.
    pub groups: Arc<Vec<bool>>,
}

/// Reads the state of operators from a checkpoint.
#[derive(Debug)]
pub struct Reading<'a> {
    store: &'a dyn Store,
    key_groups: u16,
    /// Snapshots that cannot be used, and why.
    damaged: Vec<(StateFile, String)>,
    /// What is wrong with files for which nothing else can stand in.
    faults: Vec<String>,
}

impl<'a> Reading<'a> {
    /// Begins to read.
    #[must_use]
    pub fn new(store: &'a dyn Store, key_groups: u16) -> Self {
        Self { store, key_groups, damaged: Vec::new(), faults: Vec::new() }
    }

    /// Reads an operator; `put` gets the rows of one file after the other. Files that are missing or corrupt are an error at
    /// [`finish`](Self::finish), when all operators have been looked at: after the first one nothing more is put.
    ///
    /// # Errors
    ///
    /// That of `put`, or the store cannot be reached.
    pub fn operator(&mut self, files: &OperatorFiles, mut put: impl FnMut(Rows) -> Result<()>) -> Result<()> {
        // By key group, the epoch whose end has been put.
        let mut base = vec![0; usize::from(self.key_groups)];
        let mut lost = self.mask(|_| false);
        let olders = older_by_group(&files.previous_snapshots, self.key_groups);
        for snapshot in &files.snapshots {
            let groups = self.mask(|group| covers(snapshot, group));
            match self.read(snapshot)? {
                Ok(batches) => {
                    set(&mut base, &groups, snapshot.epoch);
                    self.put(Rows { batches, groups: Arc::new(groups) }, &mut put)?;
                }
                // Nothing stands in for key groups that have neither an older one nor all of their changes.
                Err(why) if !files.begun && groups.iter().zip(&olders).any(|(of, older)| *of && older.is_none()) => {
                    self.faults.push(why);
                }
                Err(why) => {
                    self.damaged.push((snapshot.clone(), why));
                    set(&mut lost, &groups, true);
                }
            }
        }
        for older in &files.previous_snapshots {
            let stands_in = |(lost, of): (&bool, &Option<&StateFile>)| *lost && *of == Some(older);
            let groups: Vec<bool> = lost.iter().zip(&olders).map(stands_in).collect();
            if !groups.contains(&true) {
                continue;
            }
            match self.read(older)? {
                Ok(batches) => {
                    set(&mut base, &groups, older.epoch);
                    self.put(Rows { batches, groups: Arc::new(groups) }, &mut put)?;
                }
                Err(why) => self.faults.push(why),
            }
        }
        self.changes(files, &base, &mut put)
    }

    /// Reads the changes of each key group after its base, in the order of their epochs.
    fn changes(&mut self, files: &OperatorFiles, base: &[u64], put: &mut impl FnMut(Rows) -> Result<()>) -> Result<()> {
        let mut changes: Vec<&StateFile> = files.changelogs.iter().chain(&files.previous_changelogs).collect();
        changes.sort_by_key(|changes| changes.epoch);
        let mut seen = BTreeSet::new();
        for changes in changes.into_iter().filter(|changes| seen.insert(&changes.path)) {
            let counts = |group: u16| base.get(usize::from(group)).is_some_and(|base| changes.epoch > *base);
            let groups = self.mask(|group| covers(changes, group) && counts(group));
            if !groups.contains(&true) {
                continue;
            }
            match self.read(changes)? {
                Ok(batches) => self.put(Rows { batches, groups: Arc::new(groups) }, put)?,
                Err(why) => self.faults.push(why),
            }
        }
        Ok(())
    }

    fn put(&self, rows: Rows, put: &mut impl FnMut(Rows) -> Result<()>) -> Result<()> {
        if self.faults.is_empty() { put(rows) } else { Ok(()) }
    }

    /// The rows of a file, or what is wrong with it.
    fn read(&self, of: &StateFile) -> Result<Result<Vec<RecordBatch>, String>> {
        match file::read(self.store, of) {
            Ok(batches) => Ok(Ok(batches)),
            Err(error) if error.kind() == Kind::Io => Ok(Err(error.message().to_owned())),
            Err(error) => Err(error),
        }
    }

    fn mask(&self, counts: impl Fn(u16) -> bool) -> Vec<bool> {
        (0..self.key_groups).map(counts).collect()
    }

    /// Ends. Gives the snapshots for which older ones stood in, each with what is wrong with it: they are to be taken anew.
    ///
    /// # Errors
    ///
    /// [`Kind::Io`], with every file that was looked at and is missing or corrupt.
    pub fn finish(self) -> Result<Vec<(StateFile, String)>> {
        if self.faults.is_empty() {
            return Ok(self.damaged);
        }
        let all: Vec<String> = self.damaged.into_iter().map(|(_, why)| why).chain(self.faults).collect();
        let message = match all.as_slice() {
            [one] => one.clone(),
            many => format!("{} files of state are missing or corrupt: {}", many.len(), many.join("; ")),
        };
        Err(Error::new(Kind::Io, message).help(RESTORE))
    }
}

fn covers(file: &StateFile, group: u16) -> bool {
    (file.lo..=file.hi).contains(&group)
}

fn set<T: Copy>(values: &mut [T], groups: &[bool], to: T) {
    values.iter_mut().zip(groups).filter(|(_, of)| **of).for_each(|(value, _)| *value = to);
}
