//! Where epochs are written down, and how their output becomes visible.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde_json::Value;

#[cfg(feature = "parquet")]
use super::book::Book;
use super::commit::{EpochWork, Found, Recovered};
use super::letters::{LetterBox, in_order};
use super::room::Room;
use super::watchdog::Watch;
use crate::checkpoint::{check_places, remove_tree};
use crate::error::{Error, Kind};
#[cfg(feature = "parquet")]
use crate::observe::RUN;
use crate::operator::dead_letters;
use crate::pipeline::Plan;
use crate::pipeline::options::{Checkpoint, Options};
use crate::pipeline::rehearsal::Rehearsal;
use crate::schema::RowBuilder;
use crate::sink::{Connected, Delivering, Sink, StageWriter, StagedFile, Staging, Token, WriterContext};
use crate::source::Metrics;
use crate::store::{Move, Place, Renamed, SinkRoot, join, parent};
use crate::{Result, clock};

/// An epoch's output for one sink.
pub(crate) struct Slot {
    /// The sink: 0 for the pipeline's own, 1 for records that cannot be decoded, 2 for those that are late.
    pub sink: usize,
    pub files: Vec<StagedFile>,
    pub batches: Vec<RecordBatch>,
}

impl Slot {
    /// The sink of records that cannot be decoded.
    pub(super) const DEAD_LETTERS: usize = 1;
    /// That of records with late rows.
    pub(super) const LATE: usize = 2;

    /// What the workers made: first for the pipeline's own sink, then dead letters.
    pub(crate) fn all(work: &mut EpochWork) -> Vec<Self> {
        let (mut files, mut batches, mut letters) = (Vec::new(), Vec::new(), Vec::new());
        for finished in &mut work.finished {
            files.append(&mut finished.files);
            batches.append(&mut finished.batches);
            letters.append(&mut finished.letters);
        }
        let main = Self { sink: 0, files, batches: in_order(batches) };
        std::iter::once(main).chain(letters).collect()
    }
}

/// The name of a sink in records and messages.
pub(crate) fn sink_id(number: usize) -> &'static str {
    match number {
        0 => "sink",
        1 => "dead_letters",
        _ => "late",
    }
}

/// A sink that is ready.
struct Target {
    /// Its number in slots and tokens.
    number: usize,
    staging: Option<Arc<dyn Staging>>,
    /// Where it stages.
    place: Option<Place>,
    delivering: Option<Box<dyn Delivering>>,
}

impl Target {
    /// Connects the pipeline's own sink, and those of its dead letters.
    fn all(plan: &Plan, options: &Options) -> Result<Vec<Self>> {
        let letters = dead_letters::Builders::schema();
        let rehearsal = options.rehearsal.as_ref();
        let mut targets = vec![Self::connect(0, plan.sink.as_ref(), &plan.schema, rehearsal)?];
        for (number, sink) in [(Slot::DEAD_LETTERS, &plan.dead_letters), (Slot::LATE, &plan.late_letters)] {
            if let Some(sink) = sink {
                targets.push(Self::connect(number, sink.as_ref(), &letters, rehearsal)?);
            }
        }
        Ok(targets)
    }

    fn connect(number: usize, sink: &dyn Sink, schema: &SchemaRef, rehearsal: Option<&Rehearsal>) -> Result<Self> {
        let connected = match rehearsal {
            Some(rehearsal) if !sink.describe().exactly_once => Connected::Delivering(rehearsal.receiver()),
            _ => sink.connect(schema)?,
        };
        let (staging, delivering) = match connected {
            Connected::Staging(staging) => (Some(staging), None),
            // Nobody outside is to hear of a rehearsal.
            Connected::Delivering(delivering) => (None, Some(rehearsal.map_or(delivering, Rehearsal::receiver))),
        };
        let place = match (staging.as_ref().map(|staging| staging.root()), rehearsal) {
            (Some(place), Some(rehearsal)) => Some(rehearsal.place(&place, true)?),
            (place, _) => place,
        };
        Ok(Self { number, staging, place, delivering })
    }

