//! What a folder is on: the disk of this machine, or the one that a simulated process has.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{Look, system};
use crate::store::Entry;
use crate::store::simulated::{self, Process};

/// What paths are of.
pub(super) enum Medium {
    Disk,
    Simulated(Process),
}

impl Medium {
    /// The path without links and other ways around.
    pub(super) fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        match self {
            Self::Disk => path.canonicalize(),
            Self::Simulated(_) => Ok(path.to_owned()),
        }
    }

    pub(super) fn exists(&self, path: &Path) -> bool {
        match self {
            Self::Disk => path.exists(),
            Self::Simulated(process) => simulated::Folder::open(process, path).is_ok(),
        }
    }

    /// Opens a folder.
    pub(super) fn open(&self, path: &Path) -> io::Result<Folder> {
        Ok(match self {
            Self::Disk => Folder::Disk(system::Folder::open(path)?),
            Self::Simulated(process) => Folder::Simulated(simulated::Folder::open(process, path)?),
        })
    }

    /// Makes a folder.
    pub(super) fn make(&self, path: &Path, private: bool) -> io::Result<()> {
        match self {
            Self::Disk => system::make(path, private),
            Self::Simulated(process) => match (path.parent(), path.file_name().and_then(|name| name.to_str())) {
                (Some(above), Some(name)) => simulated::Folder::open(process, above)?.make_folder(name),
                _ => Err(io::ErrorKind::AlreadyExists.into()),
            },
        }
    }

    /// Makes the names in a folder last.
    pub(super) fn sync(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Disk => system::sync(path),
            Self::Simulated(process) => simulated::Folder::open(process, path)?.sync(),
        }
    }
}

/// An open folder; see [`system::Folder`].
#[derive(Debug)]
pub(super) enum Folder {
    Disk(system::Folder),
    Simulated(simulated::Folder),
}

impl Folder {
    pub(super) fn is_simulated(&self) -> bool {
        matches!(self, Self::Simulated(_))
    }

    pub(super) fn again(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Disk(folder) => Self::Disk(folder.again()?),
            Self::Simulated(folder) => Self::Simulated(folder.clone()),
        })
    }

    pub(super) fn folder(&self, name: &str) -> io::Result<Self> {
        Ok(match self {
            Self::Disk(folder) => Self::Disk(folder.folder(name)?),
            Self::Simulated(folder) => Self::Simulated(folder.folder(name)?),
        })
    }

    pub(super) fn make_folder(&self, name: &str, private: bool) -> io::Result<()> {
        match self {
            Self::Disk(folder) => folder.make_folder(name, private),
            Self::Simulated(folder) => folder.make_folder(name),
        }
    }

    pub(super) fn create_new(&self, name: &str, private: bool) -> io::Result<File> {
        Ok(match self {
            Self::Disk(folder) => File::Disk(folder.create_new(name, private)?),
            Self::Simulated(folder) => File::Simulated(folder.create_new(name)?),
        })
    }

    pub(super) fn read(&self, name: &str) -> io::Result<File> {
        Ok(match self {
            Self::Disk(folder) => File::Disk(folder.read(name)?),
            Self::Simulated(folder) => File::Simulated(folder.read(name)?),
        })
    }

    pub(super) fn read_write(&self, name: &str) -> io::Result<File> {
        Ok(match self {
            Self::Disk(folder) => File::Disk(folder.read_write(name)?),
            Self::Simulated(folder) => File::Simulated(folder.read_write(name)?),
        })
    }

    pub(super) fn look(&self, name: &str) -> io::Result<Look> {
        match self {
            Self::Disk(folder) => folder.look(name),
            Self::Simulated(folder) => folder.look(name).map(|len| len.map_or(Look::Other, Look::File)),
        }
    }

    pub(super) fn list(&self) -> io::Result<Vec<Entry>> {
        match self {
            Self::Disk(folder) => folder.list(),
            Self::Simulated(folder) => folder.list(),
        }
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match self {
            Self::Disk(folder) => folder.remove(name),
            Self::Simulated(folder) => folder.remove(name),
        }
    }

    pub(super) fn remove_folder(&self, name: &str) -> io::Result<()> {
        match self {
            Self::Disk(folder) => folder.remove_folder(name),
            Self::Simulated(folder) => folder.remove_folder(name),
        }
    }

    pub(super) fn rename(&self, from: &str, to_folder: &Self, to: &str) -> io::Result<()> {
        match (self, to_folder) {
            (Self::Disk(folder), Self::Disk(to_folder)) => folder.rename(from, to_folder, to),
            (Self::Simulated(folder), Self::Simulated(to_folder)) => folder.rename(from, to_folder, to),
            _ => Err(io::ErrorKind::CrossesDevices.into()),
        }
    }

    pub(super) fn link(&self, from: &str, to_folder: &Self, to: &str) -> io::Result<()> {
        match (self, to_folder) {
            (Self::Disk(folder), Self::Disk(to_folder)) => folder.link(from, to_folder, to),
            (Self::Simulated(folder), Self::Simulated(to_folder)) => folder.link(from, to_folder, to),
            _ => Err(io::ErrorKind::CrossesDevices.into()),
        }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        match self {
            Self::Disk(folder) => folder.sync(),
            Self::Simulated(folder) => folder.sync(),
        }
    }

    pub(super) fn device(&self) -> io::Result<u64> {
        match self {
            Self::Disk(folder) => folder.device(),
            Self::Simulated(_) => Ok(0),
        }
    }

    pub(super) fn open_to_others(&self, path: &Path) -> io::Result<Option<(&'static str, String)>> {
        match self {
            Self::Disk(folder) => folder.open_to_others(path),
            Self::Simulated(_) => Ok(None),
        }
    }
}

/// An open file.
#[derive(Debug)]
pub(super) enum File {
    Disk(std::fs::File),
    Simulated(simulated::File),
}

impl File {
    /// Makes its content last.
    pub(super) fn sync_data(&self) -> io::Result<()> {
        match self {
            Self::Disk(file) => file.sync_data(),
            Self::Simulated(file) => file.sync(),
        }
    }

    /// Takes everything out of it.
    pub(super) fn empty(&self) -> io::Result<()> {
        match self {
            Self::Disk(file) => file.set_len(0),
            Self::Simulated(file) => file.empty(),
        }
    }

    /// Takes its lock; `false` if another process has it.
    pub(super) fn try_lock(&self) -> io::Result<bool> {
        match self {
            Self::Disk(file) => match file.try_lock() {
                Ok(()) => Ok(true),
                Err(std::fs::TryLockError::WouldBlock) => Ok(false),
                Err(std::fs::TryLockError::Error(error)) => Err(error),
            },
            Self::Simulated(file) => file.try_lock(),
        }
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Disk(file) => file.write(bytes),
            Self::Simulated(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for File {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Disk(file) => file.read(into),
            Self::Simulated(file) => file.read(into),
        }
    }

    fn read_to_end(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Disk(file) => file.read_to_end(into),
            Self::Simulated(file) => file.read_to_end(into),
        }
    }
}
