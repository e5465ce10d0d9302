//! Starting: lock, read and verify the log, compare, claim a generation, finish what the last one began.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::history::History;
use super::identity::{Identity, PLAN, read_plan, write_plan};
use super::log::{Author, Claimed, FLOOR, LOG, Log, Tail};
use super::options::{check_filesystem, check_places};
use super::record::{Close, Open, Record, Writer};
use super::{Checkpoint, Head, OpenOptions, Opened, Progress, Published, STATE, fence, publish, stage};
use crate::error::{Error, Kind, Result};
use crate::store::{Place, SinkRoot, Store};

/// So many starts in a row may end without a commit.
const STARTS: usize = 5;

impl Checkpoint {
    /// Opens a checkpoint, and makes it if it is not there.
    ///
    /// `compare(old, new)` gets the description of the pipeline that made the last commit and the one of this pipeline,
    /// unless they have one fingerprint. If it refuses, nothing was written.
    ///
    /// When this returns, all that was ever committed is visible, and any older instance is fenced.
    ///
    /// # Errors
    ///
    /// * [`Kind::AlreadyRunning`]: another process holds the lock.
    /// * [`Kind::Config`]: the folders, the pipeline or `compare` do not fit.
    /// * [`Kind::CrashLoop`]: the last starts of this build ended without a commit.
    /// * [`Kind::Io`]: a slot is corrupt, a committed file is gone, or a call failed.
    pub fn open(options: OpenOptions, compare: impl Fn(&Value, &Value) -> Result<()>) -> Result<Opened> {
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
        for _ in 0..100 {
            let history = log.history()?;
            let plan = Plan::of(&options, &store, &history, &compare)?;
            let identity = Identity::read_or_create(store.as_ref(), &options.instance, options.key_groups)?;
            let sinks = prepare_sinks(&options, &identity)?;
            write_plan(store.as_ref(), &options.fingerprint, &options.descriptor)?;
            let generation = history.tail.generation + 1;
            let (author, writer) = authors(&options, generation);
            let open = Record::Open(Open { writer: writer.clone(), started: options.instance.started });
            let tail = match log.claim(&history.tail, &author, &open)? {
                Claimed::Won(tail) => tail,
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

/// The description of the pipeline that made the last commit in a checkpoint; `None` when there is none. Writes nothing.
///
/// # Errors
///
/// If the log or the description cannot be read.
pub fn last_descriptor(root: &Place) -> Result<Option<Value>> {
    if matches!(root, Place::Local(root) if !root.is_dir()) {
        return Ok(None);
    }
    let store = root.open(crate::store::Durability::ProcessCrash)?;
    let history = Log::new(Arc::clone(&store)).history()?;
    history.last.map(|last| read_plan(store.as_ref(), &last.fingerprint)).transpose()
}

/// What this start and the last commit have to do with each other.
struct Plan {
    previous: Option<Value>,
}

impl Plan {
    /// Everything that can refuse this start. Writes nothing.
    fn of(
        options: &OpenOptions,
        store: &Arc<dyn Store>,
        history: &History,
        compare: &impl Fn(&Value, &Value) -> Result<()>,
    ) -> Result<Self> {
        let mut previous = None;
        if let Some(last) = &history.last {
            let plan = read_plan(store.as_ref(), &last.fingerprint)?;
            if last.fingerprint != options.fingerprint {
                compare(&plan, &options.descriptor)?;
            }
            previous = Some(plan);
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
            let close = Close { published_through: None, error: Some(error.to_string()) };
            let _ = fence::append(&log, &claim.tail, &claim.author, &Record::Close(close));
            return Err(error);
        }
    };
    // They are published now, but the log does not say so before the next commit.
    let mut recent: VecDeque<_> = history.unpublished.iter().map(|(slot, commit)| (commit.epoch, *slot)).collect();
    if let (Some(last), true) = (&history.last, recent.is_empty()) {
        recent.push_back((last.commit.epoch, last.slot));
    }
    let last = history.last.map(|last| Arc::new(last.commit));
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
        progress: Mutex::new(Progress { through, pending: VecDeque::new() }),
        publishing: Mutex::new(()),
        made_dirs: Mutex::new(BTreeSet::new()),
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
