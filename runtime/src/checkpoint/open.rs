//! Starting: lock, read and verify the log, compare, claim a generation, finish what the last one began.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::history::History;
use super::identity::{Identity, PLAN, read_plan, write_plan};
use super::log::{Author, Claimed, FLOOR, LOG, Log, Tail};
use super::options::{check_filesystem, check_places};
use super::record::{Change, Close, Commit, Open, Record, Writer};
use super::savepoint::Seed;
use super::{Checkpoint, Head, OpenOptions, Opened, Progress, Published, STATE, fence, publish, stage};
use crate::error::{Error, Kind, Result};
use crate::store::{Place, SinkRoot, Store, join};

/// So many starts in a row may end without a commit.
const STARTS: usize = 5;
/// So often a start is tried again because another instance was quicker.
const TRIES: usize = 100;

impl Checkpoint {
    /// Opens a checkpoint, and makes it if it is not there.
    ///
    /// `compare(old, new)` gets the description of the pipeline that made the last commit and the one of this pipeline. If
    /// it refuses, nothing was written.
    ///
    /// When this returns, all that was ever committed is visible, and any older instance is fenced.
    ///
    /// # Errors
    ///
    /// * [`Kind::AlreadyRunning`]: another process holds the lock.
    /// * [`Kind::Config`]: the folders, the pipeline or `compare` do not fit.
    /// * [`Kind::CrashLoop`]: the last starts of this build ended without a commit.
    /// * [`Kind::Io`]: a slot is corrupt, a committed file is gone, or a call failed.
    pub fn open(options: OpenOptions, compare: impl Fn(&Previous, &Value) -> Result<()>) -> Result<Opened> {
        check_places(Some(&options.root), &options.sinks)?;
        if !options.allow_network_filesystem {
            check_filesystem(&options.root)?;
        }
        let store = options.open_root()?;
        let held = super::lock::take(store.as_ref(), &options.instance)?;
        store.probe("")?;
        for dir in [LOG, FLOOR, PLAN, STATE] {
            store.create_dirs(dir)?;
        }
        // A process may have died between making these and syncing their names. `log` is synced by the claim.
        store.sync_dir("")?;
        let log = Log::new(Arc::clone(&store));
        for _ in 0..TRIES {
            let mut history = log.history()?;
            let seed = Seed::due(&options, &history, store.as_ref())?;
            let previous = match &seed {
                Some(seed) => Some(seed.begin(&mut history)),
                None => Previous::of(store.as_ref(), &history)?,
            };
            let plan = Plan::of(&options, &store, &history, previous, &compare)?;
            let strangers = match check_outputs(&options, &history, seed.is_some(), store.as_ref()) {
                // Where there are no locks, another instance may have gone on since the log was read.
                Err(_) if has_gone_on(&log, &history) => continue,
                strangers => strangers?,
            };
            let (groups, origin) = match &seed {
                Some(seed) => (seed.key_groups, Some(seed.origin.clone())),
                None => (options.key_groups, None),
            };
            let identity = Identity::read_or_create(store.as_ref(), &options.instance, groups, origin, strangers)?;
            let sinks = prepare_sinks(&options, &identity)?;
            write_plan(store.as_ref(), &options.fingerprint, &options.descriptor)?;
            let generation = history.tail.generation + 1;
            let (author, writer) = authors(&options, generation);
            let open = Record::Open(Open { writer: writer.clone(), started: options.instance.started });
            let tail = match log.claim(&history.tail, &author, &open)? {
                Claimed::Won(tail) => match &seed {
                    Some(seed) => seed.plant(store.as_ref(), &log, &tail, &author, &mut history)?,
                    None => tail,
                },
                // Another instance starts at this moment; the one that claims last stays.
                Claimed::Lost(_) => continue,
            };
            let claim = Claim { identity, sinks, author, writer, tail };
            return finish(options, store, log, history, plan, claim, held);
        }
        let root = store.describe("");
        Err(Error::new(Kind::AlreadyRunning, format!("other instances keep starting on the checkpoint `{root}`"))
            .help("start only one"))
    }
}

/// What a checkpoint holds, to those who only look.
#[derive(Debug, Clone)]
pub struct Looked {
    /// The last commit, with the state as it was changed since.
    pub last: Commit,
    /// The pipeline that made it.
    pub previous: Previous,
    /// The changes of state in the last slots of the log, the oldest first.
    pub changes: Vec<Change>,
}