    fn writer(&self, worker: usize, root: &SinkRoot, generation: u64) -> Option<Box<dyn StageWriter>> {
        let stage = root.stage_path(&format!("g{generation}"));
        let store = Arc::clone(root.store());
        Some(self.staging.as_ref()?.writer(WriterContext { worker, store, stage, generation }))
    }
}

/// Refuses outputs that get into each other's way or into that of the checkpoint, files without a checkpoint, and a
/// checkpoint that promises more than the source can keep.
fn check_start(plan: &Plan, options: &Options, checkpoint: Option<&Checkpoint>, targets: &[Target]) -> Result<()> {
    let outputs = targets.iter().filter_map(|of| Some((sink_id(of.number).to_owned(), of.place.clone()?)));
    check_places(checkpoint.and_then(Checkpoint::place).as_ref(), &outputs.collect())?;
    let stages = targets.iter().any(|target| target.staging.is_some());
    match checkpoint {
        Some(Checkpoint::None) => Ok(()),
        None if !stages => Ok(()),
        _ if !options.allow_loss_on_restart && !plan.source.describe().replayable => Err(cannot_be_read_again(plan)),
        None => Err(needs_checkpoint(plan)),
        Some(_) => Ok(()),
    }
}

/// Where epochs are written down.
enum Log {
    /// Nowhere: output becomes visible at once, and a restart begins anew.
    None { id: String, generation: u64, roots: BTreeMap<usize, SinkRoot> },
    /// In a commit log.
    #[cfg(feature = "parquet")]
    Book(Box<Book>),
}

impl Log {
    /// Where a sink writes, if it stages.
    fn root(&self, sink: usize) -> Option<&SinkRoot> {
        match self {
            Self::None { roots, .. } => roots.get(&sink),
            #[cfg(feature = "parquet")]
            Self::Book(book) => book.sink(sink),
        }
    }
}

/// The commit log, if there is one, and the sinks.
pub(crate) struct Ledger {
    log: Log,
    targets: Vec<Target>,
}

impl Ledger {
    /// Opens the sinks and the checkpoint.
    pub(crate) fn open(plan: &Plan, options: &Options) -> Result<(Self, Recovered)> {
        let mut targets = Target::all(plan, options)?;
        check_start(plan, options, options.checkpoint.as_ref(), &targets)?;
        let (log, mut recovered) = match &options.checkpoint {
            Some(checkpoint) => match checkpoint.place() {
                Some(place) => open_book(rehearsed(place, options)?, plan, options, &mut targets)?,
                None => anew(options, &targets)?,
            },
            None => anew(options, &targets)?,
        };
        let mut ledger = Self { log, targets };
        let generation = ledger.generation();
        let Self { log, targets } = &mut ledger;
        for target in targets {
            let root = log.root(target.number);
            let writer = |worker| target.writer(worker, root?, generation);
            if target.number == 0 {
                recovered.staging = target.staging.is_some();
                recovered.writers = (0..options.workers).map(writer).collect();
            } else {
                // The worker's number keeps the names of its files apart.
                let writer = writer(crate::operator::keyed::STRIPES + target.number - 1);
                recovered.letters.push(LetterBox::new(target.number, writer));
            }
        }
        Ok((ledger, recovered))
    }

    fn generation(&self) -> u64 {
        match &self.log {
            Log::None { generation, .. } => *generation,
            #[cfg(feature = "parquet")]
            Log::Book(book) => book.generation(),
        }
    }

    pub(crate) fn pipeline_id(&self) -> &str {
        match &self.log {
            Log::None { id, .. } => id,
            #[cfg(feature = "parquet")]
            Log::Book(book) => book.pipeline_id(),
        }
    }

    /// Makes the resolved start of the source durable.
    #[cfg_attr(not(feature = "parquet"), allow(unused_variables))]
    pub(crate) fn starts(&mut self, starts: &Value, identity: Value) -> Result<()> {
        match &mut self.log {
            Log::None { .. } => Ok(()),
            #[cfg(feature = "parquet")]
            Log::Book(book) => book.starts(starts, identity),
        }
    }

