//! Sinks: where rows go.
//!
//! A sink is one file here: a function that names it in a pipeline, a builder whose methods are its options, and a
//! [`Sink`]. There are two kinds. One that can *stage* writes files that nobody sees until the epoch is committed and the
//! engine moves them to their names: its rows are there exactly once. One that *delivers* is handed the rows of an epoch
//! after its commit, with a [`Token`] that is the same when they are handed over again after a crash: at least once, or
//! exactly once for a receiver that honours the token.

pub mod collect;
pub mod console;
pub mod foreach;
#[cfg(feature = "kinesis")]
pub mod kinesis;
mod mode;
#[cfg(not(feature = "kinesis"))]
mod off;
pub mod parquet;

use std::io::Write as _;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

pub use self::collect::{Collect, collect};
pub use self::console::console;
pub use self::foreach::{Batch, Writer, foreach, foreach_batch};
#[cfg(feature = "kinesis")]
pub use self::kinesis::kinesis;
pub use self::mode::{Accepts, Append, Complete, Mode, OutputMode, Update};
#[cfg(not(feature = "kinesis"))]
#[doc(hidden)]
pub use self::off::*;
pub use self::parquet::parquet;
use crate::Result;
use crate::error::Error;
use crate::source::Metrics;
use crate::store::{Digest, Place, Store, join};

/// Where rows go.
///
/// A sink that stages is a [`Sink`], its [`Staging`] and the [`StageWriter`] of each worker:
///
/// ```
/// use std::path::PathBuf;
/// use std::sync::Arc;
///
/// use arrow::array::RecordBatch;
/// use arrow::datatypes::SchemaRef;
/// use millstream::Result;
/// use millstream::sink::{
///     Accepts, Append, Connected, Sink, SinkDescription, StageWriter, StagedFile, Staging, WriterContext,
/// };
/// use millstream::store::Place;
///
/// /// `sink counts("out")`: a file for each epoch and worker that says how many rows there were.
/// pub fn counts(root: impl Into<PathBuf>) -> Counts {
///     Counts { root: root.into() }
/// }
///
/// #[derive(Clone)]
/// pub struct Counts {
///     root: PathBuf,
/// }
///
/// impl Sink for Counts {
///     fn describe(&self) -> SinkDescription {
///         let target = self.root.display().to_string();
///         SinkDescription { kind: "counts", target, options: Vec::new(), exactly_once: true }
///     }
///     fn connect(&self, _schema: &SchemaRef) -> Result<Connected> {
///         Ok(Connected::Staging(Arc::new(self.clone())))
///     }
/// }
/// impl Accepts<Append> for Counts {}
///
/// impl Staging for Counts {
///     fn root(&self) -> Place {
///         Place::Local(self.root.clone())
///     }
///     fn writer(&self, context: WriterContext) -> Box<dyn StageWriter> {
///         Box::new(Writer { context, rows: 0 })
///     }
/// }
///
/// struct Writer {
///     context: WriterContext,
///     rows: usize,
/// }
///
/// impl StageWriter for Writer {
///     fn write(&mut self, _epoch: u64, batch: &RecordBatch) -> Result<()> {
///         self.rows += batch.num_rows();
///         Ok(())
///     }
///     fn seal(&mut self, epoch: u64) -> Result<Vec<StagedFile>> {
///         let rows = std::mem::take(&mut self.rows);
///         if rows == 0 {
///             return Ok(Vec::new());
///         }
///         Ok(vec![self.context.stage(epoch, "txt", rows.to_string().as_bytes(), rows as u64)?])
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a sink",
    note = "`sink` takes a sink such as `parquet(\"out\")` or `console()`"
)]
pub trait Sink: Send + Sync + 'static {
    /// What the sink is.
    fn describe(&self) -> SinkDescription;

    /// Makes the sink ready for rows of a schema.
    ///
    /// # Errors
    /// The sink cannot be reached, or cannot store a column of the schema.
    fn connect(&self, schema: &SchemaRef) -> Result<Connected>;
}

/// What a sink is.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkDescription {
    /// The kind, such as `parquet`.
    pub kind: &'static str,
    /// Where it writes to.
    pub target: String,
    /// Options worth showing, never secret ones.
    pub options: Vec<(&'static str, String)>,
    /// Whether it stages.
    pub exactly_once: bool,
}