/// Looks at a checkpoint, and at the last `slots` of its log for changes; `None` when nothing is committed. Writes nothing.
///
/// # Errors
///
/// If the log or the description cannot be read.
pub fn look(root: &Place, slots: u64) -> Result<Option<Looked>> {
    if matches!(root, Place::Local(root) if !root.is_dir()) {
        return Ok(None);
    }
    let store = root.open(crate::store::Durability::ProcessCrash)?;
    let log = Log::new(Arc::clone(&store));
    let history = log.history()?;
    let Some(last) = history.settled() else { return Ok(None) };
    let Some(previous) = Previous::of(store.as_ref(), &history)? else { return Ok(None) };
    let mut changes = Vec::new();
    let end = history.listing.slots.end;
    for slot in end.saturating_sub(slots).max(history.listing.slots.start)..end {
        // Slots may be collected meanwhile.
        if let Some(bytes) = store.read(&super::log::slot_path(slot))?
            && let Ok(super::log::Slot { record: Record::Change(change), .. }) = super::log::parse(slot, &bytes)
        {
            changes.push(*change);
        }
    }
    Ok(Some(Looked { last, previous, changes }))
}

/// The pipelines before this one.
#[derive(Debug, Clone, PartialEq)]
pub struct Previous {
    /// The description of the one that made the last commit.
    pub plan: Value,
    /// That of the one whose the state is, if state was changed since that commit.
    pub state: Option<Value>,
}

impl Previous {
    pub(super) fn of(store: &dyn Store, history: &History) -> Result<Option<Self>> {
        let Some(last) = &history.last else { return Ok(None) };
        let state = history.changed.as_ref().map(|(fingerprint, _)| read_plan(store, fingerprint)).transpose()?;
        Ok(Some(Self { plan: read_plan(store, &last.fingerprint)?, state }))
    }
}

/// What this start and the last commit have to do with each other.
struct Plan {
    previous: Option<Previous>,
}

impl Plan {
    /// Everything that can refuse this start. Writes nothing.
    fn of(
        options: &OpenOptions,
        store: &Arc<dyn Store>,
        history: &History,
        previous: Option<Previous>,
        compare: &impl Fn(&Previous, &Value) -> Result<()>,
    ) -> Result<Self> {
        if let Some(previous) = &previous {
            compare(previous, &options.descriptor)?;
        }
        let roots = options.sinks.iter().map(|(id, place)| Ok((id.clone(), place.name()?)));
        let roots = roots.collect::<Result<BTreeMap<String, String>>>()?;
        history.unpublished.iter().try_for_each(|(_, commit)| publish::check(&roots, commit))?;
        if !options.ignore_crash_loop {
            check_crash_loop(options, history, &store.describe(""))?;
        }
        Ok(Self { previous })
    }
}

/// Refuses outputs that have gone on past the checkpoint: it was copied before, or restored from a backup that is older than
/// they are, and its epochs would be written a second time. In an object store, where to list everything takes long, only when
/// the checkpoint begins from a savepoint. A fresh checkpoint may begin in a folder that has files of others: gives the latest
/// epoch of those, by which its later starts know them.
fn check_outputs(options: &OpenOptions, history: &History, seeded: bool, store: &dyn Store) -> Result<u64> {
    let last = history.last.as_ref().map(|last| last.commit.epoch);
    let known = Identity::read(store)?.map_or(0, |identity| identity.strangers);
    let (end, mut strangers) = (last.unwrap_or(0).max(known), 0);
    for (id, place) in &options.sinks {
        if matches!(place, Place::Object(_)) && !seeded || matches!(place, Place::Local(path) if !path.is_dir()) {
            continue;
        }
        let sink = place.open_sink(options.durability)?;
        let (mut later, mut folders) = (Vec::new(), vec![sink.out_path("")]);
        while let Some(folder) = folders.pop() {
            for entry in sink.store().list(&folder)? {
                let path = join(&folder, &entry.name);
                if entry.is_dir {
                    folders.push(path);
                } else if let Some(epoch) = epoch_of(&entry.name).filter(|epoch| *epoch > end) {
                    strangers = strangers.max(epoch);
                    later.push(sink.store().describe(&path));
                }
            }
        }
        if let Some(last) = last.filter(|_| !later.is_empty()) {
            later.sort_unstable();
            let shown = later.iter().take(3).map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
            return Err(Error::new(
                Kind::Config,
                format!(
                    "the checkpoint ends with epoch {last}, and the output `{}` of sink `{id}` has {} files of later epochs: {shown}",
                    sink.name(),
                    later.len()
                ),
            )
            .help(
                "give the sink a fresh folder; or, if these rows are to be written again, move these files away first; or \
                 restore the checkpoint that belongs to them",
            ));
        }
    }
    Ok(strangers)
}

fn has_gone_on(log: &Log, history: &History) -> bool {
    log.listing().is_ok_and(|now| now.slots.end != history.listing.slots.end)
}

