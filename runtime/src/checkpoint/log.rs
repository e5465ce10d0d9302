//! The log: numbered slots that are made once and never changed.
//!
//! Slot n+1 names the hash of slot n, so a slot that was altered, swapped or lost shows. A `floor/` marker says that all
//! slots up to it may be gone; it is made before they are deleted.

use std::io::Write as _;
use std::sync::Arc;

use super::frame::{self, Fault};
use super::record::{Header, Record};
use crate::error::{Error, Kind, Result};
use crate::mutant::{self, Mutant};
use crate::store::{Created, RESTORE, Store, digest_of};

/// The folder of the slots.
pub(super) const LOG: &str = "log";
/// The folder of the markers.
pub(super) const FLOOR: &str = "floor";

/// The commit log of one checkpoint.
#[derive(Debug, Clone)]
pub struct Log {
    pub(super) store: Arc<dyn Store>,
}

/// A verified slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// Its number.
    pub number: u64,
    /// xxh3-128 of its whole file.
    pub xxh3: String,
    /// Who wrote it.
    pub header: Header,
    /// What it says.
    pub record: Record,
}

/// The end of the log, where the next slot goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tail {
    pub(super) slot: u64,
    pub(super) xxh3: String,
    pub(super) generation: u64,
}

/// Who writes a slot.
#[derive(Debug, Clone)]
pub(super) struct Author {
    pub(super) generation: u64,
    pub(super) nonce: String,
    pub(super) fingerprint: String,
}

/// Whose the next slot is.
#[derive(Debug)]
pub(super) enum Claimed {
    Won(Tail),
    Lost(Box<Slot>),
}

/// What the folders hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The slots in use: no gap, none at or below the floor. Empty if the checkpoint is new.
    pub slots: std::ops::Range<u64>,
    /// The highest marker, 0 if there is none.
    pub floor: u64,
    /// Slots and markers that a collection did not come to delete.
    pub collected: Vec<String>,
}

impl Log {
    /// The log of the checkpoint in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Looks at the names, and refuses a log with a gap.
    ///
    /// # Errors
    ///
    /// If a slot is missing, or a folder cannot be listed.
    pub fn listing(&self) -> Result<Listing> {
        let mut found = Listing::default();
        let mut slots = Vec::new();
        // The slots first: one that is deleted meanwhile is then at or below a marker that we see.
        for entry in self.store.list(LOG)? {
            // Temporary files of processes that died lie here too.
            slots.extend(entry.name.strip_suffix(".rec").and_then(number));
        }
        let floors: Vec<u64> = self.store.list(FLOOR)?.iter().filter_map(|entry| number(&entry.name)).collect();
        found.floor = floors.iter().copied().max().unwrap_or(0);
        // A listing may lag behind what is there: a marker that it does not show is asked for by its name.
        let gaps = slots.iter().zip(slots.iter().skip(1)).filter(|(slot, next)| *slot + 1 != **next);
        let run = gaps.map(|(_, next)| *next).next_back().or(slots.first().copied());
        let below = run.unwrap_or(0).saturating_sub(1);
        if below > found.floor {
            // Some of the slots below it may still be there.
            for marker in below..=slots.last().copied().unwrap_or(below) {
                if self.store.exists(&floor_path(marker))? {
                    found.floor = marker;
                    break;
                }
            }
        }
        found.collected.extend(slots.iter().filter(|slot| **slot <= found.floor).map(|slot| slot_path(*slot)));
        found.collected.extend(floors.iter().filter(|floor| **floor < found.floor).map(|floor| floor_path(*floor)));
        slots.retain(|slot| *slot > found.floor);
        let first = found.floor + 1;
        // So is a slot.
        let mut end = first;
        while slots.binary_search(&end).is_ok() || self.store.exists(&slot_path(end))? {
            end += 1;
        }
        if slots.last().is_some_and(|last| *last >= end) || (end == first && found.floor > 0) {
            return Err(self.missing(end));
        }
        found.slots = first..end;
        Ok(found)
    }

    /// Reads and verifies one slot.
    ///
    /// # Errors
    ///
    /// If it is missing, corrupt, or of a later version.
    pub fn read(&self, slot: u64) -> Result<Slot> {
        let bytes = self.bytes(slot)?;
        parse(slot, &bytes).map_err(|fault| self.refuse(slot, &bytes, fault, ""))
    }

    pub(super) fn bytes(&self, slot: u64) -> Result<Vec<u8>> {
        self.store.read(&slot_path(slot))?.ok_or_else(|| self.missing(slot))
    }

    /// What to say of a slot that cannot be used.
    pub(super) fn refuse(&self, slot: u64, bytes: &[u8], fault: Fault, consequence: &str) -> Error {
        let path = self.store.describe(&slot_path(slot));
        match fault {
            Fault::Format(format) => Error::new(
                Kind::Config,
                format!("log slot {slot} (`{path}`) has format {format}, this build reads up to {}", frame::FORMAT),
            )
            .help("start the newer build that wrote it"),
            Fault::Corrupt(why) => {
                let sum = digest_of(bytes);
                Error::new(Kind::Io, format!("log slot {slot} (`{path}`, xxh3 {sum}) is corrupt: {why}{consequence}"))
                    .help(RESTORE)
            }
        }
    }

