//! One log that says what is done for good: source positions, state and output together.
//!
//! An epoch is prepared where nobody looks, made true by **one** new slot of the log, and then shown:
//!
//! ```text
//! stage files, state files     synced by their writers, folders by `commit`
//! Commit(e) -> log/<n+1>.rec   the only moment that counts        Checkpoint::commit
//! rename into the output       can be done again at any time      Checkpoint::publish
//! ```
//!
//! Nothing visible happens before the slot, and all that follows it is repeated by the next start, so user code need not
//! be deterministic and no epoch is computed again after its commit.
//!
//! ```text
//! <ckpt>/PIPELINE.json   whose checkpoint it is          <ckpt>/LOCK            held for life
//! <ckpt>/log/<n>.rec     Open | Start | Commit | Close   <ckpt>/floor/<n>       slots up to n may be gone
//! <ckpt>/plan/<fp>.json  which pipeline wrote records    <ckpt>/state/<op>/     snapshots and changes
//! <out>/                 finished files only             <out>.stage/g<g>/e<e>/ staged files
//! ```
//!
//! [`Checkpoint::open`] is the door. Two instances never both append after one slot: the older one finds its next slot
//! taken and ends with [`Kind::Fenced`]. What an error leaves behind is settled by the next
//! start; after an error of [`Checkpoint::commit`] or [`Checkpoint::publish`] this instance is finished.

mod collect;
mod commit;
mod fence;
pub mod frame;
mod history;
mod identity;
mod lock;
pub mod log;
mod open;
mod options;
mod publish;
pub mod record;
#[cfg(feature = "parquet")]
pub mod restore;
mod retain;
pub mod savepoint;
mod stage;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

pub use collect::Collected;
pub use identity::{Identity, Instance, KEY_GROUPS};
pub use log::Log;
pub use open::{Looked, Previous, look};
pub use options::{OpenOptions, Retention, check_filesystem, check_places};
pub use publish::Published;
pub use record::{
    Change, Close, Commit, Open, OperatorFiles, OutboxFile, OutputFile, PartitionPosition, PartitionState, Record,
    SourcePositions, StateFile, Writer,
};
pub use stage::StageDir;
pub(crate) use stage::remove_tree;

use crate::error::{Error, Kind, Result};
use crate::store::{LockGuard, Store, join, safe_part};
pub use crate::store::{Place, SinkRoot};
use log::{Author, Tail};

/// The folder of the state files.
const STATE: &str = "state";

/// What [`Checkpoint::open`] found and made.
#[derive(Debug)]
pub struct Opened {
    /// The open checkpoint.
    pub checkpoint: Checkpoint,
    /// The last commit; its files are published.
    pub last: Option<Commit>,
    /// The pipeline that made the last commit.
    pub previous: Option<Previous>,
    /// The newest start positions that no commit has followed yet. If there are none and a source has no position in
    /// the last commit, resolve its start and pass it to [`Checkpoint::record_starts`] before the first fetch.
    pub starts: Option<Value>,
    /// What was left to publish.
    pub published: Published,
}

/// An open checkpoint: one generation of one pipeline.
///
/// All methods take `&self`. `commit` of epoch e+1 may run while another thread is in `publish` of epoch e.
#[derive(Debug)]
pub struct Checkpoint {
    store: Arc<dyn Store>,
    log: Log,
    sinks: BTreeMap<String, SinkRoot>,
    identity: Identity,
    author: Author,
    writer: Writer,
    retention: Retention,
    head: Mutex<Head>,
    progress: Mutex<Progress>,
    publishing: Mutex<()>,
    made_dirs: Mutex<BTreeSet<String>>,
    /// Paths of snapshots that were found to be damaged.
    damaged: Mutex<BTreeSet<String>>,
    files: AtomicU64,
    _lock: Option<Box<dyn LockGuard>>,
}

/// Where the log ends.
#[derive(Debug)]
struct Head {
    tail: Tail,
    lowest: u64,
    last: Option<Arc<Commit>>,
    /// Epoch and slot of the commits that a start reads: the last one, and those before it that it does not call
    /// published.
    recent: VecDeque<(u64, u64)>,
    /// Why nothing can be appended any more.
    ended: Option<String>,
}

