//! Where epochs are written down, and how their output becomes visible.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde_json::Value;

#[cfg(feature = "parquet")]
use super::book::Book;
use super::commit::{EpochWork, Recovered};
use crate::checkpoint::remove_tree;
use crate::error::{Error, Kind};
use crate::operator::dead_letters;
use crate::pipeline::Plan;
use crate::pipeline::options::Options;
use crate::schema::RowBuilder;
use crate::sink::{Connected, Delivering, Sink, StageWriter, StagedFile, Staging, Token, WriterContext};
use crate::source::Resume;
use crate::store::{Move, Place, Renamed, SinkRoot, join, parent};
use crate::{Result, clock};

/// An epoch's output for one sink.
pub(crate) struct Slot {
    /// The sink: 0 for the pipeline's own, 1 for the dead letters.
    pub sink: usize,
    pub files: Vec<StagedFile>,
    pub batches: Vec<RecordBatch>,
}

impl Slot {
    /// What the workers made for the pipeline's own sink.
    pub(crate) fn main(work: &mut EpochWork) -> Self {
        let mut slot = Self { sink: 0, files: Vec::new(), batches: Vec::new() };
        for finished in &mut work.finished {
            slot.files.append(&mut finished.files);
            slot.batches.append(&mut finished.batches);
        }
        slot
    }
}

/// A sink that is ready.
struct Target {
    staging: Option<Arc<dyn Staging>>,
    delivering: Option<Box<dyn Delivering>>,
    /// The writer of dead letters; those of the pipeline's own sink are with the workers.
    writer: Option<Box<dyn StageWriter>>,
}

impl Target {
    fn connect(sink: &dyn Sink, schema: &SchemaRef) -> Result<Self> {
        let (staging, delivering) = match sink.connect(schema)? {
            Connected::Staging(staging) => (Some(staging), None),
            Connected::Delivering(delivering) => (None, Some(delivering)),
        };
        Ok(Self { staging, delivering, writer: None })
    }

    fn place(&self) -> Option<Place> {
        self.staging.as_ref().map(|staging| staging.root())
    }

    fn writer(&self, worker: usize, root: &SinkRoot, generation: u64) -> Option<Box<dyn StageWriter>> {
        let stage = root.stage_path(&format!("g{generation}"));
        let store = Arc::clone(root.store());
        Some(self.staging.as_ref()?.writer(WriterContext { worker, store, stage, generation }))
    }
}

/// Where epochs are written down.
enum Log {
    /// Nowhere: output becomes visible at once, and a restart begins anew.
    None { id: String, generation: u64, roots: Vec<Option<SinkRoot>> },
    /// In a commit log.
    #[cfg(feature = "parquet")]
    Book(Box<Book>),
}

/// The commit log, if there is one, and the sinks.
pub(crate) struct Ledger {
    log: Log,
    targets: Vec<Target>,
}

impl Ledger {
    /// Opens the sinks and the checkpoint.
    pub(crate) fn open(plan: &Plan, options: &Options) -> Result<(Self, Recovered)> {
        let mut targets = vec![Target::connect(plan.sink.as_ref(), &plan.schema)?];
        if let Some(sink) = &plan.dead_letters {
            targets.push(Target::connect(sink.as_ref(), &dead_letters::Builders::schema())?);
        }
        let stages = targets.iter().any(|target| target.staging.is_some());
        let (log, mut recovered) = match &options.checkpoint {
            Some(checkpoint) => match checkpoint.place() {
                Some(place) => open_book(place, plan, options, &mut targets)?,
                None => anew(options, &targets)?,
            },
            None if stages => return Err(needs_checkpoint(plan)),
            None => anew(options, &targets)?,
        };
        let mut ledger = Self { log, targets };
        let generation = ledger.generation();
        let roots: Vec<Option<SinkRoot>> =
            (0..ledger.targets.len()).map(|number| ledger.root(number).cloned()).collect();
        for (number, (target, root)) in ledger.targets.iter_mut().zip(roots).enumerate() {
            let writer = |worker| target.writer(worker, root.as_ref()?, generation);
            if number == 0 {
                recovered.staging = target.staging.is_some();
                recovered.writers = (0..options.workers).map(writer).collect();
            } else {
                // The worker's number keeps the names of its files apart.
                target.writer = writer(crate::operator::keyed::STRIPES);
            }
        }
        Ok((ledger, recovered))
    }

