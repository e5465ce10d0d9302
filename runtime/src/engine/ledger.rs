//! Where epochs are written down, and how their output becomes visible.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde_json::Value;

use super::commit::{EpochWork, Recovered};
use super::dead_letters;
use crate::error::{Error, Kind};
use crate::pipeline::Plan;
use crate::pipeline::options::{Checkpoint, Options};
use crate::schema::RowBuilder;
use crate::sink::{Connected, Delivering, Sink, StageWriter, StagedFile, Staging, Token, WriterContext};
use crate::source::Resume;
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
    number: usize,
    staging: Option<Arc<dyn Staging>>,
    delivering: Option<Box<dyn Delivering>>,
    /// The writer of dead letters; those of the pipeline's own sink are with the workers.
    writer: Option<Box<dyn StageWriter>>,
}

impl Target {
    fn connect(number: usize, sink: &dyn Sink, schema: &SchemaRef) -> Result<Self> {
        let (staging, delivering) = match sink.connect(schema)? {
            Connected::Staging(staging) => (Some(staging), None),
            Connected::Delivering(delivering) => (None, Some(delivering)),
        };
        Ok(Self { number, staging, delivering, writer: None })
    }
}

/// Where epochs are written down.
pub(crate) struct Ledger {
    pipeline_id: String,
    targets: Vec<Target>,
}

impl Ledger {
    /// Opens the sinks and the checkpoint.
    pub(crate) fn open(plan: &Plan, options: &Options) -> Result<(Self, Recovered)> {
        let mut targets = vec![Target::connect(0, plan.sink.as_ref(), &plan.schema)?];
        if let Some(sink) = &plan.dead_letters {
            targets.push(Target::connect(1, sink.as_ref(), &dead_letters::Builders::schema())?);
        }
        let staging = targets.first().is_some_and(|target| target.staging.is_some());
        if options.checkpoint.is_none() && targets.iter().any(|target| target.staging.is_some()) {
            return Err(needs_checkpoint(plan));
        }
        let run_id = new_id();
        let generation = clock::now().micros().unsigned_abs();
        let mut writers = Vec::new();
        for worker in 0..options.workers {
            let writer = targets.first().and_then(|target| target.staging.as_ref()).map(|staging| {
                staging.writer(WriterContext {
                    worker,
                    stage: stage_of(&staging.root(), generation),
                    generation,
                    durability: options.durability,
                })
            });
            writers.push(writer);
        }
        let recovered = Recovered {
            resume: Resume::default(),
            partitions: Vec::new(),
            watermark: None,
            last_epoch: None,
            drained: false,
            state: Vec::new(),
            writers,
            log_changes: false,
            staging,
            run_id: run_id.clone(),
        };
        Ok((Self { pipeline_id: run_id, targets }, recovered))
    }

    pub(crate) fn pipeline_id(&self) -> &str {
        &self.pipeline_id
    }

    pub(crate) fn starts(&mut self, _starts: Value, _identity: Value) -> Result<()> {
        Ok(())
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

    pub(crate) fn commit(&mut self, _work: &EpochWork, _slots: &mut [Slot]) -> Result<()> {
        Ok(())
    }

    pub(crate) fn publish(&mut self, epoch: u64, slots: Vec<Slot>) -> Result<()> {
        for slot in slots {
            let Some(target) = self.targets.get_mut(slot.sink) else { continue };
            if let Some(delivering) = &mut target.delivering
                && !slot.batches.is_empty()
            {
                let token = Token { pipeline: self.pipeline_id.clone(), sink: target.number, epoch };
                delivering.deliver(&token, &slot.batches)?;
            }
        }
        Ok(())
    }

    pub(crate) fn close(mut self, _error: Option<String>) -> Result<()> {
        self.targets.iter_mut().filter_map(|target| target.delivering.as_mut()).try_for_each(|sink| sink.close())
    }
}

fn needs_checkpoint(plan: &Plan) -> Error {
    let sink = plan.sink.describe();
    Error::new(Kind::Config, format!("the sink {} `{}` needs a checkpoint to write each row once", sink.kind, sink.target))
        .help(format!(
            "add `.checkpoint(\"{}_checkpoint\")` before `.run()`, or `.checkpoint(Checkpoint::none())` if rows may be doubled after a restart",
            sink.target.trim_end_matches('/')
        ))
}

/// The folder for staged files: a sibling of the output, since readers of the output read whatever lies inside of it.
fn stage_of(root: &std::path::Path, generation: u64) -> PathBuf {
    let mut name = root.as_os_str().to_owned();
    name.push(".stage");
    PathBuf::from(name).join(format!("g{generation}"))
}

/// An id for a run without a checkpoint.
fn new_id() -> String {
    let entropy = format!("{:?}{}{}", std::thread::current().id(), std::process::id(), clock::now().micros());
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(entropy.as_bytes()))
}
