//! Reading the log backwards: what a start has to know.

use serde_json::Value;

use super::frame::Fault;
use super::log::{Listing, Log, Slot, Tail, parse, slot_path};
use super::record::{Change, Commit, Open, Record};
use crate::error::Result;

/// The last commit and where it is.
#[derive(Debug)]
pub(super) struct Last {
    pub(super) slot: u64,
    pub(super) fingerprint: String,
    pub(super) commit: Commit,
}

/// What the log says at a start.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) listing: Listing,
    pub(super) tail: Tail,
    pub(super) last: Option<Last>,
    /// The oldest epoch seen on the way back.
    pub(super) oldest: Option<u64>,
    /// Commits whose files may not all be published, the oldest first.
    pub(super) unpublished: Vec<(u64, Commit)>,
    /// All epochs up to this one are known to be published.
    pub(super) published: Option<u64>,
    /// The newest start positions since the last commit, and their slot.
    pub(super) starts: Option<(u64, Value)>,
    /// The newest change of state since the last commit, and the fingerprint of the pipeline that made it.
    pub(super) changed: Option<(String, Change)>,
    /// Starts since the last commit or the last end in good order, the newest first.
    pub(super) opens: Vec<Open>,
    /// Why the last of them ended, if it could still say so.
    pub(super) last_error: Option<String>,
}

impl Log {
    /// The last commit, with what was changed of its state since.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn settled(&self) -> Result<Option<Commit>> {
        Ok(self.history()?.settled())
    }

    /// Reads back to the last commit, to the last commit that is published, and to the oldest state file in use, and
    /// verifies the chain all the way.
    pub(super) fn history(&self) -> Result<History> {
        let listing = self.listing()?;
        let mut history = History { listing: listing.clone(), ..History::default() };
        let mut after: Option<Slot> = None;
        let mut orderly = false;
        for number in listing.slots.clone().rev() {
            let bytes = match self.store.read(&slot_path(number))? {
                Some(bytes) => bytes,
                // An instance that goes on has collected it meanwhile: its newer slots need no such old ones.
                None if self.listing()?.floor >= number => return self.history(),
                None => return Err(self.missing(number)),
            };
            let fault = |fault| self.refuse(number, &bytes, fault, &self.consequence(number, &listing));
            let slot = parse(number, &bytes).map_err(fault)?;
            match &after {
                Some(after) if after.header.prev_xxh3 != slot.xxh3 => {
                    return Err(fault(Fault::Corrupt(format!(
                        "slot {} follows another one of this number",
                        after.number
                    ))));
                }
                Some(after) if after.header.generation < slot.header.generation => {
                    return Err(fault(Fault::Corrupt(format!("slot {} is of an older generation", after.number))));
                }
                Some(_) => {}
                None => {
                    let generation = slot.header.generation;
                    history.tail = Tail { slot: number, xxh3: slot.xxh3.clone(), generation };
                }
            }
            let unsettled = history.last.is_none() && !orderly;
            match &slot.record {
                Record::Open(open) if unsettled => history.opens.push(open.clone()),
                Record::Close(close) => {
                    history.published = history.published.max(close.published_through);
                    orderly |= close.error.is_none();
                    if unsettled && history.last_error.is_none() {
                        history.last_error.clone_from(&close.error);
                    }
                }
                Record::Start(start) if history.last.is_none() && history.starts.is_none() => {
                    history.starts = Some((number, start.starts.clone()));
                }
                Record::Change(change) if history.last.is_none() && history.changed.is_none() => {
                    history.changed = Some((slot.header.fingerprint.clone(), change.as_ref().clone()));
                }
                Record::Open(_) | Record::Start(_) | Record::Change(_) => {}
                Record::Commit(commit) => {
                    if !history.take(number, &slot, commit) {
                        return Err(fault(Fault::Corrupt(format!("epoch {} is out of order", commit.epoch))));
                    }
                    if commit.epoch <= history.deepest() {
                        break;
                    }
                }
            }
            after = Some(slot);
        }
        history.unpublished.reverse();
        if let Some((slot, first)) = history.unpublished.first()
            && first.epoch != history.published.map_or(1, |epoch| epoch + 1)
        {
            // Never collected while it is needed, so somebody else deleted it.
            return Err(self.missing(slot - 1));
        }
        Ok(history)
    }

    /// What a corrupt slot means for the user, who has to choose.
    fn consequence(&self, corrupt: u64, listing: &Listing) -> String {
        let commit = |slot: u64| match parse(slot, &self.bytes(slot).ok()?).ok()?.record {
            Record::Commit(commit) => Some(commit.epoch),
            _ => None,
        };
        match (listing.slots.start..corrupt).rev().take(1000).find_map(commit) {
            Some(epoch) => format!(
                "; the last good epoch before it is {epoch}; if it was a commit, the output of epoch {} may be visible",
                epoch + 1
            ),
            None => "; there is no good epoch before it; if it was a commit, output may be visible".to_owned(),
        }
    }
}

impl History {
    /// The last commit, with the state as it was changed since.
    pub(super) fn settled(&self) -> Option<Commit> {
        let mut commit = self.last.as_ref()?.commit.clone();
        if let Some((_, change)) = &self.changed {
            commit.operators.clone_from(&change.operators);
        }
        Some(commit)
    }

    /// Notes a commit; `false` if it is not the one before the last noted.
    fn take(&mut self, number: u64, slot: &Slot, commit: &Commit) -> bool {
        let first = self.last.is_none();
        if first {
            self.published = self.published.max(commit.published_through);
            let fingerprint = slot.header.fingerprint.clone();
            self.last = Some(Last { slot: number, fingerprint, commit: commit.clone() });
        }
        if self.oldest.replace(commit.epoch).is_some_and(|newer| newer != commit.epoch + 1) {
            return false;
        }
        if self.published.is_none_or(|published| commit.epoch > published) {
            self.unpublished.push((number, commit.clone()));
        }
        true
    }

    /// The epoch that has to be seen before the walk can end.
    fn deepest(&self) -> u64 {
        let Some(last) = &self.last else { return 0 };
        let files = last.commit.operators.values().flat_map(|files| files.snapshots.iter().chain(&files.changelogs));
        let state = files.map(|file| file.epoch).min().unwrap_or(last.commit.epoch);
        state.min(self.published.map_or(1, |epoch| epoch.saturating_add(1)))
    }
}
