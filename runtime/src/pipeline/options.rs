//! How a pipeline is run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::changes::Changes;
use super::rehearsal::Rehearsal;
use crate::observe::progress::Progress;
use crate::store::simulated::Scale;
use crate::store::{Durability, Location, Place};

/// When an epoch ends and the next begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Trigger {
    /// One epoch after the other. With a sink that writes files an epoch ends at 64 MiB of input or 10 s, whichever is
    /// first; with one that delivers, after 200 ms of waiting for input.
    #[default]
    AsFastAsPossible,
    /// An epoch each interval, with all that came in it; more often when an epoch's limits are reached.
    Every(Duration),
    /// All that is there at the start, in epochs of bounded size, and then stop.
    AvailableNow,
    /// One epoch of bounded size, and then stop.
    Once,
}

impl Trigger {
    /// An epoch each `interval`.
    #[must_use]
    pub fn every(interval: Duration) -> Self {
        Self::Every(interval)
    }
}

/// Where the progress of a pipeline is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checkpoint {
    /// In a folder of its own, on a local disk.
    Folder(PathBuf),
    /// In a folder of its own, in an object store.
    Object(Location),
    /// Nowhere, and that is meant: after a restart the pipeline begins anew, so output may be doubled.
    None,
}

impl Checkpoint {
    /// A place in an object store, with its options: `Checkpoint::at("s3://bucket/checkpoint").region("eu-west-1")`.
    /// Without options a URL alone will do, as in `.checkpoint("s3://bucket/checkpoint")`.
    pub fn at(url: impl Into<String>) -> Location {
        Location::at(url)
    }

    /// No checkpoint: says aloud that output is at-least-once.
    #[must_use]
    pub fn none() -> Self {
        Self::None
    }

    /// Where it is; `None` if it is nowhere.
    pub(crate) fn place(&self) -> Option<Place> {
        match self {
            Self::Folder(folder) => Some(Place::Local(folder.clone())),
            Self::Object(location) => Some(Place::Object(location.clone())),
            Self::None => None,
        }
    }
}

impl From<Location> for Checkpoint {
    fn from(location: Location) -> Self {
        Self::Object(location)
    }
}

impl From<&str> for Checkpoint {
    fn from(folder: &str) -> Self {
        if Location::is_url(folder) { Self::Object(Location::at(folder)) } else { Self::Folder(folder.into()) }
    }
}

impl From<String> for Checkpoint {
    fn from(folder: String) -> Self {
        Self::from(folder.as_str())
    }
}

impl From<PathBuf> for Checkpoint {
    fn from(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }
}

impl From<&std::path::Path> for Checkpoint {
    fn from(folder: &std::path::Path) -> Self {
        Self::Folder(folder.to_owned())
    }
}

/// What is told of every epoch.
pub(crate) type Listener = Arc<dyn Fn(&Progress) + Send + Sync>;

/// Everything about a run that is not in the chain.
#[derive(Clone)]
pub(crate) struct Options {
    pub name: Option<String>,
    pub checkpoint: Option<Checkpoint>,
    pub trigger: Trigger,
    pub workers: usize,
    pub max_rows_per_epoch: Option<u64>,
    pub max_bytes_per_epoch: usize,
    /// Bytes; `None` for a share of the memory.
    pub state_budget: Option<u64>,
    /// The folder for state that memory has no room for.
    #[cfg(feature = "spill")]
    pub spill: Option<PathBuf>,
    /// What was begun in it, for all attempts of a run.
    #[cfg(feature = "spill")]
    pub scratch: Option<std::sync::Arc<crate::state::scratch::Scratch>>,
    /// Event times later than now by more than this do not move the watermark.
    pub max_future_skew: Duration,
    /// The rate of rows that cannot be decoded or computed that ends the run.
    pub max_error_rate: Option<f64>,
    /// How long a record may keep the user's code busy before the run ends.
    pub max_record_time: Duration,
    /// How long a run that was asked to end may take for it.
    pub stop_timeout: Duration,
    pub durability: Durability,
    /// Start even if the last starts ended without a commit.
    pub ignore_crash_loop: bool,
    /// Take a checkpoint on a network file system all the same.
    pub allow_network_filesystem: bool,
    /// Take a checkpoint for a source that cannot be read again.
    pub allow_loss_on_restart: bool,
    /// What is said of how the pipeline differs from the one before.
    pub changes: Changes,
    pub listener: Option<Listener>,
    /// Whether a line of progress is shown, if standard error is a terminal.
    pub progress: bool,
    /// Where figures are shown.
    #[cfg(feature = "metrics")]
    pub shown_at: crate::observe::monitor::Places,
    /// The figures of a run that is under way, if they are shown.
    #[cfg(feature = "metrics")]
    pub figures: Option<crate::observe::monitor::Shared>,
    /// The simulated machine that it runs on, in a crash test.
    pub rehearsal: Option<Rehearsal>,
}

impl Options {
    /// What is done more often than in earnest.
    pub(crate) fn scale(&self) -> Scale {
        self.rehearsal.as_ref().map(|rehearsal| rehearsal.process.scale()).unwrap_or_default()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: None,
            checkpoint: None,
            trigger: Trigger::default(),
            workers: 1,
            max_rows_per_epoch: None,
            max_bytes_per_epoch: 64 << 20,
            state_budget: None,
            #[cfg(feature = "spill")]
            spill: None,
            #[cfg(feature = "spill")]
            scratch: None,
            max_future_skew: Duration::from_secs(300),
            max_error_rate: None,
            max_record_time: Duration::from_secs(600),
            stop_timeout: Duration::from_secs(25),
            durability: Durability::default(),
            ignore_crash_loop: false,
            allow_network_filesystem: false,
            allow_loss_on_restart: false,
            changes: Changes::default(),
            listener: None,
            progress: true,
            #[cfg(feature = "metrics")]
            shown_at: crate::observe::monitor::Places::default(),
            #[cfg(feature = "metrics")]
            figures: None,
            rehearsal: None,
        }
    }
}
