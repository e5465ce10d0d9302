//! Everything that must survive a crash goes through one small trait.
//!
//! The commit log, the state files and the staged output know no `std::fs`: they speak [`Store`]. So an object store can
//! stand in for the local disk, and a test can count, refuse or cut off any single step.
//!
//! # Rules
//!
//! These hold for every implementation and every caller:
//!
//! * **R1** A file is synced before any name that a reader or a record can reach.
//! * **R2** After a link, a rename or a new directory the parent is synced; [`Store::create_dirs`] syncs the parent of
//!   every level it makes.
//! * **R3** An error of a sync or a close is fatal for the process: the kernel may have marked the lost pages as clean,
//!   so a second sync would lie. The process ends and recovers from the log.
//! * **R4** Short writes and interrupted calls are continued. A full disk before the commit ends the epoch, after the
//!   commit the process.
//! * **R5** Nothing is written through a memory map.
//! * **R6** Temporary names are unique per process; a leftover is never mistaken for anything else.
//! * **R7** What an implementation calls durable is durable: no write-behind of its own.
//! * **R8** A file that a record names has its length and xxh3-128 in the record, and is verified when it is read.
//!
//! # Paths
//!
//! A path is relative to the root of the store, its parts are divided by `/`, and no part is empty, `.` or `..`. The
//! root itself is `""` where a directory is meant. A symbolic link below the root is never followed.

mod digest;
pub mod local;
mod location;
#[cfg(feature = "_objects")]
pub(crate) mod object;
mod path;
mod place;
pub(crate) mod simulated;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::Write;

pub use digest::{Digest, Hashing, digest_of};
pub(crate) use local::host;
pub use local::{LocalOptions, LocalStore, network_filesystem};
pub(crate) use location::object_options;
pub use location::{Location, ObjectOptions};
pub use path::{join, parent, safe_part};
pub use place::{Place, SinkRoot};

use crate::error::{Error, Result};

/// What to do about a durable file that is gone or corrupt. There is no tool that mends one.
pub(crate) const RESTORE: &str = "put the file back from a backup; or restore the whole checkpoint together with its outputs, \
    as they were at one time; or begin anew with an empty checkpoint folder and an empty output folder";

/// How much has to survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// What is committed survives a power cut.
    #[default]
    PowerLoss,
    /// What is committed survives the death of the process only: nothing is synced. For tests and scratch work.
    ProcessCrash,
}

/// The outcome of [`Store::create_only`].
#[derive(Debug)]
#[must_use]
pub enum Created {
    /// The file is there, whole and durable, and this call made it.
    Created,
    /// A file of this name was there before. It may be ours, if an earlier answer was lost.
    Exists,
    /// The request was sent and its answer lost; the file may be there. Only a remote store says so, and only after it
    /// has waited as long as a further attempt needs.
    Unknown(Error),
}

/// The outcome of [`Store::rename_no_replace`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Renamed {
    /// The file has its new name.
    Done,
    /// The new name is taken; nothing was changed.
    TargetExists,
    /// There is no file of the old name; nothing was changed.
    SourceMissing,
}

/// The outcome of [`Store::lock`].
#[derive(Debug)]
#[must_use]
pub enum Locked {
    /// Held until the guard is dropped or the process ends, however it ends.
    Held(Box<dyn LockGuard>),
    /// Another process holds it; this is the text that it left.
    By(String),
    /// This store has no locks. The log decides alone.
    Unsupported,
}

/// Holds a lock for as long as it lives.
pub trait LockGuard: fmt::Debug + Send + Sync {}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The last part of the path.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// A new file on its way to being durable.
pub trait DurableFile: Write + Send {
    /// Begins what [`sync_and_close`](Self::sync_and_close) waits for, where that can be done without waiting. Nothing
    /// is written after it.
    fn begin_sync(&mut self) {}

    /// Whether it takes one of the file descriptors of the process until it is closed. An object of a store does not.
    fn is_descriptor(&self) -> bool {
        true
    }

    /// Syncs the content and closes the file. Its name is durable only after [`Store::sync_dir`] on its directory.
    fn sync_and_close(self: Box<Self>) -> Result<()>;
}

/// A file that is to have another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Its name.
    pub from: String,
    /// The new one.
    pub to: String,
    /// Its length in bytes.
    pub len: u64,
}

/// A place for files that survive. See the [module](self) for the rules.
///
/// All calls block; they are made from compute threads or from `spawn_blocking`. A call for many files is made for
/// stores whose answers take long, and which can do many things at once.
pub trait Store: fmt::Debug + Send + Sync {
    /// The path as a user would type it, for messages.
    fn describe(&self, path: &str) -> String;

    /// Makes a small file whole and durable, unless its name is taken. The directory exists.
    fn create_only(&self, path: &str, bytes: &[u8]) -> Result<Created>;

    /// Opens a new file. Its name was never used, and its directory exists.
    fn write_new_file(&self, path: &str) -> Result<Box<dyn DurableFile>>;

    /// Syncs and closes many new files of this store, in the cheapest way it has.
    fn sync_files(&self, files: Vec<Box<dyn DurableFile>>) -> Result<()> {
        files.into_iter().try_for_each(DurableFile::sync_and_close)
    }

    /// The content of a file, or `None` if there is none of this name.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>>;

    /// The length of a file, or `None` if there is none of this name.
    fn len(&self, path: &str) -> Result<Option<u64>>;

    /// The lengths of many files, in their order.
    fn lens(&self, paths: &[String]) -> Result<Vec<Option<u64>>> {
        paths.iter().map(|path| self.len(path)).collect()
    }

    /// Whether there is a file of this name.
    fn exists(&self, path: &str) -> Result<bool> {
        Ok(self.len(path)?.is_some())
    }

    /// The names in a directory, sorted. A directory that does not exist is empty.
    fn list(&self, dir: &str) -> Result<Vec<Entry>>;

    /// Gives a file another name, in one step, and never replaces another file. Not durable before both directories are
    /// synced.
    fn rename_no_replace(&self, from: &str, to: &str) -> Result<Renamed>;

    /// [`rename_no_replace`](Self::rename_no_replace) for many files, whose new directories exist; one outcome for each,
    /// in their order.
    fn rename_many(&self, moves: &[Move]) -> Vec<Result<Renamed>> {
        moves.iter().map(|one| self.rename_no_replace(&one.from, &one.to)).collect()
    }

    /// Removes a file; `false` if it is known that it was not there. Not synced: a name that comes back is removed again.
    fn remove(&self, path: &str) -> Result<bool>;

    /// Removes many files, whether or not they are there.
    fn remove_many(&self, paths: &[String]) -> Result<()> {
        paths.iter().try_for_each(|path| self.remove(path).map(drop))
    }

    /// Removes a directory if it is empty; `false` if it is not or was not there. Where there are no directories but
    /// names with `/`, there is nothing to do, and the answer is `true`.
    fn remove_empty_dir(&self, dir: &str) -> Result<bool>;

    /// Makes a directory and all above it, each durable.
    fn create_dirs(&self, dir: &str) -> Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &str) -> Result<()>;

    /// Whether a file can be renamed from one directory to another.
    fn same_filesystem(&self, a: &str, b: &str) -> Result<bool>;

    /// Sees, at the start, that the store keeps its promises and that we may read, write and delete in a directory.
    /// Leaves nothing behind.
    fn probe(&self, _dir: &str) -> Result<()> {
        Ok(())
    }

    /// Takes a lock for life, and leaves `text` for those who find it taken.
    fn lock(&self, path: &str, text: &str) -> Result<Locked>;
}