/// A sink that is ready.
pub enum Connected {
    /// Rows become staged files.
    Staging(Arc<dyn Staging>),
    /// Rows are delivered after the commit.
    Delivering(Box<dyn Delivering>),
}

/// A sink whose files are invisible until the engine publishes them.
pub trait Staging: Send + Sync {
    /// The folder the files are for.
    fn root(&self) -> Place;
    /// A writer; each worker has its own.
    fn writer(&self, context: WriterContext) -> Box<dyn StageWriter>;
}

/// What a writer needs to know.
#[derive(Debug, Clone)]
pub struct WriterContext {
    /// The number of the worker.
    pub worker: usize,
    /// The store that staged files are written to.
    pub store: Arc<dyn Store>,
    /// The folder of it that they go to, made anew for each generation; a sibling of the output.
    pub stage: String,
    /// The number of the run, for the names of files.
    pub generation: u64,
}

impl WriterContext {
    /// Stages a file that is whole: writes `bytes`, which hold `rows` rows of an epoch, and makes them durable. In the
    /// output it is called by the epoch, the worker and six digits that differ between runs, and ends in `.extension`; so
    /// a worker stages one file of an extension in an epoch.
    ///
    /// # Errors
    /// The disk failed, or the worker has staged such a file before.
    pub fn stage(&self, epoch: u64, extension: &str, bytes: &[u8], rows: u64) -> Result<StagedFile> {
        let stage = self.store.describe(&self.stage);
        let seed = xxhash_rust::xxh3::xxh3_64_with_seed(stage.as_bytes(), self.generation);
        let (folder, nonce) = (format!("e{epoch:010}"), seed & 0xff_ffff);
        let name = format!("{folder}-w{:03}-{nonce:06x}.{extension}", self.worker);
        let inside = join(&self.stage, &folder);
        self.store.create_dirs(&inside)?;
        let path = join(&inside, &name);
        let mut file = self.store.write_new_file(&path)?;
        let written = file.write_all(bytes);
        written.map_err(|error| Error::io(format!("staging `{}`", self.store.describe(&path)), error))?;
        file.sync_and_close()?;
        let Digest { len, xxh3 } = Digest::of(bytes);
        Ok(StagedFile { stage: join(&folder, &name), path: name, len, xxh3, rows })
    }
}

/// Writes one worker's share of the epochs' rows.
pub trait StageWriter: Send {
    /// Writes rows of an epoch.
    ///
    /// # Errors
    /// The disk or the encoder failed.
    fn write(&mut self, epoch: u64, batch: &RecordBatch) -> Result<()>;
    /// Ends the epoch: every file is complete and durable when this returns. Its name is made durable by the commit.
    ///
    /// # Errors
    /// As [`Self::write`].
    fn seal(&mut self, epoch: u64) -> Result<Vec<StagedFile>>;
}

/// A finished file that nobody sees yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedFile {
    /// Where it is, below the stage folder.
    pub stage: String,
    /// Where it is to be, below the output's root.
    pub path: String,
    /// Its length in bytes.
    pub len: u64,
    /// XXH3-128 of its bytes, in hexadecimal.
    pub xxh3: String,
    /// Its rows.
    pub rows: u64,
}

/// What makes a delivery recognisable: the same when it is repeated after a crash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Token {
    /// The pipeline's id; of a pipeline without checkpoint the id of its run.
    pub pipeline: String,
    /// The sink's number in the pipeline.
    pub sink: usize,
    /// The epoch.
    pub epoch: u64,
}

impl std::fmt::Display for Token {
    /// `PIPELINE/SINK/EPOCH`; append `/ORDINAL` for the key of a single row.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.pipeline, self.sink, self.epoch)
    }
}

/// A sink that is handed rows after their commit.
pub trait Delivering: Send {
    /// Takes the rows of an epoch; they count as delivered when this returns.
    ///
    /// # Errors
    /// The receiver failed. The epoch is delivered again, with the same token: to this sink when a disk was full and has room
    /// again, or else to that of the next run.
    fn deliver(&mut self, token: &Token, batches: &[RecordBatch]) -> Result<()>;
    /// Figures of what was delivered since this was last asked, for the progress document. Asked after each epoch.
    fn metrics(&mut self) -> Metrics {
        Metrics::default()
    }
    /// No more rows will come in this run.
    ///
    /// # Errors
    /// As [`Self::deliver`].
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}
