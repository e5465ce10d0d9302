//! What a checkpoint is opened with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::identity::{Instance, KEY_GROUPS};
use super::savepoint::Seed;
use crate::error::{Error, Kind, Result};
use crate::store::{Durability, Place, Store, network_filesystem};

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
    /// The savepoint that a fresh checkpoint begins from.
    pub seed: Option<Seed>,
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
            seed: None,
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
        let Some(root) = root.map(Place::name).transpose()? else { continue };
        if lies_in(&root, &name) || Path::new(&name).starts_with(&root) {
            // A reader of the output would find state files, and read them as rows.
            return refuse(
                format!("the checkpoint `{root}` and the output `{name}` of sink `{id}` lie in each other"),
                "the checkpoint",
            );
        }
    }
    Ok(())
}

/// How much of the log is kept for people and for late readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// At least so many slots.
    pub slots: u64,
    /// All slots that are not older, in microseconds.
    pub micros: i64,
    /// At most so many slots, however young they are, and those that are waiting to be deleted.
    pub most: u64,
    /// Slots are deleted when so many can be, since every collection makes a marker.
    pub batch: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { slots: 1000, micros: 7 * 86_400 * 1_000_000, most: 5000, batch: 100 }
    }
}
