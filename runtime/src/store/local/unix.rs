//! A folder of Unix: an open directory, which stays the same one whatever happens to its path.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, linkat, mkdirat, openat, statat, unlinkat};
use rustix::io::Errno;

use super::Look;
use crate::store::Entry;

/// What a file system without a call answers; the first two are one number on some systems.
const UNSUPPORTED: [Errno; 3] = [Errno::OPNOTSUPP, Errno::NOTSUP, Errno::NOSYS];

/// An open directory, from which names are looked up without following links.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

impl Folder {
    /// Opens the root, by an absolute path that may lead through links.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, dir_flags(), Mode::empty())?))
    }

    /// The same directory once more.
    pub(super) fn again(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Opens a directory in it; a link or a file is an error of kind `NotADirectory`.
    pub(super) fn folder(&self, name: &str) -> io::Result<Self> {
        match openat(&self.0, name, dir_flags() | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(next) => Ok(Self(next)),
            Err(Errno::LOOP) => Err(io::ErrorKind::NotADirectory.into()),
            Err(e) => Err(e.into()),
        }
    }

    /// Makes a directory in it.
    pub(super) fn make_folder(&self, name: &str, private: bool) -> io::Result<()> {
        Ok(mkdirat(&self.0, name, Mode::from_raw_mode(if private { 0o700 } else { 0o750 }))?)
    }

    /// Makes a file in it to write to; one that is there is an error.
    pub(super) fn create_new(&self, name: &str, private: bool) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(if private { 0o600 } else { 0o640 });
        Ok(File::from(openat(&self.0, name, flags, mode)?))
    }

    /// Opens a file in it to read.
    pub(super) fn read(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(openat(&self.0, name, flags, Mode::empty())?))
    }

    /// Opens a file in it to read and to write, and makes it if it is not there.
    pub(super) fn read_write(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(openat(&self.0, name, flags, Mode::from_raw_mode(0o600))?))
    }

    /// What is there by a name.
    pub(super) fn look(&self, name: &str) -> io::Result<Look> {
        let stat = statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Look::File(u64::try_from(stat.st_size).unwrap_or(0)),
            _ => Look::Other,
        })
    }

    /// What is in it, in no order; names that are not text are none of ours, and left out.
    pub(super) fn list(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_bytes() == b"." || name.to_bytes() == b".." {
                continue;
            }
            let is_dir = match entry.file_type() {
                FileType::Unknown => statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)
                    .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_dir()),
                known => known.is_dir(),
            };
            if let Ok(name) = name.to_str() {
                entries.push(Entry { name: name.to_owned(), is_dir });
            }
        }
        Ok(entries)
    }

    /// Takes a file's name away.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Removes an empty directory; one that is not empty is an error of kind `DirectoryNotEmpty`.
    pub(super) fn remove_folder(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.0, name, AtFlags::REMOVEDIR) {
            // POSIX leaves the choice of the two to the system.
            Err(Errno::EXIST) => Err(io::ErrorKind::DirectoryNotEmpty.into()),
            done => Ok(done?),
        }
    }

    /// Renames a file unless the new name is taken; `Unsupported` where that is not one step.
    pub(super) fn rename(&self, from: &str, to_folder: &Self, to: &str) -> io::Result<()> {
        match rename_only(&self.0, from, &to_folder.0, to) {
            Err(e) if e == Errno::INVAL || UNSUPPORTED.contains(&e) => Err(io::ErrorKind::Unsupported.into()),
            done => Ok(done?),
        }
    }

    /// Gives a file a further name, which no file may have; `Unsupported` where the file system has no links.
    pub(super) fn link(&self, from: &str, to_folder: &Self, to: &str) -> io::Result<()> {
        match linkat(&self.0, from, &to_folder.0, to, AtFlags::empty()) {
            Err(e) if [Errno::PERM, Errno::MLINK].contains(&e) || UNSUPPORTED.contains(&e) => {
                Err(io::ErrorKind::Unsupported.into())
            }
            done => Ok(done?),
        }
    }

    /// Makes the names in it last.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }

    /// Which file system it is on.
    pub(super) fn device(&self) -> io::Result<u64> {
        #[allow(clippy::unnecessary_cast)] // its type differs between systems
        Ok(rustix::fs::fstat(&self.0)?.st_dev as u64)
    }

    /// Why it is not this user's alone to write to, with what to do; `None` if it is.
    pub(super) fn open_to_others(&self, path: &Path) -> io::Result<Option<(&'static str, String)>> {
        let stat = rustix::fs::fstat(&self.0)?;
        Ok(if stat.st_uid != rustix::process::geteuid().as_raw() {
            Some(("belongs to another user", "run as that user, or choose a folder of your own".to_owned()))
        } else if stat.st_mode & 0o022 != 0 {
            Some(("can be written by other users", format!("run `chmod go-w '{}'`", path.display())))
        } else {
            None
        })
    }
}

/// Makes a directory by its path.
pub(super) fn make(path: &Path, private: bool) -> io::Result<()> {
    DirBuilder::new().mode(if private { 0o700 } else { 0o750 }).create(path)
}

/// Makes the names in a directory last, by its path.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The name of this host.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn dir_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_only(from_folder: &OwnedFd, from: &str, to_folder: &OwnedFd, to: &str) -> rustix::io::Result<()> {
    rustix::fs::renameat_with(from_folder, from, to_folder, to, rustix::fs::RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_only(_: &OwnedFd, _: &str, _: &OwnedFd, _: &str) -> rustix::io::Result<()> {
    Err(Errno::NOSYS)
}
