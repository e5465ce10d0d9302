//! Savepoints: a copy of one commit that nothing else needs and nothing else deletes, and checkpoints that begin from one.
//!
//! ```text
//! <to>/SAVEPOINT.rec   a frame as that of log slots: the commit and the pipeline that made it; written last
//! <to>/state/<op>/     the state files that it names
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fence;
use super::frame::{self, Fault};
use super::history::{History, Last};
use super::identity::{Identity, write_plan};
use super::log::{Author, Log, Tail};
use super::open::{Looked, Previous};
use super::options::OpenOptions;
use super::record::{Commit, Record, StateFile};
use crate::error::{Error, Kind, Result};
use crate::mutant::{self, Mutant};
use crate::store::{Created, Durability, Place, RESTORE, Store, digest_of, parent};

const SAVEPOINT: &str = "SAVEPOINT.rec";
/// The kind of the frame; those of log slots are lower.
const KIND: u16 = 64;

/// What a savepoint holds, and where it is from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Saved {
    pipeline_id: String,
    key_groups: u16,
    /// When it was made, in microseconds since 1970.
    created: i64,
    /// The pipeline of the commit.
    plan: Value,
    commit: Commit,
}

/// A savepoint that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The pipeline it is of.
    pub pipeline_id: String,
    /// The epoch whose end it is.
    pub epoch: u64,
    /// State files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Copies the last commit of a checkpoint, with all state that it needs. Takes no lock: the pipeline may run.
///
/// # Errors
///
/// If nothing is committed, `to` has a savepoint, a file is corrupt, or a call failed.
pub fn write(from: &Place, to: &Place) -> Result<Written> {
    if matches!(from, Place::Local(from) if !from.is_dir()) {
        return Err(nothing(&from.name()?));
    }
    let source = from.open(Durability::ProcessCrash)?;
    let target = to.open(Durability::PowerLoss)?;
    if target.exists(SAVEPOINT)? {
        return Err(Error::new(Kind::Config, format!("`{}` is there already", target.describe(SAVEPOINT)))
            .help("a savepoint is never changed: give another folder"));
    }
    let mut tries = 0;
    loop {
        match copy(&source, target.as_ref()) {
            // A file of the commit that was read may have been collected since; there is a newer commit then.
            Err(error) if tries < 3 && error.kind() == Kind::Io => tries += 1,
            done => return done,
        }
    }
}

fn nothing(root: &str) -> Error {
    Error::new(Kind::Config, format!("the checkpoint `{root}` has nothing to save: no epoch is committed"))
        .help("give the checkpoint of the pipeline: `--checkpoint DIR`")
}

fn copy(source: &Arc<dyn Store>, target: &dyn Store) -> Result<Written> {
    let history = Log::new(Arc::clone(source)).history()?;
    let (Some(mut commit), Some(previous)) = (history.settled(), Previous::of(source.as_ref(), &history)?) else {
        return Err(nothing(&source.describe("")));
    };
    let Some(identity) = Identity::read(source.as_ref())? else { return Err(nothing(&source.describe(""))) };
    if previous.state.is_some() {
        return Err(Error::new(
            Kind::Config,
            format!("the state in the checkpoint was changed after its last commit, that of epoch {}", commit.epoch),
        )
        .help("let the pipeline commit an epoch, then make the savepoint"));
    }
    // Output is that of the pipeline that made it, which will have published it.
    commit.sinks = BTreeMap::new();
    commit.roots = BTreeMap::new();
    commit.outbox = BTreeMap::new();
    commit.published_through = Some(commit.epoch);
    for files in commit.operators.values_mut() {
        files.previous_snapshots = Vec::new();
        files.previous_changelogs = Vec::new();
        files.begun = false;
    }
    let (mut files, mut bytes) = (0, 0);
    for file in commit.operators.values().flat_map(|files| files.files()) {
        if !mutant::is(Mutant::SavepointEarly) {
            carry(source.as_ref(), target, file)?;
        }
        (files, bytes) = (files + 1, bytes + file.len);
    }
    let epoch = commit.epoch;
    let Identity { pipeline_id, key_groups, .. } = identity;
    let created = crate::clock::now().micros();
    let saved = Saved { pipeline_id: pipeline_id.clone(), key_groups, created, plan: previous.plan, commit };
    let json = serde_json::to_vec(&saved)
        .map_err(|e| Error::new(Kind::Internal, format!("a savepoint cannot be written as JSON: {e}")))?;
    match target.create_only(SAVEPOINT, &frame::encode(KIND, b"{}", &json))? {
        Created::Created => {}
        Created::Exists => {
            return Err(Error::new(Kind::Config, format!("`{}` was made meanwhile", target.describe(SAVEPOINT)))
                .help("give each savepoint a folder of its own"));
        }
        Created::Unknown(error) => return Err(error),
    }
    target.sync_dir("")?;
    if mutant::is(Mutant::SavepointEarly) {
        saved
            .commit
            .operators
            .values()
            .flat_map(|files| files.files())
            .try_for_each(|file| carry(source.as_ref(), target, file))?;
    }
    Ok(Written { pipeline_id, epoch, files, bytes })
}

