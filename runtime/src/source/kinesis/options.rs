//! What a user says about a stream: [`kinesis`] and the methods of [`Kinesis`].

use std::fmt;
use std::time::Duration;

use super::position::{Origin, Position};
use crate::Result;
use crate::aws::Aws;
use crate::error::{Error, Kind};
use crate::setting::{IntoText, Setting};
use crate::time::Timestamp;

/// Records from streams of Amazon Kinesis Data Streams, each named by its name or its ARN: one, or several in `[..]`.
///
/// ```
/// use std::time::Duration;
/// use millstream::source::kinesis;
/// let source = kinesis("readings")
///     .region("eu-west-1")
///     .start(kinesis::trim_horizon)
///     .min_fetch_period(Duration::from_millis(200));
/// ```
///
/// The calls it makes need the IAM actions `kinesis:DescribeStreamSummary`, `kinesis:ListShards`,
/// `kinesis:GetShardIterator` and `kinesis:GetRecords`.
pub fn kinesis(streams: impl IntoStreams) -> Kinesis {
    let mut streams = streams.into_streams();
    let more = streams.split_off(streams.len().min(1));
    Kinesis {
        stream: streams.pop().unwrap_or_default(),
        more,
        aws: Aws::default(),
        start: latest,
        max_records_per_fetch: 10_000,
        max_fetch_rate: 1.0,
        min_fetch_period: Duration::from_millis(400),
        max_fetch_duration: None,
        max_shard_skew: None,
        max_shards_per_describe: 1_000,
        start_of: Vec::new(),
        fetch_buffer_size: 256 << 20,
        shard_fetch_interval: Duration::from_secs(1),
        consumer_mode: polling,
        consumer_name: None,
        require_consumer_deregistration: false,
        on_data_loss: fail,
        idle_after: Duration::from_secs(30),
        tuning: Tuning::default(),
    }
}

/// Where to begin at the first start of a pipeline; later starts go on where the checkpoint says. See [`latest`],
/// [`trim_horizon`], [`earliest`] and [`at`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start(Begin);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Begin {
    Latest,
    TrimHorizon,
    At(String),
    After(String),
}

/// Only records that arrive after the first start (`initialPosition` `latest`). The time of that start is kept in the
/// checkpoint, so that nothing is passed over when the first attempts fail.
#[expect(non_upper_case_globals, reason = "a word of the language")]
pub const latest: Start = Start(Begin::Latest);

/// All records that the stream still has (`initialPosition` `trim_horizon`).
#[expect(non_upper_case_globals, reason = "a word of the language")]
pub const trim_horizon: Start = Start(Begin::TrimHorizon);

/// The same as [`trim_horizon`] (`initialPosition` `earliest`).
#[expect(non_upper_case_globals, reason = "a word of the language")]
pub const earliest: Start = trim_horizon;

/// Records that arrived at `time` or later (`initialPosition` `at_timestamp`): a [`Timestamp`], or a text in RFC 3339
/// such as `2026-01-01T00:00:00Z`, which is checked when the pipeline starts.
pub fn at(time: impl fmt::Display) -> Start {
    Start(Begin::At(time.to_string()))
}

/// What follows the record with this sequence number, in [`Kinesis::start_of`]: where another consumer has ended.
pub fn after(sequence_number: impl fmt::Display) -> Start {
    Start(Begin::After(sequence_number.to_string()))
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Begin::Latest => "latest",
            Begin::TrimHorizon => "trim_horizon",
            Begin::At(time) | Begin::After(time) => time,
        })
    }
}

