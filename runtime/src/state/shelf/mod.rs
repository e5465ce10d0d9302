//! Records on disk that take the place of earlier ones with the same id: a small tree of sorted files.
//!
//! What is put here comes in bulk, is looked up in bulk and is read in order, by one thread. So each bulk is a sorted file
//! ([`run`]); the newest counts, and when the newest ones are not much smaller than the one before them, they are merged with it.
//! Nothing is deleted one by one: records that are too old are dead, and left out when files are merged.

mod run;

use std::sync::Arc;

use self::run::{Cursor, Run};
pub(crate) use self::run::{Record, Writing};
use super::scratch::Scratch;
use crate::Result;

/// How many times as many records as those after it a file may have and be merged with them all the same. So of n bulks there are
/// about log n files, and a record is written about log n times.
const RATIO: usize = 2;

/// Records by their ids.
#[derive(Debug)]
pub(crate) struct Shelf {
    scratch: Arc<Scratch>,
    /// The oldest first.
    runs: Vec<Run>,
    /// Whether records are looked for by their ids.
    filtered: bool,
    /// Records with an earlier time count as if they were not there. A record has no earlier time than an older one of its id: what
    /// a dead one hides is dead.
    dead_before: i64,
}

impl Shelf {
    /// No records. `filtered` if [`Self::find`] is to be quick.
    pub(crate) fn new(scratch: &Arc<Scratch>, filtered: bool) -> Self {
        Self { scratch: Arc::clone(scratch), runs: Vec::new(), filtered, dead_before: i64::MIN }
    }

    /// Puts records, in the order of their ids, each id once; there are at most `most`.
    pub(crate) fn put(&mut self, most: usize, fill: impl FnOnce(&mut Writing) -> Result<()>) -> Result<()> {
        let mut writing = self.writing(most)?;
        fill(&mut writing)?;
        let run = writing.finish()?;
        if run.records > 0 {
            self.runs.push(run);
            self.merge()?;
        }
        Ok(())
    }

    fn writing(&self, most: usize) -> Result<Writing> {
        Writing::new(&self.scratch, if self.filtered { most } else { 0 })
    }

    /// Merges the newest files with those before them that are not much larger.
    fn merge(&mut self) -> Result<()> {
        let (mut first, mut records) = (self.runs.len(), 0);
        while let Some(run) = first.checked_sub(1).and_then(|before| self.runs.get(before))
            && (records == 0 || run.records <= records * RATIO)
        {
            records += run.records;
            first -= 1;
        }
        let (_, merged) = self.runs.split_at(first);
        if merged.len() < 2 {
            return Ok(());
        }
        let mut writing = self.writing(records)?;
        let mut scan = Scan::of(merged, 0, u128::MAX, self.dead_before)?;
        while let Some(record) = scan.next()? {
            writing.push(record)?;
        }
        drop(scan);
        let run = writing.finish()?;
        self.runs.truncate(first);
        if run.records > 0 {
            self.runs.push(run);
        }
        Ok(())
    }

    /// From now on records with an earlier time are dead.
    pub(crate) fn forget(&mut self, before: i64) {
        self.dead_before = self.dead_before.max(before);
        self.runs.retain(|run| run.latest >= before);
    }

    /// Records with an earlier time are dead.
    pub(crate) fn dead_before(&self) -> i64 {
        self.dead_before
    }

    /// The records with ids from `from` to `to`, in order.
    pub(crate) fn scan(&self, from: u128, to: u128) -> Result<Scan<'_>> {
        Scan::of(&self.runs, from, to, self.dead_before)
    }

    /// Gives the records that have one of `ids`, which are in order and not twice there; the records come in any order.
    pub(crate) fn find(&self, mut ids: Vec<u128>, mut found: impl FnMut(Record<'_>) -> Result<()>) -> Result<()> {
        for run in self.runs.iter().rev() {
            let (mut fails, mut hits) = (Ok(()), Vec::new());
            run.find(&mut ids.iter().copied(), &mut |record| {
                hits.push(record.id);
                if record.time >= self.dead_before && fails.is_ok() {
                    fails = found(record);
                }
            })?;
            fails?;
            // An older file has at most an older record.
            let mut hits = hits.into_iter().peekable();
            ids.retain(|id| hits.next_if_eq(id).is_none());
        }
        Ok(())
    }

    /// Bytes of memory for files, their indexes and filters.
    pub(crate) fn memory(&self) -> usize {
        self.runs.iter().map(Run::memory).sum()
    }

    /// Bytes on disk.
    pub(crate) fn disk(&self) -> u64 {
        self.runs.iter().map(Run::disk).sum()
    }
}

/// Reads the records of several files in the order of their ids; of several with one id the newest.
pub(crate) struct Scan<'r> {
    /// The newest first.
    cursors: Vec<Cursor<'r>>,
    to: u128,
    dead_before: i64,
    /// The id of the record that was given last.
    last: Option<u128>,
}

impl<'r> Scan<'r> {
    fn of(runs: &'r [Run], from: u128, to: u128, dead_before: i64) -> Result<Self> {
        let cursors = runs.iter().rev().map(|run| Cursor::new(run, from)).collect::<Result<_>>()?;
        Ok(Self { cursors, to, dead_before, last: None })
    }

    /// The next record.
    pub(crate) fn next(&mut self) -> Result<Option<Record<'_>>> {
        let newest = loop {
            if let Some(last) = self.last {
                for cursor in self.cursors.iter_mut().filter(|cursor| cursor.id == Some(last)) {
                    cursor.advance()?;
                }
            }
            // The first of those with the least id is the newest.
            let ids = self.cursors.iter().enumerate().filter_map(|(at, cursor)| Some((cursor.id?, at)));
            let Some((id, at)) = ids.min().filter(|(id, _)| *id <= self.to) else { return Ok(None) };
            self.last = Some(id);
            let record = self.cursors.get(at).and_then(Cursor::record);
            if record.is_some_and(|record| record.time >= self.dead_before) {
                break at;
            }
        };
        Ok(self.cursors.get(newest).and_then(Cursor::record))
    }
}

#[cfg(test)]
mod tests;