    /// These snapshots of state are damaged.
    #[cfg(feature = "parquet")]
    pub(crate) fn distrust(&self, snapshots: Vec<String>) {
        if let Log::Book(book) = &self.log {
            book.checkpoint.distrust(snapshots);
        }
    }

    /// Makes an epoch true. Gives how long the state of each keyed stage took to write.
    #[cfg_attr(not(feature = "parquet"), allow(unused_variables))]
    pub(crate) fn commit(&mut self, work: &EpochWork, slots: &[Slot]) -> Result<Vec<Duration>> {
        match &mut self.log {
            Log::None { .. } => Ok(Vec::new()),
            #[cfg(feature = "parquet")]
            Log::Book(book) => book.commit(work, slots),
        }
    }

    /// Shows the output of a committed epoch. Waits for room if a disk is full: what is committed needs no new start.
    pub(crate) fn publish(&mut self, epoch: u64, slots: &[Slot], room: &mut Room, watch: &Watch) -> Result<()> {
        match &mut self.log {
            Log::None { generation, roots, .. } => {
                for slot in slots {
                    roots.get(&slot.sink).map_or(Ok(()), |root| move_files(root, *generation, &slot.files))?;
                }
            }
            #[cfg(feature = "parquet")]
            Log::Book(book) => {
                room.finish(watch, epoch, || book.publish(epoch))?;
            }
        }
        for slot in slots {
            if slot.batches.is_empty() {
                continue;
            }
            room.finish(watch, epoch, || self.deliver(epoch, slot.sink, &slot.batches))?;
            // A step of its own: what was delivered is not delivered again for want of room.
            #[cfg(feature = "parquet")]
            if let Log::Book(book) = &self.log {
                room.finish(watch, epoch, || book.delivered(slot.sink))?;
            }
        }
        #[cfg(feature = "parquet")]
        if let Log::Book(book) = &mut self.log {
            // Without room garbage stays until the next time.
            book.collect(epoch).or_else(|error| if error.is_disk_full() { Ok(()) } else { Err(error) })?;
        }
        Ok(())
    }

    fn deliver(&mut self, epoch: u64, sink: usize, batches: &[RecordBatch]) -> Result<()> {
        let token = Token { pipeline: self.pipeline_id().to_owned(), sink, epoch };
        let Some(delivering) = delivering(&mut self.targets, sink) else { return Ok(()) };
        delivering.deliver(&token, batches)
    }

    /// What the pipeline's own sink says of its deliveries since it was last asked.
    pub(crate) fn metrics(&mut self) -> Metrics {
        delivering(&mut self.targets, 0).map(|delivering| delivering.metrics()).unwrap_or_default()
    }

    /// Ends the run. Gives back the error that ended it, if one did.
    pub(crate) fn close(mut self, error: Option<Error>) -> Result<()> {
        let closed =
            self.targets.iter_mut().filter_map(|target| target.delivering.as_mut()).try_for_each(|sink| sink.close());
        let ended: Result<()> = match self.log {
            Log::None { generation, roots, .. } => {
                for root in roots.values() {
                    // What is left of it does no harm.
                    remove_tree(root.store().as_ref(), &root.stage_path(&format!("g{generation}"))).ok();
                    root.store().remove_empty_dir(&root.stage_path("")).ok();
                }
                Ok(())
            }
            #[cfg(feature = "parquet")]
            Log::Book(book) => book.close(error.as_ref()),
        };
        match (error, ended) {
            // Whatever failed did so because a newer instance has taken over.
            (Some(error), Err(fenced)) if fenced.kind() == Kind::Fenced => Err(fenced.caused_by(error)),
            (Some(error), _) => Err(error),
            (None, ended) => closed.and(ended),
        }
    }
}