    /// Where a sink writes, if it stages.
    fn root(&self, sink: usize) -> Option<&SinkRoot> {
        match &self.log {
            Log::None { roots, .. } => roots.get(sink)?.as_ref(),
            #[cfg(feature = "parquet")]
            Log::Book(book) => book.sink(sink),
        }
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

    /// The dead letters of an epoch, written.
    pub(crate) fn dead_letters(&mut self, work: &EpochWork) -> Result<Option<Slot>> {
        let Some(target) = self.targets.get_mut(1) else { return Ok(None) };
        let batches = dead_letters::rows(&work.dead_letters, work.plan.batch_time)?;
        if batches.is_empty() {
            return Ok(None);
        }
        let mut slot = Slot { sink: 1, files: Vec::new(), batches };
        if let Some(writer) = &mut target.writer {
            for batch in std::mem::take(&mut slot.batches) {
                writer.write(work.plan.epoch, &batch)?;
            }
            slot.files = writer.seal(work.plan.epoch)?;
        }
        Ok(Some(slot))
    }

    /// Makes an epoch true.
    #[cfg_attr(not(feature = "parquet"), allow(unused_variables))]
    pub(crate) fn commit(&mut self, work: &EpochWork, slots: &[Slot]) -> Result<()> {
        match &mut self.log {
            Log::None { .. } => Ok(()),
            #[cfg(feature = "parquet")]
            Log::Book(book) => book.commit(work, slots),
        }
    }

    /// Shows the output of a committed epoch.
    pub(crate) fn publish(&mut self, epoch: u64, slots: Vec<Slot>) -> Result<()> {
        match &mut self.log {
            Log::None { generation, roots, .. } => {
                for slot in &slots {
                    let root = roots.get(slot.sink).and_then(Option::as_ref);
                    root.map_or(Ok(()), |root| move_files(root, *generation, &slot.files))?;
                }
            }
            #[cfg(feature = "parquet")]
            Log::Book(book) => book.publish(epoch)?,
        }
        for slot in slots {
            self.deliver(epoch, slot.sink, &slot.batches)?;
        }
        Ok(())
    }

    fn deliver(&mut self, epoch: u64, sink: usize, batches: &[RecordBatch]) -> Result<()> {
        let token = Token { pipeline: self.pipeline_id().to_owned(), sink, epoch };
        let Some(delivering) = self.targets.get_mut(sink).and_then(|target| target.delivering.as_mut()) else {
            return Ok(());
        };
        if batches.is_empty() {
            return Ok(());
        }
        delivering.deliver(&token, batches)?;
        match &self.log {
            Log::None { .. } => Ok(()),
            #[cfg(feature = "parquet")]
            Log::Book(book) => book.delivered(sink),
        }
    }

    /// Ends the run. Gives back the error that ended it, if one did.
    pub(crate) fn close(mut self, error: Option<Error>) -> Result<()> {
        let closed =
            self.targets.iter_mut().filter_map(|target| target.delivering.as_mut()).try_for_each(|sink| sink.close());
        let ended: Result<()> = match self.log {
            Log::None { generation, roots, .. } => {
                for root in roots.iter().flatten() {
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

/// See [`crate::engine::check`].
#[cfg(feature = "cli")]
pub(crate) fn check(plan: &Plan, checkpoint: Option<&super::Checkpoint>) -> Result<()> {
    Target::connect(plan.sink.as_ref(), &plan.schema)?;
    if let Some(sink) = &plan.dead_letters {
        Target::connect(sink.as_ref(), &dead_letters::Builders::schema())?;
    }
    let Some(place) = checkpoint.and_then(super::Checkpoint::place) else { return Ok(()) };
    let Some(old) = crate::checkpoint::last_descriptor(&place)? else { return Ok(()) };
    let (new, _) = crate::pipeline::descriptor::Descriptor::of(plan).to_json();
    crate::pipeline::descriptor::compare(&old, &new)
}

fn recovered_anew(run_id: String) -> Recovered {
    Recovered {
        resume: Resume::default(),
        partitions: Vec::new(),
        watermark: None,
        last_epoch: None,
        drained: false,
        state: Vec::new(),
        striped: false,
        writers: Vec::new(),
        log_changes: false,
        staging: false,
        run_id,
    }
}

fn anew(options: &Options, targets: &[Target]) -> Result<(Log, Recovered)> {
    let open = |target: &Target| target.place().map(|place| place.open_sink(options.durability)).transpose();
    let roots = targets.iter().map(open).collect::<Result<Vec<_>>>()?;
    let (id, generation) = (new_id(), clock::now().micros().unsigned_abs());
    Ok((Log::None { id: id.clone(), generation, roots }, recovered_anew(id)))
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
    let sinks = targets.iter().enumerate().filter_map(|(number, target)| Some((number, target.place()?))).collect();
    let (book, found) = Book::open(place, plan, options, sinks)?;
    for (sink, batches) in found.undelivered {
        let epoch = found.last_epoch.unwrap_or_default();
        let token = Token { pipeline: book.pipeline_id().to_owned(), sink, epoch };
        let Some(delivering) = targets.get_mut(sink).and_then(|target| target.delivering.as_mut()) else {
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
        delivering.deliver(&token, &batches)?;
        book.delivered(sink)?;
    }
    let recovered = Recovered {
        resume: found.resume,
        partitions: found.partitions,
        watermark: found.watermark,
        last_epoch: found.last_epoch,
        drained: found.drained,
        state: found.state,
        striped: found.striped,
        log_changes: true,
        ..recovered_anew(new_id())
    };
    Ok((Log::Book(Box::new(book)), recovered))
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
