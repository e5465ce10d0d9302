//! What a user says about a stream: [`kinesis`] and the methods of [`Kinesis`].

use std::fmt;
use std::time::Duration;

use super::position::Origin;
use crate::Result;
use crate::error::{Error, Kind};
use crate::option::IntoText;
use crate::secret::{IntoSecret, Secret};
use crate::time::Timestamp;

/// Records from a stream of Amazon Kinesis Data Streams, named by its name or its ARN.
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
pub fn kinesis(stream: impl Into<String>) -> Kinesis {
    Kinesis {
        stream: stream.into(),
        region: None,
        endpoint: None,
        start: latest,
        max_records_per_fetch: 10_000,
        max_fetch_rate: 1.0,
        min_fetch_period: Duration::from_millis(400),
        max_fetch_duration: None,
        fetch_buffer_size: 256 << 20,
        shard_fetch_interval: Duration::from_secs(1),
        access_key: None,
        secret_key: None,
        session_token: None,
        profile: None,
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

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Begin::Latest => "latest",
            Begin::TrimHorizon => "trim_horizon",
            Begin::At(time) => time,
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
        }
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

/// The source [`kinesis`]. Its methods are its options; each takes a value, or an `Option` of one where `None` leaves
/// the default.
#[derive(Clone)]
pub struct Kinesis {
    pub(super) stream: String,
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) start: Start,
    pub(super) max_records_per_fetch: u32,
    pub(super) max_fetch_rate: f64,
    pub(super) min_fetch_period: Duration,
    pub(super) max_fetch_duration: Option<Duration>,
    pub(super) fetch_buffer_size: u64,
    pub(super) shard_fetch_interval: Duration,
    pub(super) access_key: Option<Secret>,
    pub(super) secret_key: Option<Secret>,
    pub(super) session_token: Option<Secret>,
    pub(super) profile: Option<String>,
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
            memory: Duration::from_secs(600),
        }
    }
}

impl Kinesis {
    /// The AWS region (`region`). Default: the region in the ARN, then that of the environment or profile.
    #[must_use]
    pub fn region(mut self, region: impl IntoText) -> Self {
        self.region = region.into_text().or(self.region);
        self
    }