/// The place of a checkpoint: outside, or on the machine of a crash test.
pub(super) fn rehearsed(place: Place, options: &Options) -> Result<Place> {
    match &options.rehearsal {
        Some(rehearsal) => rehearsal.place(&place, false),
        None => Ok(place),
    }
}

/// What a crash test looks at: the log of a pipeline, if it has a checkpoint, and its outputs by the names of its sinks.
#[cfg(feature = "parquet")]
pub(crate) type Outcome = (Option<crate::checkpoint::Log>, BTreeMap<String, SinkRoot>);

/// Opens what a pipeline has written.
#[cfg(feature = "parquet")]
pub(crate) fn outcome(plan: &Plan, options: &Options) -> Result<Outcome> {
    let mut outputs = BTreeMap::new();
    for target in Target::all(plan, options)? {
        if let Some(place) = &target.place {
            outputs.insert(sink_id(target.number).to_owned(), place.open_sink(options.durability)?);
        }
    }
    let place = options.checkpoint.as_ref().and_then(Checkpoint::place);
    let log = place.map(|place| rehearsed(place, options)?.open(options.durability).map(crate::checkpoint::Log::new));
    Ok((log.transpose()?, outputs))
}

/// What is in a checkpoint, and how a pipeline differs from the one that made its last commit.
#[cfg(feature = "cli")]
pub(crate) type Checked = (crate::checkpoint::Looked, crate::pipeline::compare::Comparison);

/// See [`crate::engine::check`].
#[cfg(feature = "cli")]
pub(crate) fn check(plan: &Plan, options: &Options, checkpoint: Option<&Checkpoint>) -> Result<Option<Checked>> {
    plan.check()?;
    check_start(plan, options, checkpoint, &Target::all(plan, options)?)?;
    let Some(place) = checkpoint.and_then(Checkpoint::place) else { return Ok(None) };
    if !options.allow_network_filesystem {
        crate::checkpoint::check_filesystem(&place)?;
    }
    let described = crate::pipeline::descriptor::Descriptor::of(plan);
    options.changes.check(plan)?;
    let savepoint = options.changes.savepoint.as_ref().and_then(Checkpoint::place);
    let looked = match (crate::checkpoint::look(&place, 100)?, savepoint) {
        (Some(looked), _) => looked,
        (None, Some(savepoint)) => crate::checkpoint::savepoint::Seed::read(&savepoint)?.looked(),
        (None, None) => return Ok(None),
    };
    let comparison = crate::pipeline::compare::Comparison::against(&looked.previous, &described, &options.changes)?;
    Ok(Some((looked, comparison)))
}

/// See [`crate::engine::reset`].
#[cfg(feature = "cli")]
pub(crate) fn reset(plan: &Plan, options: &Options) -> Result<u64> {
    plan.check()?;
    // It may be the state that no start comes past.
    let options = Options { ignore_crash_loop: true, ..options.clone() };
    let (ledger, recovered) = Ledger::open(plan, &options)?;
    let last = recovered.found.last_epoch;
    ledger.close(None)?;
    last.map(|last| last + 1).ok_or_else(|| {
        Error::new(Kind::Config, "the checkpoint has no state to drop: nothing is committed")
            .help("give the checkpoint of the pipeline: `--checkpoint DIR`")
    })
}

fn anew(options: &Options, targets: &[Target]) -> Result<(Log, Recovered)> {
    let mut roots = BTreeMap::new();
    for target in targets {
        if let Some(place) = &target.place {
            roots.insert(target.number, place.open_sink(options.durability)?);
        }
    }
    let (id, generation) = (new_id(), clock::now().micros().unsigned_abs());
    let log = Log::None { id: id.clone(), generation, roots };
    let found = Found::default();
    Ok((log, Recovered::new(found, false, id.clone(), id)))
}

#[cfg(not(feature = "parquet"))]
fn open_book(place: Place, _: &Plan, _: &Options, _: &mut [Target]) -> Result<(Log, Recovered)> {
    Err(Error::new(
        Kind::Config,
        format!("the checkpoint `{}` needs the feature `parquet` of millstream", place.name()?),
    )
    .help("state is kept in parquet files: add `features = [\"parquet\"]` to the dependency"))
}

