//! A folder of Windows: a path, since std opens nothing relative to a directory there.
//!
//! Weaker than on Unix: whoever may write to the folder can put a link between a look and a use, a directory cannot be
//! synced (NTFS has a journal of its names), and who else may write to it is for its access list to say.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::Look;
use crate::store::Entry;

/// A directory by its path, from which names are looked up without following links.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Opens the root, by an absolute path that may lead through links.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if path.is_dir() { Ok(Self(path.to_owned())) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    /// The same directory once more.
    #[allow(clippy::unnecessary_wraps)] // it can fail on Unix
    pub(super) fn again(&self) -> io::Result<Self> {
        Ok(Self(self.0.clone()))
    }

    /// Opens a directory in it; a link or a file is an error of kind `NotADirectory`.
    pub(super) fn folder(&self, name: &str) -> io::Result<Self> {
        let path = self.0.join(name);
        // Of a link or a junction this is false.
        if path.symlink_metadata()?.is_dir() { Ok(Self(path)) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    /// Makes a directory in it.
    pub(super) fn make_folder(&self, name: &str, private: bool) -> io::Result<()> {
        make(&self.0.join(name), private)
    }

    /// Makes a file in it to write to; one that is there is an error.
    pub(super) fn create_new(&self, name: &str, _private: bool) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(self.0.join(name))
    }

    /// Opens a file in it to read.
    pub(super) fn read(&self, name: &str) -> io::Result<File> {
        self.no_link(name)?;
        File::open(self.0.join(name))
    }

    /// Opens a file in it to read and to write, and makes it if it is not there.
    pub(super) fn read_write(&self, name: &str) -> io::Result<File> {
        self.no_link(name)?;
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.0.join(name))
    }

    /// What is there by a name.
    pub(super) fn look(&self, name: &str) -> io::Result<Look> {
        let there = self.0.join(name).symlink_metadata()?;
        Ok(if there.is_file() { Look::File(there.len()) } else { Look::Other })
    }

    /// What is in it, in no order; names that are not text are none of ours, and left out.
    pub(super) fn list(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in self.0.read_dir()? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(Entry { name, is_dir: entry.file_type()?.is_dir() });
            }
        }
        Ok(entries)
    }

    /// Takes a file's name away.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.0.join(name))
    }

    /// Removes an empty directory; one that is not empty is an error of kind `DirectoryNotEmpty`.
    pub(super) fn remove_folder(&self, name: &str) -> io::Result<()> {
        std::fs::remove_dir(self.0.join(name))
    }

    /// There is no rename that does not replace.
    pub(super) fn rename(&self, _from: &str, _to_folder: &Self, _to: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Gives a file a further name, which no file may have; `Unsupported` where the file system has no links.
    pub(super) fn link(&self, from: &str, to_folder: &Self, to: &str) -> io::Result<()> {
        std::fs::hard_link(self.0.join(from), to_folder.0.join(to))
    }

    /// Nothing to do: names are in the journal of the file system.
    #[allow(clippy::unnecessary_wraps)] // it can fail on Unix
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// All that is below a root is on its file system, as folders that others are mounted on count as links.
    #[allow(clippy::unnecessary_wraps)] // it can fail on Unix
    pub(super) fn device(&self) -> io::Result<u64> {
        Ok(0)
    }

    /// Access lists are not read.
    #[allow(clippy::unnecessary_wraps)] // it can fail on Unix
    pub(super) fn open_to_others(&self, _path: &Path) -> io::Result<Option<(&'static str, String)>> {
        Ok(None)
    }

    fn no_link(&self, name: &str) -> io::Result<()> {
        match self.0.join(name).symlink_metadata() {
            Ok(there) if there.is_symlink() => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, "a link is there, and not a file"))
            }
            Ok(_) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e),
        }
    }
}

/// Makes a directory by its path.
pub(super) fn make(path: &Path, _private: bool) -> io::Result<()> {
    std::fs::create_dir(path)
}

/// Nothing to do: names are in the journal of the file system.
#[allow(clippy::unnecessary_wraps)] // it can fail on Unix
pub(super) fn sync(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// The name of this host.
pub(crate) fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "unknown".to_owned())
}
