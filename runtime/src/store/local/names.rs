//! Giving a file a name without taking one away, by the steps that a file system offers.

use std::io::{self, ErrorKind};

use super::medium::Folder;
use crate::store::Renamed;

/// Gives `temporary` the further name `name`; `false` if that is taken.
///
/// A link comes first, since the answer to a link is the same on every file system that has it; file systems without
/// links have a rename that does not replace, and one that has neither cannot hold a commit log.
pub(super) fn link_new(folder: &Folder, temporary: &str, name: &str) -> io::Result<bool> {
    let linked = match folder.link(temporary, folder, name) {
        Err(e) if e.kind() == ErrorKind::Unsupported => folder.rename(temporary, folder, name),
        linked => linked,
    };
    match linked {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) if e.kind() == ErrorKind::Unsupported => Err(io::Error::new(
            ErrorKind::Unsupported,
            "this file system can neither link nor rename without replacing",
        )),
        Err(e) => Err(e),
    }
}

/// Renames unless the new name is taken or there is nothing to rename.
pub(super) fn rename_new(from_folder: &Folder, from: &str, to_folder: &Folder, to: &str) -> io::Result<Renamed> {
    let renamed = match from_folder.rename(from, to_folder, to) {
        Err(e) if e.kind() == ErrorKind::Unsupported => {
            from_folder.link(from, to_folder, to).and_then(|()| match from_folder.remove(from) {
                Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
                removed => removed,
            })
        }
        renamed => renamed,
    };
    match renamed {
        Ok(()) => Ok(Renamed::Done),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(Renamed::TargetExists),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Renamed::SourceMissing),
        Err(e) => Err(e),
    }
}