/// Which commits are still to be shown.
#[derive(Debug)]
struct Progress {
    through: Option<u64>,
    /// Whether a publish of the next epoch has failed; it may have made folders and had no time to sync them.
    failed: bool,
    pending: VecDeque<Arc<Commit>>,
}

/// What a state file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateKind {
    /// The whole state of some key groups.
    Snapshot,
    /// What one epoch changed.
    Changelog,
}

impl Checkpoint {
    /// The number of this generation: 1 for the first start of a checkpoint, one more for each further.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.author.generation
    }

    /// The pipeline, a UUID that lives as long as the checkpoint.
    #[must_use]
    pub fn pipeline_id(&self) -> &str {
        &self.identity.pipeline_id
    }

    /// The number of key groups of this checkpoint.
    #[must_use]
    pub fn key_groups(&self) -> u16 {
        self.identity.key_groups
    }

    /// The store of the checkpoint itself, where state files go.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Where a sink writes, if it was given to [`Checkpoint::open`].
    #[must_use]
    pub fn sink(&self, id: &str) -> Option<&SinkRoot> {
        self.sinks.get(id)
    }

    /// The last committed epoch.
    #[must_use]
    pub fn last_epoch(&self) -> Option<u64> {
        lock(&self.head).last.as_ref().map(|last| last.epoch)
    }

    /// Whether the log certainly ends with what is known of it: a record whose writing failed is not there after all.
    #[must_use]
    pub fn ends_as_known(&self) -> bool {
        let next = lock(&self.head).tail.slot + 1;
        self.store.exists(&log::slot_path(next)).is_ok_and(|there| !there)
    }

    /// Names snapshots, by their paths, that [`restore`] found to be damaged: when new ones take their place, no commit names them
    /// as what to repair from.
    pub fn distrust(&self, snapshots: impl IntoIterator<Item = String>) {
        lock(&self.damaged).extend(snapshots);
    }

    /// All epochs up to this one are visible.
    #[must_use]
    pub fn published_through(&self) -> Option<u64> {
        lock(&self.progress).through
    }

    /// Makes the folder where a sink stages the files of an epoch. Call it when the epoch begins, since it syncs.
    ///
    /// # Errors
    ///
    /// If the sink was not given to [`Checkpoint::open`], or the folder cannot be made.
    pub fn stage_dir(&self, sink: &str, epoch: u64) -> Result<StageDir> {
        let root = self.sinks.get(sink).ok_or_else(|| {
            Error::new(Kind::Internal, format!("sink `{sink}` has no output folder in this checkpoint"))
                .help("add it to the options of `Checkpoint::open`")
        })?;
        let dir = stage::epoch_dir(self.generation(), epoch);
        root.store().create_dirs(&root.stage_path(&dir))?;
        Ok(StageDir { sink: root.clone(), dir })
    }

    /// A path in [`Checkpoint::store`] that no state file ever had, in a folder that exists.
    ///
    /// # Errors
    ///
    /// If the folder of the operator cannot be made.
    pub fn state_path(&self, operator: &str, kind: StateKind, lo: u16, hi: u16, epoch: u64) -> Result<String> {
        let dir = join(STATE, &safe_part(operator));
        let mut made = lock(&self.made_dirs);
        if !made.contains(&dir) {
            self.store.create_dirs(&dir)?;
            // Also if it was there: the process that made it may have died before it could sync.
            self.store.sync_dir(STATE)?;
            made.insert(dir.clone());
        }
        let letter = match kind {
            StateKind::Snapshot => 's',
            StateKind::Changelog => 'c',
        };
        let (generation, nonce) = (self.generation(), self.author.nonce.get(..6).unwrap_or("0"));
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        Ok(join(&dir, &format!("{letter}-{epoch:010}-{lo:05}-{hi:05}-g{generation}-{nonce}-{number}.parquet")))
    }
}

/// A mutex of plain data has nothing that a panic elsewhere could have left half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