/// The epoch in the name of a file of ours: `e0000000042-w..`.
fn epoch_of(name: &str) -> Option<u64> {
    let (epoch, rest) = name.strip_prefix('e')?.split_once('-')?;
    (epoch.len() == 10 && rest.starts_with('w')).then(|| epoch.parse().ok()).flatten()
}

fn check_crash_loop(options: &OpenOptions, history: &History, root: &str) -> Result<()> {
    // Another build has a chance of its own.
    let starts = history.opens.iter().take_while(|open| open.writer.build == options.instance.build).count();
    if starts < STARTS {
        return Ok(());
    }
    let since = match &history.last {
        Some(last) => format!("epoch {}", last.commit.epoch),
        None => "the checkpoint was made".to_owned(),
    };
    let error = match &history.last_error {
        Some(error) => format!("the last error was: {error}"),
        None => "the last one could not say why it ended".to_owned(),
    };
    Err(Error::new(
        Kind::CrashLoop,
        format!("{starts} starts on the checkpoint `{root}` ended without a commit since {since}; {error}"),
    )
    .help("remove the cause, then start once with `.ignore_crash_loop()` (`run --ignore-crash-loop` on the command line), or start another build"))
}

fn authors(options: &OpenOptions, generation: u64) -> (Author, Writer) {
    let super::Instance { host, pid, build, nonce, .. } = options.instance.clone();
    let author = Author { generation, nonce: nonce.clone(), fingerprint: options.fingerprint.clone() };
    (author, Writer { generation, nonce, host, pid, build })
}

fn prepare_sinks(options: &OpenOptions, identity: &Identity) -> Result<BTreeMap<String, SinkRoot>> {
    let prepared = options.sinks.iter().map(|(id, place)| {
        let sink = place.open_sink(options.durability)?;
        stage::prepare(id, &sink, &identity.pipeline_id)?;
        Ok((id.clone(), sink))
    });
    prepared.collect()
}

struct Claim {
    identity: Identity,
    sinks: BTreeMap<String, SinkRoot>,
    author: Author,
    writer: Writer,
    tail: Tail,
}

/// The generation is ours: do what the last one left undone.
fn finish(
    options: OpenOptions,
    store: Arc<dyn Store>,
    log: Log,
    history: History,
    plan: Plan,
    claim: Claim,
    held: Option<Box<dyn crate::store::LockGuard>>,
) -> Result<Opened> {
    let redone = redo(store.as_ref(), &history, &claim);
    let published = match redone {
        Ok(published) => published,
        Err(error) => {
            // So that a later start can say what went wrong; the error itself is the answer.
            let close = Close { published_through: None, error: Close::because(&error) };
            let _ = fence::append(&log, &claim.tail, &claim.author, &Record::Close(close));
            return Err(error);
        }
    };
    // They are published now, but the log does not say so before the next commit.
    let mut recent: VecDeque<_> = history.unpublished.iter().map(|(slot, commit)| (commit.epoch, *slot)).collect();
    if let (Some(last), true) = (&history.last, recent.is_empty()) {
        recent.push_back((last.commit.epoch, last.slot));
    }
    let last = history.settled().map(Arc::new);
    let through = last.as_ref().map(|last| last.epoch);
    let checkpoint = Checkpoint {
        store,
        log,
        sinks: claim.sinks,
        identity: claim.identity,
        author: claim.author,
        writer: claim.writer,
        retention: options.retention,
        head: Mutex::new(Head {
            lowest: history.listing.slots.start,
            tail: claim.tail,
            last: last.clone(),
            recent,
            ended: None,
        }),
        progress: Mutex::new(Progress { through, failed: false, pending: VecDeque::new() }),
        publishing: Mutex::new(()),
        made_dirs: Mutex::new(BTreeSet::new()),
        damaged: Mutex::new(BTreeSet::new()),
        files: AtomicU64::new(0),
        _lock: held,
    };
    let last = last.map(|last| last.as_ref().clone());
    let starts = history.starts.map(|(_, starts)| starts);
    Ok(Opened { checkpoint, last, previous: plan.previous, starts, published })
}

fn redo(store: &dyn Store, history: &History, claim: &Claim) -> Result<Published> {
    let mut published = Published::default();
    for (_, commit) in &history.unpublished {
        let one = publish::publish(&claim.sinks, commit, true)?;
        published.moved += one.moved;
        published.present += one.present;
    }
    claim.sinks.values().try_for_each(|sink| stage::clean(sink, claim.author.generation))?;
    store.remove_many(&history.listing.collected)?;
    // A process that died, or one that we have fenced, made these: none of them can become a name any more that counts.
    ["", LOG, FLOOR, PLAN].into_iter().try_for_each(|dir| stage::clean_temporary(store, dir))?;
    Ok(published)
}
