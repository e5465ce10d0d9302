//! What a checkpoint is opened with.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::identity::{Instance, KEY_GROUPS};
use crate::error::{Error, Kind, Result};
use crate::store::{Durability, LocalOptions, LocalStore, Store, join, network_filesystem};

/// A folder: one of the local disk, or one inside a store.
#[derive(Debug, Clone)]
pub enum Place {
    /// A folder of the local disk.
    Local(PathBuf),
    /// A folder inside a store. The root of the store is `""`, which only a checkpoint can be.
    Store(Arc<dyn Store>, String),
}

/// What a checkpoint is opened with.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Where the checkpoint is.
    pub root: Place,
    /// The description of the pipeline, kept as `plan/<fingerprint>.json`.
    pub descriptor: Value,
    /// Two pipelines with one fingerprint can read each other's state without a comparison.
    pub fingerprint: String,
    /// The output folder of every sink that stages files.
    pub sinks: BTreeMap<String, Place>,
    /// How much has to survive.
    pub durability: Durability,
    /// Who opens it.
    pub instance: Instance,
    /// The number of key groups if the checkpoint is new.
    pub key_groups: u16,
    /// Start even if the last starts ended without a commit.
    pub ignore_crash_loop: bool,
    /// Take a checkpoint on a network file system all the same.
    pub allow_network_filesystem: bool,
    /// How much of the log is kept.
    pub retention: Retention,
}

impl OpenOptions {
    /// The usual options for a folder of the local disk.
    pub fn new(
        root: impl Into<PathBuf>,
        fingerprint: impl Into<String>,
        descriptor: Value,
        instance: Instance,
    ) -> Self {
        Self {
            root: Place::Local(root.into()),
            descriptor,
            fingerprint: fingerprint.into(),
            sinks: BTreeMap::new(),
            durability: Durability::PowerLoss,
            instance,
            key_groups: KEY_GROUPS,
            ignore_crash_loop: false,
            allow_network_filesystem: false,
            retention: Retention::default(),
        }
    }

    /// Adds a sink that writes files below a folder of the local disk.
    #[must_use]
    pub fn sink(mut self, id: impl Into<String>, out: impl Into<PathBuf>) -> Self {
        self.sinks.insert(id.into(), Place::Local(out.into()));
        self
    }

    pub(super) fn open_root(&self) -> Result<Arc<dyn Store>> {
        self.root.open(self.durability)
    }
}

/// Refuses a folder for a checkpoint that is on a network file system. Touches nothing.
///
/// # Errors
///
/// [`Kind::Config`], with the folder.
pub fn check_filesystem(root: &Place) -> Result<()> {
    let Place::Local(path) = root else { return Ok(()) };
    let Some(kind) = network_filesystem(path)? else { return Ok(()) };
    Err(Error::new(
        Kind::Config,
        format!(
            "the checkpoint `{}` is on a network file system ({kind}), where a lock, a link or a sync may not hold what a \
             commit needs",
            path.display()
        ),
    )
    .help(
        "put it, and the outputs, on a local disk; or add `.allow_network_filesystem()` if this one is known to lock, \
         link and sync as a local disk does",
    ))
}

/// Refuses folders that would get into each other's way: `root` is that of the checkpoint, if there is one. Touches
/// nothing.
///
/// # Errors
///
/// [`Kind::Config`], with the folders.
pub fn check_places(root: Option<&Place>, sinks: &BTreeMap<String, Place>) -> Result<()> {
    let refuse =
        |what: String, help: &str| Err(Error::new(Kind::Config, what).help(format!("give {help} a folder of its own")));
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (id, place) in sinks {
        let name = place.name()?;
        if let Some(other) = seen.insert(name.clone(), id) {
            return refuse(format!("the sinks `{other}` and `{id}` write to one folder `{name}`"), "each sink");
        }
        let lies_in = |inner: &str, outer: &str| {
            let inner = Path::new(inner);
            inner.starts_with(outer) || inner.starts_with(format!("{outer}.stage"))
        };
        let nested = |other: &&String| **other != name && (lies_in(other, &name) || lies_in(&name, other));
        if let Some(other) = seen.keys().find(nested) {
            // A reader of the one would find rows, and unfinished files, of the other.
            return refuse(format!("the outputs `{other}` and `{name}` lie in each other"), "each sink");
        }
        let (Some(Place::Local(root)), Place::Local(_)) = (root, place) else { continue };
        let (root, out) = (absolute(root)?, PathBuf::from(&name));
        if root.starts_with(&out) || out.starts_with(&root) || root.starts_with(format!("{name}.stage")) {
            let root = root.display();
            // A reader of the output would find state files, and read them as rows.
            return refuse(
                format!("the checkpoint `{root}` and the output `{name}` of sink `{id}` lie in each other"),
                "the checkpoint",
            );
        }
    }
    Ok(())
}

impl Place {
    /// The name that a commit records, by which a later start knows the folder again.
    pub(super) fn name(&self) -> Result<String> {
        match self {
            Self::Local(path) => Ok(absolute(path)?.display().to_string()),
            Self::Store(store, dir) => Ok(store.describe(dir)),
        }
    }

    pub(super) fn open(&self, durability: Durability) -> Result<Arc<dyn Store>> {
        match self {
            Self::Local(path) => Ok(Arc::new(LocalStore::open(path, LocalOptions { durability, private: true })?)),
            Self::Store(store, _) => Ok(Arc::clone(store)),
        }
    }

    pub(super) fn open_sink(&self, durability: Durability) -> Result<SinkRoot> {
        let name = self.name()?;
        let (store, out): (Arc<dyn Store>, String) = match self {
            Self::Store(store, out) => (Arc::clone(store), out.clone()),
            Self::Local(path) => {
                let path = absolute(path)?;
                let (Some(above), Some(last)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
                    return Err(Error::new(Kind::Config, format!("`{name}` cannot be an output folder"))
                        .help("choose a folder with a name, below another one"));
                };
                let options = LocalOptions { durability, private: false };
                (Arc::new(LocalStore::open(above, options)?), last.to_owned())
            }
        };
        Ok(SinkRoot { store, stage: format!("{out}.stage"), out, name })
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

/// How much of the log is kept for people and for late readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// At least so many slots.
    pub slots: u64,
    /// All slots that are not older, in microseconds.
    pub micros: i64,
    /// Slots are deleted when so many can be, since every collection makes a marker.
    pub batch: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { slots: 1000, micros: 7 * 86_400 * 1_000_000, batch: 100 }
    }
}

/// The output folder of a sink, in a store that also holds its sibling `<out>.stage`.
#[derive(Clone)]
pub struct SinkRoot {
    pub(super) store: Arc<dyn Store>,
    pub(super) out: String,
    pub(super) stage: String,
    pub(super) name: String,
}

impl SinkRoot {
    /// The store that holds both folders.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
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