    /// The URL to call (`endpoint`). Default: that of the service in the region. On an endpoint of this machine
    /// (`http://127.0.0.1:4567`, `http://localhost:4567`) the credentials are made up unless they are given, and rates
    /// have no limits.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl IntoText) -> Self {
        self.endpoint = endpoint.into_text().or(self.endpoint);
        self
    }

    /// Where to begin at the first start (`initialPosition`). Default: [`latest`].
    #[must_use]
    pub fn start(mut self, start: impl Into<Option<Start>>) -> Self {
        self.start = start.into().unwrap_or(self.start);
        self
    }

    /// The most Kinesis records in one GetRecords call, 1 to 10,000 (`maxRecordsPerFetch`). Default: 10,000. A record
    /// that a producer has packed counts as one.
    #[must_use]
    pub fn max_records_per_fetch(mut self, records: impl Into<Option<u32>>) -> Self {
        self.max_records_per_fetch = records.into().unwrap_or(self.max_records_per_fetch);
        self
    }

    /// How many megabytes (2^20 bytes) a second to read from a shard (`maxFetchRate`). Default: 1.0, at most 2.0, which
    /// is all that a shard gives to all of its readers.
    #[must_use]
    pub fn max_fetch_rate(mut self, megabytes: impl Into<Option<f64>>) -> Self {
        self.max_fetch_rate = megabytes.into().unwrap_or(self.max_fetch_rate);
        self
    }

    /// The time between two GetRecords calls for a shard (`minFetchPeriod`). Default: 400 ms, at least 200 ms, which is
    /// all that a shard allows to all of its readers.
    #[must_use]
    pub fn min_fetch_period(mut self, period: impl Into<Option<Duration>>) -> Self {
        self.min_fetch_period = period.into().unwrap_or(self.min_fetch_period);
        self
    }

    /// The longest time to collect records for an epoch (`maxFetchDuration`). Default: until the trigger wants them.
    #[must_use]
    pub fn max_fetch_duration(mut self, duration: impl Into<Option<Duration>>) -> Self {
        self.max_fetch_duration = duration.into().or(self.max_fetch_duration);
        self
    }

    /// The most bytes of records that wait in memory for the engine (`fetchBufferSize`), calls under way included.
    /// Default: 256 MiB, at least 10 MiB, which is the largest answer of a call; each 10 MiB allow one more call at the
    /// same time.
    #[must_use]
    pub fn fetch_buffer_size(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.fetch_buffer_size = bytes.into().unwrap_or(self.fetch_buffer_size);
        self
    }

    /// The shortest time between two ListShards calls (`shardFetchInterval`). Default: 1 s. Shards are listed at this
    /// interval while one has ended and its children are not known yet, and every 30 s otherwise.
    #[must_use]
    pub fn shard_fetch_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.shard_fetch_interval = interval.into().unwrap_or(self.shard_fetch_interval);
        self
    }

    /// The access key (`awsAccessKey`), only together with [`Self::secret_key`]. Default: the credentials of the
    /// environment, the profile, a web identity, the container or the instance, in this order.
    #[must_use]
    pub fn access_key(mut self, key: impl IntoSecret) -> Self {
        self.access_key = key.into_secret().or(self.access_key);
        self
    }

    /// The secret key (`awsSecretKey`), only together with [`Self::access_key`].
    #[must_use]
    pub fn secret_key(mut self, key: impl IntoSecret) -> Self {
        self.secret_key = key.into_secret().or(self.secret_key);
        self
    }

    /// The session token that temporary keys come with.
    #[must_use]
    pub fn session_token(mut self, token: impl IntoSecret) -> Self {
        self.session_token = token.into_secret().or(self.session_token);
        self
    }

    /// The profile of `~/.aws/config` and `~/.aws/credentials`. Default: `AWS_PROFILE`, then `default`.
    #[must_use]
    pub fn profile(mut self, profile: impl IntoText) -> Self {
        self.profile = profile.into_text().or(self.profile);
        self
    }

    /// What to do when records are gone that were not read yet: [`fail`] or [`skip`]. Default: [`fail`].
    #[must_use]
    pub fn on_data_loss(mut self, policy: impl Into<Option<OnDataLoss>>) -> Self {
        self.on_data_loss = policy.into().unwrap_or(self.on_data_loss);
        self
    }

    /// After how long without a record a shard that is caught up does not hold back the watermark any more. Default:
    /// 30 s.
    #[must_use]
    pub fn idle_after(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.idle_after = time.into().unwrap_or(self.idle_after);
        self
    }

    /// Whether the endpoint is on this machine.
    pub(super) fn is_local(&self) -> bool {
        let Some(endpoint) = &self.endpoint else { return false };
        let rest = endpoint.split_once("://").map_or(endpoint.as_str(), |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        host == "localhost"
            || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The parts of the stream's ARN, if it was named by one: partition, service, region, account, `stream/name`.
    pub(super) fn arn(&self) -> Option<&str> {
        self.stream.starts_with("arn:").then_some(self.stream.as_str())
    }

    pub(super) fn region_of_arn(&self) -> Option<&str> {
        self.arn()?.split(':').nth(3).filter(|region| !region.is_empty())
    }

    /// What `record.stream` is: the name.
    pub(super) fn name(&self) -> &str {
        self.arn().and_then(|arn| arn.rsplit_once(":stream/")).map_or(&self.stream, |(_, name)| name)
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
        let local = self.is_local();
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
        if self.access_key.is_some() != self.secret_key.is_some() {
            return wrong(
                "only one of access_key and secret_key is given".into(),
                "give both, or neither for the AWS credentials of the environment",
            );
        }
        if self.session_token.is_some() && self.access_key.is_none() {
            return wrong("session_token is given without access_key".into(), "give access_key and secret_key with it");
        }
        Ok(())
    }
}

impl fmt::Debug for Kinesis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kinesis").field("stream", &self.stream).field("start", &self.start).finish_non_exhaustive()
    }
}
