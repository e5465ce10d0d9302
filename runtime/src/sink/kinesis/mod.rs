//! `kinesis("alerts", key = [user_id], format = json)`: rows to a stream of Amazon Kinesis Data Streams.
//!
//! * `layout`: which rows go where, and in which order.
//! * `writer`: PutRecords, until every record is taken.
//!
//! # Delivery
//!
//! Rows are handed over after the commit of their epoch, from the outbox of the checkpoint, and again after a crash
//! between the two: at least once. Rows of one key keep their order, also when some records of a call are refused.
//!
//! What is delivered again can be told: rows are packed into the aggregates of Amazon's producer library, and each
//! aggregate carries a [`Stamp`](crate::source::kinesis::kpl::Stamp) of the pipeline, the epoch and the place in it. The
//! source [`kinesis`](crate::source::kinesis()) leaves out what it has read before, so a chain of pipelines has each row
//! exactly once. Consumers that take aggregates apart (Amazon's client library, Lambda with its library, Firehose) see the
//! payloads and nothing of the stamp; for those that do not, say `stamp = off`.

mod layout;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails is meant to panic")]
mod tests;
mod writer;

use std::fmt;
use std::time::Duration;

use arrow::datatypes::SchemaRef;

use self::layout::Layout;
use self::writer::Writer;
use super::{Accepts, Append, Connected, Sink, SinkDescription, Update};
use crate::Result;
use crate::aws::Aws;
use crate::encode::Encode;
pub use crate::encode::json;
use crate::error::{Error, Kind};
use crate::setting::{OneColumn, Setting};

/// The largest record that a stream can be set to take, payload and partition key.
const LARGEST_RECORD: usize = 10 << 20;

/// A stream, named by its name or its ARN. `key` and `format` have to be given; the other options are methods of
/// [`Kinesis`].
///
/// ```
/// use millstream::sink::kinesis;
/// let sink = kinesis("alerts").region("eu-west-1").key(&["user_id"]).format(kinesis::json);
/// ```
///
/// Without a key or a format a pipeline does not compile, and the compiler says which to write:
///
/// ```compile_fail,E0277
/// # use millstream::sink::{Accepts, Append, kinesis};
/// # fn sink(_: impl Accepts<Append>) {}
/// sink(kinesis("alerts").key(&["user_id"]));
/// ```
///
/// Needs the IAM action `kinesis:PutRecords` on the stream, and `kms:GenerateDataKey` on its key if it is encrypted.
pub fn kinesis(stream: impl Into<String>) -> Kinesis<Missing, Missing> {
    Kinesis {
        stream: stream.into(),
        aws: Aws::default(),
        key: Missing,
        format: Missing,
        hash_key: None,
        stamp: on,
        aggregate: None,
        max_record_size: 1 << 20,
        max_retry_duration: Duration::from_secs(300),
        backoff: [Duration::from_millis(100), Duration::from_secs(5)],
    }
}

/// An option that has to be given and is not yet.
#[derive(Debug, Clone, Copy)]
pub struct Missing;

/// `on` or `off`, for [`Kinesis::stamp`] and [`Kinesis::aggregate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch(bool);

/// Yes.
#[expect(non_upper_case_globals, reason = "a word of the language")]
pub const on: Switch = Switch(true);

/// No.
#[expect(non_upper_case_globals, reason = "a word of the language")]
pub const off: Switch = Switch(false);

/// `key = spread`: rows are spread evenly over the shards, in no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread;

/// `key = spread`: rows are spread evenly over the shards, in no order.
#[expect(non_upper_case_globals, reason = "a word of the language")]
pub const spread: Spread = Spread;

/// What decides where a row goes: columns, or [`spread`].
#[diagnostic::on_unimplemented(
    message = "the sink `kinesis` has no key",
    label = "`key = ..` is missing, or is no list of columns",
    note = "write `key = [user_id]`: rows of one key stay in their order; or `key = spread` if order does not matter"
)]
pub trait Key: Clone + Send + Sync + 'static {
    /// The columns; `None` if rows are spread.
    fn columns(&self) -> Option<&'static [&'static str]>;
}

impl Key for Spread {
    fn columns(&self) -> Option<&'static [&'static str]> {
        None
    }
}

impl Key for &'static [&'static str] {
    fn columns(&self) -> Option<&'static [&'static str]> {
        Some(self)
    }
}

impl<const N: usize> Key for &'static [&'static str; N] {
    fn columns(&self) -> Option<&'static [&'static str]> {
        Some(self.as_slice())
    }
}

/// The sink [`kinesis`]. Its methods are its options.
#[derive(Clone)]
pub struct Kinesis<K, F> {
    stream: String,
    aws: Aws,
    key: K,
    format: F,
    hash_key: Option<&'static str>,
    stamp: Switch,
    aggregate: Option<Switch>,
    max_record_size: usize,
    max_retry_duration: Duration,
    /// The first and the largest limit of the wait after a failure.
    backoff: [Duration; 2],
}

impl<K, F> Kinesis<K, F> {
    crate::aws::options!();