impl Start {
    /// What it means at `now`.
    pub(super) fn resolve(&self, now: Timestamp) -> Result<Origin> {
        match &self.0 {
            // Arrival times have milliseconds.
            Begin::Latest => Ok(Origin::At(now.floor(Duration::from_millis(1)))),
            Begin::TrimHorizon => Ok(Origin::TrimHorizon),
            Begin::At(text) => match text.parse() {
                Ok(time) if time > now => Err(Error::new(Kind::Config, format!("the start {time} is in the future"))
                    .help("Kinesis can start at a time that has passed; use `start = latest`")),
                Ok(time) => Ok(Origin::At(time)),
                Err(error) => Err(error),
            },
            Begin::After(number) => Err(Error::new(Kind::Config, format!("the start is after the record {number}"))
                .help("a sequence number is of one shard: give it in `start_of`, with the shard")),
        }
    }

    /// The position of a shard that begins so.
    pub(super) fn position(&self, now: Timestamp) -> Result<Position> {
        match &self.0 {
            Begin::After(number) if !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()) => {
                Ok(Position { sequence_number: Some(number.clone()), ..Position::default() })
            }
            Begin::After(number) => Err(Error::new(Kind::Config, format!("`{number}` is no sequence number"))
                .help("sequence numbers are decimal numbers, of up to 56 digits")),
            _ => self.resolve(now).map(Position::start),
        }
    }
}

/// What [`kinesis`] takes: the name or ARN of a stream, or several in `[..]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no stream",
    note = "write `kinesis(\"readings\")`, or `kinesis([\"readings\", \"alerts\"])` for several streams"
)]
pub trait IntoStreams {
    /// Their names or ARNs.
    fn into_streams(self) -> Vec<String>;
}

macro_rules! streams {
    ($($type:ty),*) => {$(
        impl IntoStreams for $type {
            fn into_streams(self) -> Vec<String> {
                vec![self.into()]
            }
        }
    )*};
}
streams!(&str, String, &String);

impl<S: Into<String>, const N: usize> IntoStreams for [S; N] {
    fn into_streams(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<S: Into<String>> IntoStreams for Vec<S> {
    fn into_streams(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

/// What to do when records that were not read yet are gone: [`fail`] or [`skip`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnDataLoss(pub(super) bool);

/// Stop with [`Kind::DataLoss`]; the default.
#[expect(non_upper_case_globals, reason = "a word of the language")]
pub const fail: OnDataLoss = OnDataLoss(false);

/// Write a warning with the shard and the last sequence number, and go on with the oldest record that is left.
#[expect(non_upper_case_globals, reason = "a word of the language")]
pub const skip: OnDataLoss = OnDataLoss(true);

/// How records come: [`polling`] or [`efo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerMode(pub(super) bool);

/// By GetRecords calls, whose rates all readers of a shard share; the default.
#[expect(non_upper_case_globals, reason = "a word of the language")]
pub const polling: ConsumerMode = ConsumerMode(false);

/// By enhanced fan-out: a consumer is registered, and the service pushes 2 MiB a second of each shard to it, whoever else
/// reads the stream. It is paid for by the hour and by the byte. The positions in a checkpoint are those of polling: a
/// pipeline may change from one to the other at any start.
#[expect(non_upper_case_globals, reason = "a word of the language")]
pub const efo: ConsumerMode = ConsumerMode(true);

/// The source [`kinesis`]. Its methods are its options; each takes a value, or an `Option` of one where `None` leaves
/// the default.
#[derive(Clone)]
pub struct Kinesis {
    /// One stream; each has its own copy of the options.
    pub(super) stream: String,
    /// The other streams.
    pub(super) more: Vec<String>,
    pub(super) aws: Aws,
    pub(super) start: Start,
    pub(super) max_records_per_fetch: u32,
    pub(super) max_fetch_rate: f64,
    pub(super) min_fetch_period: Duration,
    pub(super) max_fetch_duration: Option<Duration>,
    pub(super) max_shard_skew: Option<Duration>,
    pub(super) max_shards_per_describe: u32,
    pub(super) start_of: Vec<(String, Start)>,
    pub(super) fetch_buffer_size: u64,
    pub(super) shard_fetch_interval: Duration,
    pub(super) consumer_mode: ConsumerMode,
    pub(super) consumer_name: Option<String>,
    pub(super) require_consumer_deregistration: bool,
    pub(super) on_data_loss: OnDataLoss,
    pub(super) idle_after: Duration,
    pub(super) tuning: Tuning,
}

/// Times that are no options; tests make them short.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tuning {
    /// The first and the largest limit of the wait after a failure.
    pub(super) backoff: [Duration; 2],
    /// How often the shards are listed when nothing suggests that they have changed.
    pub(super) refresh: Duration,
    /// How long every call may fail before the source gives up.
    pub(super) patience: Duration,
    /// The same for the first calls.
    pub(super) start_patience: Duration,
    /// How long one try of a call may take.
    pub(super) attempt: Duration,
    /// After how long without an event a subscription is given up.
    pub(super) silence: Duration,
    /// How long a drained shard that is not listed any more is remembered.
    pub(super) memory: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            backoff: [Duration::from_millis(200), Duration::from_secs(10)],
            refresh: Duration::from_secs(30),
            patience: Duration::from_secs(15 * 60),
            start_patience: Duration::from_secs(60),
            attempt: Duration::from_secs(10),
            silence: Duration::from_secs(60),
            memory: Duration::from_secs(600),
        }
    }
}

impl Kinesis {
    crate::aws::options!();