/// Copies a state file under its name, verified and durable; one that is there, of an attempt that died, is replaced unless it
/// is whole.
pub(super) fn carry(source: &dyn Store, target: &dyn Store, file: &StateFile) -> Result<()> {
    let dir = parent(&file.path);
    target.create_dirs(dir)?;
    let digest = file.digest();
    match target.read(&file.path)? {
        Some(there) if digest.differs_from(&there).is_none() => return target.sync_dir(dir),
        Some(_) => drop(target.remove(&file.path)?),
        None => {}
    }
    let shown = source.describe(&file.path);
    let bytes = source.read(&file.path)?;
    let why = bytes.as_ref().map_or(Some("it is not there".to_owned()), |bytes| digest.differs_from(bytes));
    let (Some(bytes), None) = (bytes, why.clone()) else {
        let why = why.unwrap_or_default();
        return Err(Error::new(Kind::Io, format!("state file `{shown}` of epoch {} is corrupt ({why})", file.epoch))
            .help(RESTORE));
    };
    let mut out = target.write_new_file(&file.path)?;
    out.write_all(&bytes).map_err(|error| Error::io(format!("writing `{}`", target.describe(&file.path)), error))?;
    out.sync_and_close()?;
    target.sync_dir(dir)
}

/// Where a checkpoint began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The savepoint.
    pub savepoint: String,
    /// xxh3-128 of its record.
    pub xxh3: String,
    /// The pipeline that it is of.
    pub pipeline_id: String,
    /// The epoch that it is the end of.
    pub epoch: u64,
}

/// A savepoint to begin from.
#[derive(Debug, Clone)]
pub struct Seed {
    pub(super) store: Arc<dyn Store>,
    pub(super) origin: Origin,
    pub(super) key_groups: u16,
    pub(super) previous: Previous,
    pub(super) commit: Commit,
}

impl Seed {
    /// Reads a savepoint.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] if there is none, or one of a later version; [`Kind::Io`] if it is corrupt.
    pub fn read(place: &Place) -> Result<Self> {
        let name = place.name()?;
        let missing = || {
            Error::new(Kind::Config, format!("`{name}` has no savepoint"))
                .help("a savepoint is made by the command `savepoint`, and is whole when that has ended")
        };
        if matches!(place, Place::Local(path) if !path.is_dir()) {
            return Err(missing());
        }
        let store = place.open(Durability::ProcessCrash)?;
        let bytes = store.read(SAVEPOINT)?.ok_or_else(missing)?;
        let path = store.describe(SAVEPOINT);
        let corrupt = |why: String| Error::new(Kind::Io, format!("`{path}` is corrupt: {why}")).help(RESTORE);
        let frame = match frame::decode(&bytes) {
            Ok(frame) if frame.kind == KIND => frame,
            Ok(frame) => return Err(corrupt(format!("it is a record of kind {}", frame.kind))),
            Err(Fault::Corrupt(why)) => return Err(corrupt(why)),
            Err(Fault::Format(format)) => {
                return Err(Error::new(
                    Kind::Config,
                    format!("`{path}` has format {format}, this build reads up to {}", frame::FORMAT),
                )
                .help("start the newer build that wrote it"));
            }
        };
        let saved: Saved = serde_json::from_slice(&frame.payload).map_err(|error| corrupt(error.to_string()))?;
        let Saved { pipeline_id, key_groups, plan, commit, .. } = saved;
        let origin = Origin { savepoint: name.clone(), xxh3: digest_of(&bytes), pipeline_id, epoch: commit.epoch };
        Ok(Self { store, origin, key_groups, previous: Previous { plan, state: None }, commit })
    }

