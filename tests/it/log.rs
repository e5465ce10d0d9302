//! What a checkpoint says.

use std::path::Path;
use std::sync::Arc;

use millstream::checkpoint::{Commit, Log, Record};
use millstream::store::{Durability, LocalOptions, LocalStore};

/// The last commit of a checkpoint.
pub(crate) fn last_commit(checkpoint: &Path) -> Commit {
    let options = LocalOptions { durability: Durability::ProcessCrash, private: true };
    let log = Log::new(Arc::new(LocalStore::open(checkpoint, options).unwrap()));
    let mut slots = log.listing().unwrap().slots.rev().map(|slot| log.read(slot).unwrap().record);
    slots.find_map(|record| if let Record::Commit(commit) = record { Some(*commit) } else { None }).unwrap()
}
