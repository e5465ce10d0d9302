//! Two instances never both append after the same slot, whatever they believe of each other.

use super::log::{Author, Claimed, Log, Slot, Tail, parse, slot_path};
use super::record::Record;
use crate::error::{Error, Kind, Result};

/// Appends as the running generation. Finding the slot taken means that a newer generation has begun.
pub(super) fn append(log: &Log, tail: &Tail, author: &Author, record: &Record) -> Result<Tail> {
    match log.claim(tail, author, record)? {
        Claimed::Won(tail) => Ok(tail),
        Claimed::Lost(slot) => Err(fenced_by(log, &slot)),
    }
}

/// Fails if a newer generation has begun. For one that cannot append any more, and so would not find out. Gives whether the
/// next slot is free.
pub(super) fn check(log: &Log, tail: &Tail, author: &Author) -> Result<bool> {
    let slot = tail.slot + 1;
    let Some(bytes) = log.store.read(&slot_path(slot))? else { return Ok(true) };
    match parse(slot, &bytes) {
        // One's own is there when the answer to an append was lost.
        Ok(slot) if slot.header.nonce != author.nonce => Err(fenced_by(log, &slot)),
        _ => Ok(false),
    }
}

/// The first foreign slot after one's own is always an `Open`, which knows the host.
fn fenced_by(log: &Log, slot: &Slot) -> Error {
    let host = match &slot.record {
        Record::Open(open) => format!("host {}, pid {}", open.writer.host, open.writer.pid),
        _ => "its host is not known".to_owned(),
    };
    let (generation, root) = (slot.header.generation, log.store.describe(""));
    Error::new(Kind::Fenced, format!("fenced by generation {generation} ({host}), which runs on `{root}` now"))
        .help("do not start this instance again while the other one runs")
}
