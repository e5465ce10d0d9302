//! The name of a state file, as a commit record holds it.

use serde::{Deserialize, Serialize};

use crate::store::Digest;

/// One immutable file of operator state: a snapshot, or the changes of one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateFile {
    /// The first key group in it.
    pub lo: u16,
    /// The last key group in it (inclusive).
    pub hi: u16,
    /// The epoch whose end it shows, or whose changes it holds.
    pub epoch: u64,
    /// Where it is, relative to the checkpoint.
    pub path: String,
    /// Its length in bytes.
    pub len: u64,
    /// xxh3-128 of its content, as hex.
    pub xxh3: String,
    /// How many rows it has.
    pub rows: u64,
}

impl StateFile {
    /// What is verified before the file is parsed.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest { len: self.len, xxh3: self.xxh3.clone() }
    }

    /// Whether the two share a key group.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.lo <= other.hi && other.lo <= self.hi
    }
}