    pub(super) fn missing(&self, slot: u64) -> Error {
        let path = self.store.describe(&slot_path(slot));
        Error::new(
            Kind::Io,
            format!("log slot {slot} (`{path}`) is missing, and slots are never deleted from the middle"),
        )
        .help(RESTORE)
    }

    /// Tries to append. Whoever makes the next slot first has it; the other learns of it here.
    pub(super) fn claim(&self, tail: &Tail, author: &Author, record: &Record) -> Result<Claimed> {
        let slot = tail.slot + 1;
        let header = Header {
            slot,
            prev_slot: tail.slot,
            prev_xxh3: tail.xxh3.clone(),
            generation: author.generation,
            nonce: author.nonce.clone(),
            fingerprint: author.fingerprint.clone(),
        };
        let json = |error: serde_json::Error| {
            Error::new(Kind::Internal, format!("log slot {slot} cannot be written as JSON: {error}"))
        };
        let header = serde_json::to_vec(&header).map_err(json)?;
        let bytes = frame::encode(record.kind(), &header, &serde_json::to_vec(record).map_err(json)?);
        let won = Tail { slot, xxh3: digest_of(&bytes), generation: author.generation };
        let mut unknown = None;
        for _ in 0..8 {
            match self.create(slot, &bytes)? {
                Created::Created => return self.check_won(tail, won),
                Created::Exists => {}
                Created::Unknown(error) => unknown = Some(error),
            }
            // An answer may have been lost, of this attempt or of one that the store repeated: the nonce tells.
            if let Some(found) = self.store.read(&slot_path(slot))? {
                if found == bytes && !mutant::is(Mutant::OwnIsTaken) {
                    return self.check_won(tail, won);
                }
                let found = parse(slot, &found).map_err(|fault| self.refuse(slot, &found, fault, ""))?;
                return Ok(Claimed::Lost(Box::new(found)));
            }
        }
        let path = self.store.describe(&slot_path(slot));
        let error = Error::new(Kind::Unavailable, format!("no answer whether log slot {slot} (`{path}`) was written"))
            .help("start again; the log will tell");
        Err(match unknown {
            Some(cause) => error.caused_by(cause),
            None => error,
        })
    }

    fn create(&self, slot: u64, bytes: &[u8]) -> Result<Created> {
        if mutant::is(Mutant::CommitOverwrites) {
            let mut file = self.store.write_new_file(&slot_path(slot))?;
            file.write_all(bytes).map_err(|error| Error::io("writing a slot", error))?;
            return file.sync_and_close().map(|()| Created::Created);
        }
        self.store.create_only(&slot_path(slot), bytes)
    }

    /// A writer that slept for very long may have made a slot anew that was collected meanwhile. Readers ignore such a
    /// slot, since it is not above the floor, but its writer has to learn that it is fenced.
    fn check_won(&self, tail: &Tail, won: Tail) -> Result<Claimed> {
        let floors = self.store.list(FLOOR)?;
        let floor = floors.iter().filter_map(|entry| number(&entry.name)).max().unwrap_or(0);
        let follows = tail.slot == 0
            || self.store.read(&slot_path(tail.slot))?.is_some_and(|bytes| digest_of(&bytes) == tail.xxh3);
        if floor >= won.slot || !follows {
            let root = self.store.describe("");
            return Err(Error::new(
                Kind::Fenced,
                format!("fenced: the log of `{root}` has gone on past slot {}", won.slot),
            )
            .help("a newer instance runs on this checkpoint; do not start this one again"));
        }
        Ok(Claimed::Won(won))
    }
}

/// Verifies a slot by itself; its place in the chain is the caller's to check.
pub(super) fn parse(number: u64, bytes: &[u8]) -> Result<Slot, Fault> {
    let frame = frame::decode(bytes)?;
    let json = |what: &str, e: serde_json::Error| Fault::Corrupt(format!("its {what} is not understood ({e})"));
    let header: Header = serde_json::from_slice(frame.header).map_err(|e| json("header", e))?;
    let record: Record = serde_json::from_slice(&frame.payload).map_err(|e| json("record", e))?;
    if header.slot != number || header.prev_slot.checked_add(1) != Some(number) || record.kind() != frame.kind {
        return Err(Fault::Corrupt(format!("it is slot {} under the name of another", header.slot)));
    }
    Ok(Slot { number, xxh3: digest_of(bytes), header, record })
}

pub(super) fn slot_path(slot: u64) -> String {
    format!("{LOG}/{slot:020}.rec")
}

pub(super) fn floor_path(slot: u64) -> String {
    format!("{FLOOR}/{slot:020}")
}

fn number(name: &str) -> Option<u64> {
    (name.len() == 20 && name.bytes().all(|b| b.is_ascii_digit())).then(|| name.parse().ok()).flatten()
}