    /// Where to begin at the first start (`initialPosition`). Default: [`latest`].
    #[must_use]
    pub fn start(mut self, start: impl Setting<Start>) -> Self {
        self.start = start.given().unwrap_or(self.start);
        self
    }

    /// The most Kinesis records in one GetRecords call, 1 to 10,000 (`maxRecordsPerFetch`). Default: 10,000. A record
    /// that a producer has packed counts as one.
    #[must_use]
    pub fn max_records_per_fetch(mut self, records: impl Setting<u32>) -> Self {
        self.max_records_per_fetch = records.given().unwrap_or(self.max_records_per_fetch);
        self
    }

    /// How many megabytes (2^20 bytes) a second to read from a shard (`maxFetchRate`). Default: 1.0, at most 2.0, which
    /// is all that a shard gives to all of its readers.
    #[must_use]
    pub fn max_fetch_rate(mut self, megabytes: impl Setting<f64>) -> Self {
        self.max_fetch_rate = megabytes.given().unwrap_or(self.max_fetch_rate);
        self
    }

    /// The time between two GetRecords calls for a shard (`minFetchPeriod`). Default: 400 ms, at least 200 ms, which is
    /// all that a shard allows to all of its readers.
    #[must_use]
    pub fn min_fetch_period(mut self, period: impl Setting<Duration>) -> Self {
        self.min_fetch_period = period.given().unwrap_or(self.min_fetch_period);
        self
    }

    /// How long records are collected before they are computed and committed (`maxFetchDuration`): an epoch ends at
    /// this time even if the trigger would wait longer. Default: the interval of the trigger; without one 10 s, or
    /// 200 ms if the sink delivers rather than writing files.
    #[must_use]
    pub fn max_fetch_duration(mut self, duration: impl Setting<Duration>) -> Self {
        self.max_fetch_duration = duration.given().or(self.max_fetch_duration);
        self
    }

    /// The most bytes of records that wait in memory for the engine (`fetchBufferSize`), calls under way included.
    /// Default: 256 MiB, at least 10 MiB, which is the largest answer of a call; each 10 MiB allow one more call at the
    /// same time.
    #[must_use]
    pub fn fetch_buffer_size(mut self, bytes: impl Setting<u64>) -> Self {
        self.fetch_buffer_size = bytes.given().unwrap_or(self.fetch_buffer_size);
        self
    }

    /// How far shards may be apart: one whose next record arrived later than this after the next one of the slowest
    /// shard waits for that. It keeps state small when shards with a backlog of different age are caught up with. A
    /// shard that is caught up holds no other back. Default: no limit.
    #[must_use]
    pub fn max_shard_skew(mut self, skew: impl Setting<Duration>) -> Self {
        self.max_shard_skew = skew.given().or(self.max_shard_skew);
        self
    }