    /// The columns that make the partition key, by which a row gets to its shard: `key = [user_id]`. Rows with equal ones
    /// keep their order. They are text, integers, `bool`, `Timestamp` or `Date`, and are joined by `/`. Or [`spread`]. Has
    /// to be given.
    #[must_use]
    pub fn key<L: Key>(self, key: L) -> Kinesis<L, F> {
        let Self {
            stream, aws, format, hash_key, stamp, aggregate, max_record_size, max_retry_duration, backoff, ..
        } = self;
        Kinesis { stream, aws, key, format, hash_key, stamp, aggregate, max_record_size, max_retry_duration, backoff }
    }

    /// How a row is written: [`json`](const@json). Has to be given.
    #[must_use]
    pub fn format<G: Encode>(self, format: G) -> Kinesis<K, G> {
        let Self { stream, aws, key, hash_key, stamp, aggregate, max_record_size, max_retry_duration, backoff, .. } =
            self;
        Kinesis { stream, aws, key, format, hash_key, stamp, aggregate, max_record_size, max_retry_duration, backoff }
    }

    /// A column with an explicit hash key, which decides the shard in the place of the partition key: a decimal number
    /// from 0 to 2^128-1, as text or an integer. Default: none.
    #[must_use]
    pub fn hash_key(mut self, column: impl OneColumn) -> Self {
        self.hash_key = column.given().or(self.hash_key);
        self
    }

    /// Whether rows are stamped, so that what is delivered again after a crash can be left out by millstream's source.
    /// Default: [`on`]. A stamp needs an aggregate to be in; with [`off`] each row is a Kinesis record of its own, unless
    /// [`Self::aggregate`] is [`on`].
    #[must_use]
    pub fn stamp(mut self, stamp: impl Setting<Switch>) -> Self {
        self.stamp = stamp.given().unwrap_or(self.stamp);
        self
    }

    /// Whether rows of one key are packed together into aggregates of Amazon's producer library, so that fewer records are
    /// paid for. Default: as [`Self::stamp`]. With a stamp and without this, an aggregate holds one row.
    #[must_use]
    pub fn aggregate(mut self, aggregate: impl Setting<Switch>) -> Self {
        self.aggregate = aggregate.given().or(self.aggregate);
        self
    }

    /// The largest Kinesis record in bytes, payload and partition key. Default: 1 MiB, as streams are set at first; at
    /// most 10 MiB, for streams that were set so with `UpdateMaxRecordSize`. A row that is larger ends the run.
    #[must_use]
    pub fn max_record_size(mut self, bytes: impl Setting<u64>) -> Self {
        let given = bytes.given().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        self.max_record_size = given.unwrap_or(self.max_record_size);
        self
    }

    /// For how long records that are refused or cannot be sent are tried again without any of them being taken, before
    /// the run ends. Default: 5 min. The next start tries again; nothing is lost or given up.
    #[must_use]
    pub fn max_retry_duration(mut self, duration: impl Setting<Duration>) -> Self {
        self.max_retry_duration = duration.given().unwrap_or(self.max_retry_duration);
        self
    }

    /// Whether aggregates hold several rows.
    fn aggregates(&self) -> bool {
        self.aggregate.unwrap_or(self.stamp) == on
    }

    fn arn(&self) -> Option<&str> {
        self.stream.starts_with("arn:").then_some(self.stream.as_str())
    }

    fn wrong(&self, what: impl fmt::Display) -> Error {
        Error::new(Kind::Config, format!("sink kinesis `{}`: {what}", self.stream))
    }

    /// Checks what does not need the service.
    fn check(&self) -> Result<()> {
        if self.stream.is_empty() || self.arn().is_some_and(|arn| !arn.contains(":stream/")) {
            return Err(self
                .wrong("this is no stream")
                .help("write its name or its ARN, `arn:aws:kinesis:REGION:ACCOUNT:stream/NAME`"));
        }
        if !(1 << 10..=LARGEST_RECORD).contains(&self.max_record_size) {
            return Err(self
                .wrong(format!("max_record_size is {} bytes", self.max_record_size))
                .help("give 1 KiB to 10 MiB, as the stream is set to"));
        }
        self.aws.check(self.arn()).map_err(|(what, help)| self.wrong(what).help(help))
    }
}

impl<K, F> fmt::Debug for Kinesis<K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kinesis").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<K: Key, F: Encode> Sink for Kinesis<K, F> {
    fn describe(&self) -> SinkDescription {
        let key = self.key.columns().map_or("spread".to_owned(), |columns| columns.join(", "));
        let switch = |switch: bool| if switch { "on" } else { "off" }.to_owned();
        let mut options = vec![("key", key), ("format", self.format.name().to_owned())];
        options.extend([("stamp", switch(self.stamp == on)), ("aggregate", switch(self.aggregates()))]);
        SinkDescription { kind: "kinesis", target: self.stream.clone(), options, exactly_once: false }
    }

    fn connect(&self, schema: &SchemaRef) -> Result<Connected> {
        self.check()?;
        self.format.check(schema)?;
        let layout = Layout::new(self, schema)?;
        Ok(Connected::Delivering(Box::new(Writer::new(self, layout))))
    }
}

impl<K: Key, F: Encode> Accepts<Append> for Kinesis<K, F> {}
impl<K: Key, F: Encode> Accepts<Update> for Kinesis<K, F> {}
