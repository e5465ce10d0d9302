//! One worker's files.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::parquet::arrow::ArrowSchemaConverter;
use ::parquet::basic::{Compression as Codec, ZstdLevel};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use arrow::array::{Array, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;

use super::descriptors::{self, Counted};
use super::file::{Finished, OpenFile, Shape};
use super::partition::{Columns, Partitions, Share};
use super::{Compression, MAX_FILE_SIZE, Parquet, path};
use crate::Result;
use crate::error::{Error, Kind};
use crate::sink::{StageWriter, StagedFile, Staging, WriterContext};
use crate::store::{DurableFile, Place, join};

/// Bytes of rows that are handed to a file at once; more are split, so that no file grows far over its size.
const PIECE: usize = 64 << 20;
/// Bytes of all row groups under construction of a worker, from which on the largest of them is written.
const BUFFERED: u64 = 256 << 20;
/// Complete files that wait to be synced, before they are synced without waiting for the end of the epoch: they are open.
const UNSYNCED: usize = 64;

/// The sink with its schema.
#[derive(Debug, Clone)]
pub(super) struct Files {
    sink: Parquet,
    place: Place,
    shape: Shape,
    columns: Columns,
    /// The columns of a batch that files hold.
    rest: Vec<usize>,
    /// [`BUFFERED`], but in tests.
    pub(super) buffered: u64,
}

impl Files {
    pub(super) fn new(sink: &Parquet, schema: &SchemaRef) -> Result<Self> {
        let columns = Columns::new(sink.partition_by, schema)?;
        let rest = columns.rest(schema);
        let inner = schema.project(&rest).map_err(|error| sink.wrong(error))?;
        ArrowSchemaConverter::new().convert(&inner).map_err(|error| {
            sink.wrong(format!("a column cannot be stored as parquet: {error}")).help("leave it out with `drop`")
        })?;
        let codec = match sink.compression {
            Compression::Uncompressed => Codec::UNCOMPRESSED,
            Compression::Zstd(level) => {
                Codec::ZSTD(ZstdLevel::try_new(level.into()).map_err(|error| sink.wrong(error))?)
            }
        };
        let properties = WriterProperties::builder()
            .set_compression(codec)
            .set_dictionary_enabled(true)
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_created_by(concat!("millstream version ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let (schema, plain) = (Arc::new(inner), Arc::default());
        let shape = Shape { schema, properties, plain, row_group_rows: sink.row_group_rows };
        Ok(Self { sink: sink.clone(), place: sink.place()?, shape, columns, rest, buffered: BUFFERED })
    }
}

impl Staging for Files {
    fn root(&self) -> Place {
        self.place.clone()
    }
    fn writer(&self, context: WriterContext) -> Box<dyn StageWriter> {
        Box::new(Writer { files: self.clone(), context, epochs: BTreeMap::new(), clock: 0 })
    }
}

/// The files of one worker.
struct Writer {
    files: Files,
    context: WriterContext,
    epochs: BTreeMap<u64, Epoch>,
    /// Counts writes, to know the file that was written to least recently.
    clock: u64,
}

/// The files of an epoch.
#[derive(Default)]
struct Epoch {
    partitions: Partitions,
    /// By the number of the partition.
    open: BTreeMap<usize, Open>,
    /// Bytes of the row groups under construction in `open`.
    buffered: u64,
    unsynced: Vec<(Box<dyn DurableFile>, Option<Counted>)>,
    /// Whether its files take file descriptors.
    descriptors: bool,
    done: Vec<StagedFile>,
    /// Files begun.
    sequence: usize,
    /// Whether the folder of the staged files is there.
    has_folder: bool,
}

struct Open {
    file: OpenFile,
    /// Its name below the stage folder.
    stage: String,
    /// Its name below the output's root.
    target: String,
    used: u64,
    /// Bytes of its row group under construction.
    buffered: u64,
}

impl StageWriter for Writer {
    fn write(&mut self, epoch: u64, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let rows = batch.project(&self.files.rest).map_err(internal)?;
        if self.files.columns.is_empty() {
            return self.write_partition(epoch, 0, &rows);
        }
        let state = self.epochs.entry(epoch).or_default();
        let shares = state.partitions.split(&self.files.columns, batch, self.files.sink.max_partitions)?;
        for Share { partition, rows: numbers } in shares {
            let (first, len) = (numbers.first().copied().unwrap_or(0), numbers.len());
            // Ascending numbers without a gap: a slice will do.
            let share = if numbers.last().is_some_and(|last| (last - first) as usize + 1 == len) {
                rows.slice(first as usize, len)
            } else {
                take_record_batch(&rows, &UInt32Array::from(numbers)).map_err(internal)?
            };
            self.write_partition(epoch, partition, &share)?;
        }
        Ok(())
    }

    fn seal(&mut self, epoch: u64) -> Result<Vec<StagedFile>> {
        let Some(mut state) = self.epochs.remove(&epoch) else { return Ok(Vec::new()) };
        while let Some((_, open)) = state.open.pop_first() {
            state.finish(open, &self.context)?;
        }
        state.sync(&self.context)?;
        // By name, whatever the order in which they were ended.
        state.done.sort_unstable_by(|one, other| one.stage.cmp(&other.stage));
        Ok(state.done)
    }
}

impl Writer {
    /// Writes rows, all of one partition.
    fn write_partition(&mut self, epoch: u64, partition: usize, rows: &RecordBatch) -> Result<()> {
        let bytes = bytes_of(rows);
        if bytes > PIECE && rows.num_rows() > 1 {
            let half = rows.num_rows() / 2;
            self.write_partition(epoch, partition, &rows.slice(0, half))?;
            return self.write_partition(epoch, partition, &rows.slice(half, rows.num_rows() - half));
        }
        let state = self.epochs.entry(epoch).or_default();
        self.clock += 1;
        // Encoded rows are hardly larger than they are in memory, so the file stays below the limit of all files.
        if let Some(open) = state.open.get(&partition)
            && open.file.size() + bytes as u64 > MAX_FILE_SIZE
            && let Some(open) = state.open.remove(&partition)
        {
            state.finish(open, &self.context)?;
        }
        if !state.open.contains_key(&partition) {
            if state.is_short() {
                state.sync(&self.context)?;
            }
            while state.open.len() >= self.files.sink.max_open || state.is_short() {
                let oldest = state.open.iter().min_by_key(|(_, open)| open.used).map(|(partition, _)| *partition);
                let Some(open) = oldest.and_then(|oldest| state.open.remove(&oldest)) else { break };
                state.finish(open, &self.context)?;
                if state.is_short() {
                    state.sync(&self.context)?;
                }
            }
            let open = state.begin(epoch, partition, &self.files.shape, &self.context)?;
            state.open.insert(partition, open);
        }
        let Some(open) = state.open.get_mut(&partition) else { return Ok(()) };
        open.used = self.clock;
        open.file.write(rows)?;
        open.count(&mut state.buffered);
        if open.file.size() >= self.files.sink.max_file_size
            && let Some(open) = state.open.remove(&partition)
        {
            state.finish(open, &self.context)?;
        }
        if state.buffered > self.files.buffered
            && let Some(largest) = state.open.values_mut().max_by_key(|open| open.buffered)
        {
            largest.file.flush()?;
            largest.count(&mut state.buffered);
        }
        Ok(())
    }
}

impl Open {
    /// Brings the bytes of its row group up to date, and those of `all` files.
    fn count(&mut self, all: &mut u64) {
        let now = self.file.group_bytes();
        *all = all.saturating_sub(self.buffered) + now;
        self.buffered = now;
    }
}

impl Epoch {
    /// Begins a file for a partition.
    fn begin(&mut self, epoch: u64, partition: usize, shape: &Shape, context: &WriterContext) -> Result<Open> {
        let folder = epoch_folder(epoch);
        if !self.has_folder {
            context.store.create_dirs(&join(&context.stage, &folder))?;
            self.has_folder = true;
        }
        let stage = context.store.describe(&context.stage);
        let name = path::file_name(epoch, context.worker, self.sequence, &stage, context.generation);
        self.sequence += 1;
        let stage = join(&folder, &name);
        let file = OpenFile::create(context.store.as_ref(), &join(&context.stage, &stage), shape)?;
        let target = format!("{}{name}", self.partitions.folder(partition));
        self.descriptors = file.is_descriptor();
        Ok(Open { file, stage, target, used: 0, buffered: 0 })
    }

    /// Whether descriptors are used up, and to end files gives some back.
    fn is_short(&self) -> bool {
        self.descriptors && descriptors::are_used_up()
    }

    /// Completes a file.
    fn finish(&mut self, open: Open, context: &WriterContext) -> Result<()> {
        self.buffered = self.buffered.saturating_sub(open.buffered);
        let Finished { mut file, len, xxh3, rows, counted } = open.file.finish()?;
        file.begin_sync();
        self.done.push(StagedFile { stage: open.stage, path: open.target, len, xxh3, rows });
        self.unsynced.push((file, counted));
        if self.unsynced.len() >= UNSYNCED { self.sync(context) } else { Ok(()) }
    }

    /// Syncs what is complete, several files at a time: each sync waits for the disk.
    fn sync(&mut self, context: &WriterContext) -> Result<()> {
        // They are closed when they are synced.
        let (files, _counted): (Vec<_>, Vec<_>) = std::mem::take(&mut self.unsynced).into_iter().unzip();
        context.store.sync_files(files)
    }
}

/// The folder of an epoch, below the stage.
fn epoch_folder(epoch: u64) -> String {
    format!("e{epoch:010}")
}

/// The bytes of rows in memory, of a slice only its own.
fn bytes_of(rows: &RecordBatch) -> usize {
    rows.columns().iter().map(|array| array.to_data().get_slice_memory_size().unwrap_or(0)).sum()
}

fn internal(error: arrow::error::ArrowError) -> Error {
    Error::new(Kind::Internal, format!("splitting a batch by its partitions: {error}")).caused_by(error)
}