    /// The most shards in one answer to ListShards (`maxShardsPerDescribe`), 1 to 10,000. Default: 1,000.
    #[must_use]
    pub fn max_shards_per_describe(mut self, shards: impl Setting<u32>) -> Self {
        self.max_shards_per_describe = shards.given().unwrap_or(self.max_shards_per_describe);
        self
    }

    /// Where single shards begin at the first start; the others begin at [`Self::start`]. A shard is named by its id,
    /// of several streams by `STREAM/ID`.
    ///
    /// ```
    /// use millstream::source::kinesis;
    /// let source = kinesis("readings").start_of([
    ///     ("shardId-000000000000", kinesis::after("49605240428222307037115827613554798409561082419642105874")),
    ///     ("shardId-000000000001", kinesis::at("2026-01-01T00:00:00Z")),
    /// ]);
    /// ```
    #[must_use]
    pub fn start_of<S: Into<String>>(mut self, shards: impl IntoIterator<Item = (S, Start)>) -> Self {
        self.start_of = shards.into_iter().map(|(shard, start)| (shard.into(), start)).collect();
        self
    }

    /// The shortest time between two ListShards calls (`shardFetchInterval`). Default: 1 s. Shards are listed at this
    /// interval while one has ended and its children are not known yet, and every 30 s otherwise.
    #[must_use]
    pub fn shard_fetch_interval(mut self, interval: impl Setting<Duration>) -> Self {
        self.shard_fetch_interval = interval.given().unwrap_or(self.shard_fetch_interval);
        self
    }

    /// How records come: [`polling`] or [`efo`] (`consumerMode`). Default: [`polling`].
    ///
    /// [`efo`] needs the IAM actions `kinesis:DescribeStreamConsumer`, `kinesis:RegisterStreamConsumer` and
    /// `kinesis:SubscribeToShard` as well, and none of `kinesis:GetShardIterator` and `kinesis:GetRecords`; the options
    /// [`Self::max_records_per_fetch`], [`Self::max_fetch_rate`] and [`Self::min_fetch_period`] mean nothing to it.
    #[must_use]
    pub fn consumer_mode(mut self, mode: impl Setting<ConsumerMode>) -> Self {
        self.consumer_mode = mode.given().unwrap_or(self.consumer_mode);
        self
    }

    /// The name of the consumer of [`efo`], 1 to 128 of `a-z A-Z 0-9 _ . -` (`consumerName`): the one of this name is
    /// used, or registered if there is none, in each stream of the source. Two pipelines must not share it. Default: `millstream-` and the name of the
    /// pipeline, which then must have one.
    #[must_use]
    pub fn consumer_name(mut self, name: impl IntoText) -> Self {
        self.consumer_name = name.into_text().or(self.consumer_name);
        self
    }

    /// Whether to deregister the consumer of [`efo`] when the pipeline stops in order
    /// (`requireConsumerDeregistration`), with the IAM action `kinesis:DeregisterStreamConsumer`. Default: `false`, so
    /// that the next start need not wait for a new one.
    #[must_use]
    pub fn require_consumer_deregistration(mut self, required: impl Setting<bool>) -> Self {
        self.require_consumer_deregistration = required.given().unwrap_or(self.require_consumer_deregistration);
        self
    }

    /// What to do when records are gone that were not read yet: [`fail`] or [`skip`]. Default: [`fail`].
    #[must_use]
    pub fn on_data_loss(mut self, policy: impl Setting<OnDataLoss>) -> Self {
        self.on_data_loss = policy.given().unwrap_or(self.on_data_loss);
        self
    }

    /// After how long without a record a shard that is caught up does not hold back the watermark any more, as long as the
    /// service goes on to say so: what it said is believed for three of the times between two answers, at least a second
    /// and at most 15 s, or three times [`Self::min_fetch_period`]. Default: 30 s.
    #[must_use]
    pub fn idle_after(mut self, time: impl Setting<Duration>) -> Self {
        self.idle_after = time.given().unwrap_or(self.idle_after);
        self
    }

