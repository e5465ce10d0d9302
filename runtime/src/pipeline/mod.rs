//! Pipelines: what `pipeline!` makes, and how to write one by hand.
//!
//! [`from`] a source, then [`decode`](From::decode), then one closure up to the sink ([`rows`](Decoded::rows)) or to a
//! keyed stage ([`keyed`](Decoded::keyed)), one closure after each keyed stage, and a [`sink`](Unsunk::sink).

mod build;
mod capture;
pub(crate) mod changes;
#[cfg_attr(not(feature = "parquet"), allow(dead_code))]
pub(crate) mod compare;
#[cfg_attr(not(feature = "parquet"), allow(dead_code))]
pub(crate) mod descriptor;
pub mod explain;
pub mod options;
pub(crate) mod rehearsal;
mod rules;

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, SchemaRef};

pub use self::build::{Decoded, From, Grouped, Undecoded, Unsunk, from};
pub use self::capture::{Capture, Taken, capture, taken};
use self::options::Options;
use crate::Result;
use crate::operator::chain::Chain;
use crate::operator::input::Policy;
use crate::operator::reduce::KeyedSpec;
use crate::operator::regroup::Regroup;
use crate::sink::{Mode, Sink};
use crate::source::{BoxFuture, Chunk, Description, Feed, Resume, Source};

/// A source behind its type.
pub(crate) trait AnySource: Send + Sync {
    fn describe(&self) -> Description;
    fn open(&self, resume: Resume) -> BoxFuture<'_, Result<Box<dyn Feed>>>;
    fn test_chunk(&self, records: Vec<Vec<u8>>, first: u64) -> Option<Chunk>;
}

impl<S: Source> AnySource for S {
    fn describe(&self) -> Description {
        Source::describe(self)
    }
    fn open(&self, resume: Resume) -> BoxFuture<'_, Result<Box<dyn Feed>>> {
        Source::open(self, resume)
    }
    fn test_chunk(&self, records: Vec<Vec<u8>>, first: u64) -> Option<Chunk> {
        let mut chunk = Chunk::of(&records, first);
        chunk.meta = Box::new(Source::test_meta(self, records.len())?);
        Some(chunk)
    }
}

/// A keyed stage and the types of its state.
#[derive(Debug, Clone)]
pub(crate) struct KeyedPlan {
    pub spec: KeyedSpec,
    /// The types of the key's columns.
    pub keys: Vec<DataType>,
    /// Whether each of them may be null.
    pub nullable: Vec<bool>,
    /// The types of the accumulators' columns, and the names of the aggregates.
    pub values: Vec<DataType>,
    pub functions: Vec<&'static str>,
    /// Makes state of this stage of what another pipeline has kept.
    pub regroup: Regroup,
}

/// What a pipeline consists of, apart from how it is run.
#[derive(Clone)]
pub(crate) struct Plan {
    pub source: Arc<dyn AnySource>,
    /// How records are decoded, in words.
    pub decode: String,
    /// The columns that decoding checks: those that are used.
    pub used: Vec<&'static str>,
    pub policy: Policy,
    pub dead_letters: Option<Arc<dyn Sink>>,
    /// What becomes of rows that come too late for the first keyed stage.
    pub late: Policy,
    pub late_letters: Option<Arc<dyn Sink>>,
    pub mode: Mode,
    /// What the watermark goes by, in the user's words, where they are known.
    pub event_time: Option<String>,
    /// How far the watermark stays behind the latest event time; `None` without one.
    pub watermark: Option<Duration>,
    pub keyed: Vec<KeyedPlan>,
    pub chain: Arc<dyn Fn() -> Chain + Send + Sync>,
    pub schema: SchemaRef,
    pub sink: Arc<dyn Sink>,
    /// The stages in the user's words, for `explain`.
    pub stages: Vec<String>,
}

/// A pipeline, ready to run.
///
/// One nominal type for every pipeline, so that it can be returned from a function, kept and tested.
#[must_use = "a pipeline does nothing until it is run: `pipeline.run().await?`"]
#[derive(Clone)]
pub struct Pipeline {
    pub(crate) plan: Plan,
    pub(crate) options: Options,
}

impl Pipeline {
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan, options: Options::default() }
    }
}
