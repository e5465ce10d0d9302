//! What a checkpoint is opened with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::identity::{Instance, KEY_GROUPS};
use crate::error::{Error, Kind, Result};
use crate::store::{Durability, Place, Store};

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

    /// Refuses folders that would get into each other's way. Touches nothing.
    pub(super) fn check_places(&self) -> Result<()> {
        let refuse = |what: String, help: &str| Err(Error::new(Kind::Config, what).help(help));
        let own = |help| format!("give {help} a folder of its own");
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (id, place) in &self.sinks {
            let name = place.name()?;
            if let Some(other) = seen.insert(name.clone(), id) {
                return refuse(
                    format!("the sinks `{other}` and `{id}` write to one folder `{name}`"),
                    &own("each sink"),
                );
            }
            let lies_in = |inner: &str, outer: &str| {
                let inner = std::path::Path::new(inner);
                inner.starts_with(outer) || inner.starts_with(format!("{outer}.stage"))
            };
            let nested = |other: &&String| **other != name && (lies_in(other, &name) || lies_in(&name, other));
            if let Some(other) = seen.keys().find(nested) {
                return refuse(
                    // A reader of the one would find rows, and unfinished files, of the other.
                    format!("the outputs `{other}` and `{name}` lie in each other"),
                    &own("each sink"),
                );
            }
            let root = self.root.name()?;
            let inside = |inner: &str, outer: &str| std::path::Path::new(inner).starts_with(outer);
            if inside(&root, &name) || inside(&name, &root) || inside(&root, &format!("{name}.stage")) {
                return refuse(
                    format!("the checkpoint `{root}` and the output `{name}` of sink `{id}` lie in each other"),
                    // A reader of the output would find state files, and read them as rows.
                    &own("the checkpoint"),
                );
            }
        }
        Ok(())
    }
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