    /// The parts of the stream's ARN, if it was named by one: partition, service, region, account, `stream/name`.
    pub(super) fn arn(&self) -> Option<&str> {
        self.stream.starts_with("arn:").then_some(self.stream.as_str())
    }

    /// The options of each stream.
    pub(super) fn each(&self) -> impl Iterator<Item = Self> {
        let of = |stream: &String| Self { stream: stream.clone(), more: Vec::new(), ..self.clone() };
        std::iter::once(&self.stream).chain(&self.more).map(of)
    }

    /// The name of the stream.
    pub(super) fn name(&self) -> &str {
        self.arn().and_then(|arn| arn.rsplit_once(":stream/")).map_or(&self.stream, |(_, name)| name)
    }

    /// The name of the consumer, or why there is none.
    pub(super) fn consumer(&self, pipeline: Option<&str>) -> Result<String> {
        let valid = |byte: char| byte.is_ascii_alphanumeric() || matches!(byte, '_' | '.' | '-');
        let wrong = |what: String, help: &str| {
            Err(Error::new(Kind::Config, format!("kinesis stream `{}`: {what}", self.stream)).help(help))
        };
        match (&self.consumer_name, pipeline) {
            (Some(name), _) if !(1..=128).contains(&name.len()) || !name.chars().all(valid) => {
                wrong(format!("consumer_name is `{name}`"), "give 1 to 128 of the characters a-z A-Z 0-9 _ . -")
            }
            (Some(name), _) => Ok(name.clone()),
            (None, Some(pipeline)) => {
                let name = pipeline.chars().map(|character| if valid(character) { character } else { '_' });
                Ok("millstream-".chars().chain(name).take(128).collect())
            }
            (None, None) => wrong(
                "enhanced fan-out needs a name for its consumer".into(),
                "set the option `consumer_name`, or name the pipeline by `.name(\"..\")`",
            ),
        }
    }

    /// Checks what does not need the service.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |what: String, help: &str| {
            Err(Error::new(Kind::Config, format!("kinesis stream `{}`: {what}", self.stream)).help(help))
        };
        if self.stream.is_empty() || (self.arn().is_some() && !self.stream.contains(":stream/")) {
            return wrong(
                "this is no stream".into(),
                "write its name or its ARN, `arn:aws:kinesis:REGION:ACCOUNT:stream/NAME`",
            );
        }
        if !(1..=10_000).contains(&self.max_records_per_fetch) {
            let given = self.max_records_per_fetch;
            return wrong(format!("max_records_per_fetch is {given}"), "give 1 to 10000");
        }
        if !(1..=10_000).contains(&self.max_shards_per_describe) {
            let given = self.max_shards_per_describe;
            return wrong(format!("max_shards_per_describe is {given}"), "give 1 to 10000");
        }
        let local = self.aws.is_local();
        let fast = self.max_fetch_rate > 2.0 && !local;
        if fast || !self.max_fetch_rate.is_finite() || self.max_fetch_rate <= 0.0 {
            return wrong(
                format!("max_fetch_rate is {}", self.max_fetch_rate),
                "give megabytes a second for a shard, more than 0 and at most 2.0",
            );
        }
        if self.min_fetch_period < Duration::from_millis(200) && !local {
            return wrong(
                format!("min_fetch_period is {:?}", self.min_fetch_period),
                "give at least 200ms: a shard answers five calls a second",
            );
        }
        if self.fetch_buffer_size < super::client::LARGEST_PAGE as u64 {
            return wrong(
                format!("fetch_buffer_size is {} bytes", self.fetch_buffer_size),
                "give at least 10 MiB (10485760), the largest answer of a call",
            );
        }
        self.aws.check(self.arn()).or_else(|(what, help)| wrong(what, help))
    }
}

impl fmt::Debug for Kinesis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kinesis").field("stream", &self.stream).field("start", &self.start).finish_non_exhaustive()
    }
}
