//! Giving a file a name without taking one away: the calls that differ between systems.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, linkat, unlinkat};
use rustix::io::Errno;

use crate::store::Renamed;

/// Gives `temporary` the further name `name`; `false` if that is taken.
///
/// A link comes first, since the answer to a link is the same on every file system that has it; file systems without
/// links have a rename that does not replace, and one that has neither cannot hold a commit log.
pub(super) fn link_new(dir: &OwnedFd, temporary: &str, name: &str) -> io::Result<bool> {
    match linkat(dir, temporary, dir, name, AtFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {
            match rename_only(dir, temporary, dir, name) {
                Ok(()) => Ok(true),
                Err(Errno::EXIST) => Ok(false),
                Err(e) => Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    format!("this file system can neither link nor rename without replacing ({e})"),
                )),
            }
        }
        Err(e) => Err(e.into()),
    }
}

/// Renames unless the new name is taken or there is nothing to rename.
pub(super) fn rename_new(from_dir: &OwnedFd, from: &str, to_dir: &OwnedFd, to: &str) -> io::Result<Renamed> {
    match rename_only(from_dir, from, to_dir, to) {
        Ok(()) => return Ok(Renamed::Done),
        Err(Errno::EXIST) => return Ok(Renamed::TargetExists),
        Err(Errno::NOENT) => return Ok(Renamed::SourceMissing),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        Err(e) => return Err(e.into()),
    }
    match linkat(from_dir, from, to_dir, to, AtFlags::empty()) {
        Ok(()) => {
            unlinkat(from_dir, from, AtFlags::empty())?;
            Ok(Renamed::Done)
        }
        Err(Errno::EXIST) => Ok(Renamed::TargetExists),
        Err(Errno::NOENT) => Ok(Renamed::SourceMissing),
        Err(e) => Err(e.into()),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn rename_only(from_dir: &OwnedFd, from: &str, to_dir: &OwnedFd, to: &str) -> rustix::io::Result<()> {
    rustix::fs::renameat_with(from_dir, from, to_dir, to, rustix::fs::RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn rename_only(_: &OwnedFd, _: &str, _: &OwnedFd, _: &str) -> rustix::io::Result<()> {
    Err(Errno::NOSYS)
}
