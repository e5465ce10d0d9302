//! Folders, wherever they are: what a user names as output or checkpoint, and what it is opened as.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::simulated::Process;
use super::{Durability, LocalOptions, LocalStore, Location, Store, join};
use crate::error::{Error, Kind, Result};

/// A folder: one of the local disk, one of an object store, or one inside a store that is open.
#[derive(Debug, Clone)]
pub enum Place {
    /// A folder of the local disk.
    Local(PathBuf),
    /// A folder of an object store.
    Object(Location),
    /// A folder inside a store. The root of the store is `""`, which only a checkpoint can be.
    Store(Arc<dyn Store>, String),
}

impl Place {
    /// The name that a commit records, by which a later start knows the folder again.
    ///
    /// # Errors
    ///
    /// If it cannot be made absolute.
    pub fn name(&self) -> Result<String> {
        match self {
            Self::Local(path) => Ok(absolute(path)?.display().to_string()),
            Self::Object(location) => Ok(location.url().to_owned()),
            Self::Store(store, dir) => Ok(store.describe(dir)),
        }
    }

    /// Opens it as a checkpoint: a store whose root it is.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn open(&self, durability: Durability) -> Result<Arc<dyn Store>> {
        match self {
            Self::Local(path) => Ok(Arc::new(LocalStore::open(path, LocalOptions { durability, private: true })?)),
            Self::Object(location) => location.open(location.parts()?.path),
            Self::Store(store, _) => Ok(Arc::clone(store)),
        }
    }

    /// Opens it as an output: a store that holds it and its sibling, where files are staged.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or has no name that a sibling could be named after.
    pub fn open_sink(&self, durability: Durability) -> Result<SinkRoot> {
        let name = self.name()?;
        let (store, out): (Arc<dyn Store>, String) = match self {
            Self::Store(store, out) => (Arc::clone(store), out.clone()),
            Self::Object(location) => {
                let (above, last) = self.split_object(location)?;
                (location.open(above)?, last.to_owned())
            }
            Self::Local(path) => {
                let (above, last) = self.split_local(path)?;
                let options = LocalOptions { durability, private: false };
                (Arc::new(LocalStore::open(above, options)?), last)
            }
        };
        Ok(SinkRoot { store, stage: format!("{out}.stage"), out, name })
    }

    /// The same place for a simulated process: on its disk or in its buckets, open as a checkpoint or as an output.
    pub(crate) fn simulated(&self, process: &Process, output: bool) -> Result<Self> {
        let (store, dir): (Arc<dyn Store>, String) = match self {
            Self::Store(..) => {
                return Err(Error::new(Kind::Config, format!("`{}` cannot be simulated: it is open", self.name()?))
                    .help("give a path or a URL for a crash test"));
            }
            Self::Object(location) => {
                let (base, dir) = if output { self.split_object(location)? } else { (location.parts()?.path, "") };
                (location.simulated(process, base)?, dir.to_owned())
            }
            Self::Local(path) => {
                let path = absolute(path)?;
                let (base, dir) = if output { self.split_local(&path)? } else { (path, String::new()) };
                let options = LocalOptions { durability: Durability::PowerLoss, private: !output };
                (Arc::new(LocalStore::simulated(process, &base, options)?), dir)
            }
        };
        Ok(Self::Store(store, dir))
    }

    /// The folder above an output, and the name of the output in it.
    fn split_object<'a>(&self, location: &'a Location) -> Result<(&'a str, &'a str)> {
        let path = location.parts()?.path;
        let (above, last) = path.rsplit_once('/').unwrap_or(("", path));
        if last.is_empty() { Err(self.nameless()?) } else { Ok((above, last)) }
    }

    /// The folder above an output, and the name of the output in it.
    fn split_local(&self, path: &Path) -> Result<(PathBuf, String)> {
        let path = absolute(path)?;
        match (path.parent(), path.file_name().and_then(|name| name.to_str())) {
            (Some(above), Some(last)) => Ok((above.to_owned(), last.to_owned())),
            _ => Err(self.nameless()?),
        }
    }

    fn nameless(&self) -> Result<Error> {
        Ok(Error::new(Kind::Config, format!("`{}` cannot be an output folder", self.name()?))
            .help("choose a folder with a name, below another one"))
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    let full = std::path::absolute(path).map_err(|e| Error::io(format!("finding `{}`", path.display()), e))?;
    // `a/../b` would slip through every comparison.
    let mut plain = PathBuf::new();
    for part in full.components() {
        match part {
            std::path::Component::ParentDir => {
                return Err(Error::new(Kind::Config, format!("`{}` goes up with `..`", path.display()))
                    .help("write the path without `..`, or make it absolute"));
            }
            part => plain.push(part),
        }
    }
    Ok(plain)
}

/// The output folder of a sink, in a store that also holds its sibling `<out>.stage`.
#[derive(Clone)]
pub struct SinkRoot {
    store: Arc<dyn Store>,
    out: String,
    stage: String,
    name: String,
}

impl SinkRoot {
    /// The store that holds both folders.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The name of the output, for messages and records.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where a finished file goes, as a path of the store.
    #[must_use]
    pub fn out_path(&self, path: &str) -> String {
        join(&self.out, path)
    }

    /// Where a file is staged, as a path of the store.
    #[must_use]
    pub fn stage_path(&self, path: &str) -> String {
        join(&self.stage, path)
    }
}

impl fmt::Debug for SinkRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SinkRoot({})", self.name)
    }
}