    /// What a checkpoint that begins from it will hold.
    #[must_use]
    pub fn looked(self) -> Looked {
        Looked { last: self.commit, previous: self.previous, changes: Vec::new() }
    }

    /// The savepoint of the options, if the checkpoint is yet to begin from it.
    ///
    /// # Errors
    ///
    /// The checkpoint began otherwise, or from another one.
    pub(super) fn due(options: &OpenOptions, history: &History, store: &dyn Store) -> Result<Option<Self>> {
        let identity = Identity::read(store)?;
        let origin = identity.as_ref().and_then(|identity| identity.origin.as_ref());
        let begun = history.last.is_some();
        let root = || store.describe("");
        match (&options.seed, origin) {
            (None, Some(origin)) if !begun => Err(Error::new(
                Kind::Config,
                format!(
                    "the checkpoint `{}` was to begin from the savepoint `{}` and did not come to it",
                    root(),
                    origin.savepoint
                ),
            )
            .help("start it with that savepoint again: `run --from-savepoint`, or `.from_savepoint(..)`")),
            (None, _) => Ok(None),
            // It goes on: the option may stay in the command line of a supervisor.
            (Some(seed), Some(origin)) if seed.origin.xxh3 == origin.xxh3 => Ok((!begun).then(|| seed.clone())),
            (Some(seed), None) if identity.is_none() && history.tail.slot == 0 => Ok(Some(seed.clone())),
            (Some(seed), _) => Err(Error::new(
                Kind::Config,
                format!(
                    "the checkpoint `{}` has a log already, and did not begin from the savepoint `{}`",
                    root(),
                    seed.origin.savepoint
                ),
            )
            .help("give a fresh folder to `--checkpoint`, or leave the savepoint away to go on with this one")),
        }
    }

    /// What the log is to say.
    pub(super) fn begin(&self, history: &mut History) -> Previous {
        let (slot, fingerprint) = (history.tail.slot, fingerprint(&self.previous.plan));
        history.last = Some(Last { slot, fingerprint, commit: self.commit.clone() });
        history.published = Some(self.commit.epoch);
        // No start of this checkpoint has failed to go on from here.
        history.opens.clear();
        self.previous.clone()
    }

    /// Copies the state, and writes the commit down as the first of this log.
    pub(super) fn plant(
        &self,
        store: &dyn Store,
        log: &Log,
        tail: &Tail,
        author: &Author,
        history: &mut History,
    ) -> Result<Tail> {
        for file in self.commit.operators.values().flat_map(|files| files.files()) {
            carry(self.store.as_ref(), store, file)?;
        }
        store.sync_dir(super::STATE)?;
        let author = Author { fingerprint: fingerprint(&self.previous.plan), ..author.clone() };
        write_plan(store, &author.fingerprint, &self.previous.plan)?;
        let committed = fence::append(log, tail, &author, &Record::Commit(Box::new(self.commit.clone())))?;
        if let Some(last) = &mut history.last {
            last.slot = committed.slot;
        }
        Ok(committed)
    }
}

/// Whether the checkpoint in `root` has begun from the savepoint in `from`, and does not need it any more.
///
/// # Errors
///
/// The checkpoint cannot be read.
pub fn has_begun(root: &Place, from: &Place) -> Result<bool> {
    if matches!(root, Place::Local(path) if !path.is_dir()) {
        return Ok(false);
    }
    let store = root.open(Durability::ProcessCrash)?;
    let origin = Identity::read(store.as_ref())?.and_then(|identity| identity.origin);
    let name = from.name()?;
    Ok(origin.is_some_and(|origin| origin.savepoint == name) && Log::new(store).history()?.last.is_some())
}

fn fingerprint(plan: &Value) -> String {
    digest_of(plan.to_string().as_bytes())
}