#[cfg(feature = "parquet")]
fn open_book(place: Place, plan: &Plan, options: &Options, targets: &mut [Target]) -> Result<(Log, Recovered)> {
    let sinks = targets.iter().filter_map(|target| Some((target.number, target.place.clone()?))).collect();
    let (book, found, undelivered) = Book::open(place, plan, options, sinks)?;
    for (sink, batches) in undelivered {
        let epoch = found.last_epoch.unwrap_or_default();
        let token = Token { pipeline: book.pipeline_id().to_owned(), sink, epoch };
        let Some(delivering) = delivering(targets, sink) else {
            let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
            let error = Error::new(
                Kind::Config,
                format!(
                    "epoch {epoch} is committed and has rows for a sink that is not in the pipeline any more: {rows}"
                ),
            )
            .help("start the build with that sink once and stop it in good order, then remove the sink");
            return Err(book.close(Some(&error)).err().unwrap_or(error));
        };
        tracing::info!(target: RUN, epoch, sink = sink_id(sink), "delivers again what was committed before the last end");
        let delivered = delivering.deliver(&token, &batches).and_then(|()| book.delivered(sink));
        if let Err(error) = delivered {
            book.close(Some(&error)).ok();
            return Err(error);
        }
    }
    let id = book.pipeline_id().to_owned();
    let mut recovered = Recovered::new(found, true, id, new_id());
    recovered.state = Some(book.state());
    Ok((Log::Book(Box::new(book)), recovered))
}

/// The sink of this number, if it delivers.
fn delivering(targets: &mut [Target], sink: usize) -> Option<&mut Box<dyn Delivering>> {
    targets.iter_mut().find(|target| target.number == sink)?.delivering.as_mut()
}

fn cannot_be_read_again(plan: &Plan) -> Error {
    let source = plan.source.describe();
    let message = format!(
        "the source {} `{}` cannot be read again: what it sent and no commit holds is lost by a restart, whatever the checkpoint",
        source.kind, source.target
    );
    Error::new(Kind::Config, message).help(
        "add `.allow_loss_on_restart()` before `.run()` if rows may be lost, or take a source that can be read again, such as `kinesis` or `file`",
    )
}

fn needs_checkpoint(plan: &Plan) -> Error {
    let sink = plan.sink.describe();
    Error::new(Kind::Config, format!("the sink {} `{}` needs a checkpoint to write each row once", sink.kind, sink.target))
        .help(format!(
            "add `.checkpoint(\"{}_checkpoint\")` before `.run()`, or `.checkpoint(Checkpoint::none())` if rows may be doubled after a restart",
            sink.target.trim_end_matches('/')
        ))
}

/// Shows files of a run without a commit log.
fn move_files(root: &SinkRoot, generation: u64, files: &[StagedFile]) -> Result<()> {
    let store = root.store();
    let one = |file: &StagedFile| Move {
        from: root.stage_path(&join(&format!("g{generation}"), &file.stage)),
        to: root.out_path(&file.path),
        len: file.len,
    };
    let moves: Vec<Move> = files.iter().map(one).collect();
    let dirs: BTreeSet<&str> = moves.iter().map(|one| parent(&one.to)).collect();
    dirs.iter().try_for_each(|dir| store.create_dirs(dir))?;
    for (one, renamed) in moves.iter().zip(store.rename_many(&moves)) {
        if renamed? != Renamed::Done {
            let (from, to) = (store.describe(&one.from), store.describe(&one.to));
            return Err(Error::new(
                Kind::Output,
                format!("`{from}` cannot be moved to `{to}`: one is gone, or one is there"),
            )
            .help("nothing else may write to the output; start again with an empty one"));
        }
    }
    Ok(())
}

/// An id for a run.
fn new_id() -> String {
    let entropy = format!("{:?}{}{}", std::thread::current().id(), std::process::id(), clock::now().micros());
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(entropy.as_bytes()))
}
