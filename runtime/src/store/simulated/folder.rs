//! Open folders and files of a simulated disk, as a process has them.

use std::io::{self, ErrorKind, Read, Write};
use std::path::{Component, Path};

use super::Process;
use super::disk::{Inode, ROOT};
use crate::store::Entry;

/// An open folder.
#[derive(Debug, Clone)]
pub(in crate::store) struct Folder {
    process: Process,
    inode: Inode,
    /// For words about calls.
    path: String,
}

impl Folder {
    /// Opens a folder by its absolute path.
    pub(in crate::store) fn open(process: &Process, path: &Path) -> io::Result<Self> {
        let mut at = Self { process: process.clone(), inode: ROOT, path: String::new() };
        for part in path.components() {
            if let Component::Normal(name) = part {
                at = at.folder(name.to_str().ok_or(ErrorKind::InvalidInput)?)?;
            }
        }
        Ok(at)
    }

    fn inside(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    fn file(&self, inode: Inode, name: &str) -> File {
        File { process: self.process.clone(), inode, path: self.inside(name), at: 0 }
    }

    pub(in crate::store) fn folder(&self, name: &str) -> io::Result<Self> {
        let inode = self.process.look(|disk| disk.folder(self.inode, name))?;
        Ok(Self { process: self.process.clone(), inode, path: self.inside(name) })
    }

    pub(in crate::store) fn make_folder(&self, name: &str) -> io::Result<()> {
        self.process.change(|| format!("mkdir {}", self.inside(name)), |disk, _| disk.make_folder(self.inode, name))
    }

    pub(in crate::store) fn create_new(&self, name: &str) -> io::Result<File> {
        let create = || format!("create {}", self.inside(name));
        self.process.change(create, |disk, _| disk.create(self.inode, name)).map(|inode| self.file(inode, name))
    }

    pub(in crate::store) fn read(&self, name: &str) -> io::Result<File> {
        self.process.look(|disk| disk.file(self.inode, name)).map(|inode| self.file(inode, name))
    }

    pub(in crate::store) fn read_write(&self, name: &str) -> io::Result<File> {
        match self.read(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => self.create_new(name),
            opened => opened,
        }
    }

    /// The length of a file; `None` if it is none.
    pub(in crate::store) fn look(&self, name: &str) -> io::Result<Option<u64>> {
        self.process.look(|disk| match disk.file(self.inode, name) {
            Ok(inode) => Ok(Some(disk.content(inode)?.len() as u64)),
            Err(error) if error.kind() == ErrorKind::IsADirectory => Ok(None),
            Err(error) => Err(error),
        })
    }

    pub(in crate::store) fn list(&self) -> io::Result<Vec<Entry>> {
        let names = self.process.look(|disk| disk.list(self.inode))?;
        Ok(names.into_iter().map(|(name, is_dir)| Entry { name, is_dir }).collect())
    }

    pub(in crate::store) fn remove(&self, name: &str) -> io::Result<()> {
        self.process.change(|| format!("remove {}", self.inside(name)), |disk, _| disk.remove(self.inode, name))
    }

    pub(in crate::store) fn remove_folder(&self, name: &str) -> io::Result<()> {
        self.process.change(|| format!("rmdir {}", self.inside(name)), |disk, _| disk.remove_folder(self.inode, name))
    }

    pub(in crate::store) fn rename(&self, from: &str, to_folder: &Self, to: &str) -> io::Result<()> {
        let words = || format!("rename to {}", to_folder.inside(to));
        self.process.change(words, |disk, _| disk.rename(self.inode, from, to_folder.inode, to))
    }

    pub(in crate::store) fn link(&self, from: &str, to_folder: &Self, to: &str) -> io::Result<()> {
        let words = || format!("link {}", to_folder.inside(to));
        self.process.change(words, |disk, _| disk.link(self.inode, from, to_folder.inode, to))
    }

    pub(in crate::store) fn sync(&self) -> io::Result<()> {
        let words = || format!("sync the folder {}", self.path);
        self.process.change(words, |disk, _| {
            disk.sync_folder(self.inode);
            Ok(())
        })
    }
}

/// An open file.
#[derive(Debug)]
pub(in crate::store) struct File {
    process: Process,
    inode: Inode,
    path: String,
    /// Where it is read.
    at: usize,
}

impl File {
    pub(in crate::store) fn sync(&self) -> io::Result<()> {
        let words = || format!("sync {}", self.path);
        self.process.change(words, |disk, _| {
            disk.sync_file(self.inode);
            Ok(())
        })
    }

    pub(in crate::store) fn empty(&self) -> io::Result<()> {
        let words = || format!("empty {}", self.path);
        self.process.change(words, |disk, _| {
            disk.empty(self.inode);
            Ok(())
        })
    }

    /// Takes its lock; `false` if another process has it.
    pub(in crate::store) fn try_lock(&self) -> io::Result<bool> {
        self.process.life.alive()?;
        Ok(super::lock(&self.process.disk).lock(self.inode, &self.process.life))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        super::lock(&self.process.disk).unlock(self.inode, &self.process.life);
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.process.change(
            || format!("write {}", self.path),
            |disk, half| {
                let written = if half { bytes.get(..bytes.len() / 2).unwrap_or_default() } else { bytes };
                disk.write(self.inode, written);
                Ok(bytes.len())
            },
        )
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for File {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let content = self.process.look(|disk| disk.content(self.inode).cloned())?;
        let mut rest = content.get(self.at..).unwrap_or_default();
        let read = rest.read(into)?;
        self.at += read;
        Ok(read)
    }
}
