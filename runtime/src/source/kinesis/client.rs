//! The calls to the service, one try each, and what their failures mean.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_kinesis::Client as Sdk;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::ShardIteratorType;
use serde_json::{Value, json};

use super::options::Kinesis;
use super::position::Origin;
use super::shards::Listed;
use super::wire;
use crate::Result;
use crate::aws::partition_of;
use crate::error::{Error, Kind};
use crate::mutant::{self, Mutant};

/// The most bytes in an answer to GetRecords.
pub(super) const LARGEST_PAGE: usize = 10 << 20;

pub(super) struct Client {
    pub(super) sdk: Sdk,
    name: Option<String>,
    arn: Option<String>,
    shards_per_page: i32,
    /// What errors call the stream.
    pub(super) stream: String,
    /// The ARN as far as it is known before the first call, for errors.
    resource: Arc<str>,
    /// What the service has said that it is.
    described: OnceLock<Arc<str>>,
}

/// What to do about a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Too many calls: try again later, however often.
    Throttled,
    /// Try again for some time: the network, the service, an encryption key.
    Transient,
    /// The iterator or token is too old: get a new one.
    Expired,
    /// Somebody else has it, or it is not ready: try again for some time.
    Busy,
    /// There is no such stream, shard or consumer.
    Missing,
    /// The request is not valid, such as a sequence number that is not known any more.
    Invalid,
    /// The credentials do not allow it.
    Denied,
    /// The endpoint has a certificate that this machine does not trust.
    Untrusted,
    /// Not an answer: we found that records are gone.
    Lost,
}

/// A call that failed.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) class: Class,
    operation: &'static str,
    message: String,
    /// Whether an IAM policy forbids it, rather than the credentials being none of AWS.
    forbidden: bool,
    /// The ARN of what the call was about.
    resource: Option<Arc<str>>,
}

impl Trouble {
    pub(crate) fn new<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug,
    {
        let Some(service) = error.as_service_error() else {
            let trouble = Self::transient(operation, format!("{}", DisplayErrorContext(error)));
            // The words of rustls, which is no type that the SDK shows.
            let untrusted = trouble.message.contains("invalid peer certificate");
            return if untrusted { Self { class: Class::Untrusted, ..trouble } } else { trouble };
        };
        let code = service.code().unwrap_or_default();
        let class = match code {
            "ProvisionedThroughputExceededException"
            | "LimitExceededException"
            | "KMSThrottlingException"
            | "ThrottlingException"
            | "Throttling"
            | "RequestLimitExceeded"
            | "TooManyRequestsException" => Class::Throttled,
            "ExpiredIteratorException" | "ExpiredNextTokenException" => Class::Expired,
            "ResourceInUseException" => Class::Busy,
            "ResourceNotFoundException" => Class::Missing,
            "InvalidArgumentException" => Class::Invalid,
            "AccessDeniedException"
            | "NotAuthorized"
            | "OptInRequired"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "MissingAuthenticationTokenException"
            | "ExpiredTokenException"
            | "ExpiredToken" => Class::Denied,
            // What an encryption key says is for its owner, who may put it right: as if the service were away.
            _ => Class::Transient,
        };
        let message = match service.message() {
            Some(message) if !code.is_empty() => format!("{code}: {message}"),
            _ if !code.is_empty() => code.to_owned(),
            _ => format!("{}", DisplayErrorContext(error)),
        };
        let forbidden = matches!(code, "AccessDeniedException" | "NotAuthorized" | "KMSAccessDeniedException");
        Self { class, operation, message, forbidden, resource: None }
    }

    /// An answer that lacks what it must have.
    fn incomplete(operation: &'static str, what: &str) -> Self {
        Self::transient(operation, format!("the answer has no {what}"))
    }

    /// Names the ARN of what the call was about.
    pub(crate) fn on(self, resource: &Arc<str>) -> Self {
        Self { resource: Some(Arc::clone(resource)), ..self }
    }

    pub(super) fn transient(operation: &'static str, message: String) -> Self {
        Self { class: Class::Transient, operation, message, forbidden: false, resource: None }
    }

    pub(super) fn busy(operation: &'static str, message: String) -> Self {
        Self { class: Class::Busy, ..Self::transient(operation, message) }
    }

    /// Records are gone that were not read.
    pub(super) fn lost(message: String) -> Self {
        Self { class: Class::Lost, ..Self::transient("GetRecords", message) }
    }

    /// Whether it is where the iterator was to begin that the service refuses.
    pub(super) fn is_about_start(&self) -> bool {
        matches!(self.operation, "GetShardIterator" | "SubscribeToShard")
    }

    /// The error of a source that gives up. `place` is the stream, and the shard if it is about one.
    pub(crate) fn error(&self, place: &str) -> Error {
        let Self { class, operation, message, .. } = self;
        let error = |kind| Error::new(kind, format!("{operation} for {place}: {message}"));
        let resource = self.resource.as_deref().unwrap_or("the stream");
        match class {
            Class::Denied if self.forbidden => {
                error(Kind::Config).help(format!("allow the IAM action kinesis:{operation} on {resource}"))
            }
            Class::Denied => error(Kind::Config).help(
                "AWS does not know the credentials, or they have expired: give others, or a role that renews itself with `role_arn`",
            ),
            Class::Untrusted => error(Kind::Config).help(
                "this machine does not trust the endpoint's certificate: check the endpoint, or put the authority that \
                 signed it into the machine's store, or name its file in SSL_CERT_FILE",
            ),
            Class::Missing => error(Kind::Config).help("check the stream's name, its region and its account"),
            Class::Invalid => error(Kind::Config).help("check the options and the checkpoint"),
            Class::Throttled if *operation == "RegisterStreamConsumer" => error(Kind::Config).help(
                "a stream has at most 20 consumers: deregister one that is not in use, or read with `consumer_mode = polling`",
            ),
            Class::Busy if *operation == "SubscribeToShard" => error(Kind::Unavailable)
                .help("another reader has the same consumer: give each pipeline a `consumer_name` of its own"),
            _ if self.forbidden => {
                let action = if operation.starts_with("Put") { "GenerateDataKey" } else { "Decrypt" };
                // That of a consumer begins with that of its stream.
                let stream = resource.split_once("/consumer/").map_or(resource, |(stream, _)| stream);
                error(Kind::Config).help(format!(
                    "allow the IAM action kms:{action} on the key that encrypts {stream}, in the key's policy as well"
                ))
            }
            _ if message.contains("KMS") => {
                error(Kind::Unavailable).help("check the encryption key of the stream, and that the reader may use it")
            }
            _ => error(Kind::Unavailable)
                .help("check the network and the state of Kinesis; a restart goes on where the last commit ended"),
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.operation, self.message)
    }
}

/// Where an iterator begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum At<'a> {
    Origin(Origin),
    Sequence(&'a str),
    After(&'a str),
}

/// What DescribeStreamSummary says that we want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) arn: String,
    /// Milliseconds since 1970.
    pub(super) creation: i64,
    pub(super) retention: Duration,
}

impl Summary {
    /// What tells this stream from one of the same name that was made later.
    pub(super) fn identity(&self) -> Value {
        json!({ "stream_arn": self.arn, "creation": self.creation })
    }
}

impl Client {
    /// Connects nothing yet, but finds the region and the credentials.
    pub(super) async fn new(options: &Kinesis) -> Result<Self> {
        let whose = format!("kinesis stream `{}`", options.stream);
        let shared = options.aws.connect(&whose, options.arn()).await?;
        let region = shared.region().map_or("*", |region| region.as_ref());
        let resource = options
            .arn()
            .map(str::to_owned)
            .unwrap_or_else(|| format!("arn:{}:kinesis:{region}:*:stream/{}", partition_of(region), options.name()));
        // A configuration of the user may say how long a try takes; without a limit one may take for ever.
        let said = options.aws.config.as_ref().and_then(|config| config.timeout_config()?.operation_attempt_timeout());
        let timeouts = shared.timeout_config().map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
        let timeouts = timeouts.operation_attempt_timeout(said.unwrap_or(options.tuning.attempt)).build();
        let mut config = aws_sdk_kinesis::config::Builder::from(&shared)
            .timeout_config(timeouts)
            // The SDK would try again on its own, at once in all readers and without a count.
            .retry_config(RetryConfig::disabled());
        if shared.protocol().is_none() {
            config = config.protocol(wire::Json::new());
        }
        let arn = options.arn().map(str::to_owned);
        let name = if arn.is_none() { Some(options.stream.clone()) } else { None };
        let shards_per_page = i32::try_from(options.max_shards_per_describe).unwrap_or(1_000);
        Ok(Self {
            shards_per_page,
            sdk: Sdk::from_conf(config.build()),
            name,
            arn,
            stream: options.name().to_owned(),
            resource: resource.into(),
            described: OnceLock::new(),
        })
    }

    /// What a failure means, with the stream it was about.
    pub(super) fn trouble<E, R>(&self, operation: &'static str, error: &SdkError<E, R>) -> Trouble
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug,
    {
        Trouble::new(operation, error).on(self.described.get().unwrap_or(&self.resource))
    }

    pub(super) async fn describe(&self) -> Result<Summary, Trouble> {
        let request = self.sdk.describe_stream_summary();
        let answer = request.set_stream_name(self.name.clone()).set_stream_arn(self.arn.clone()).send().await;
        let answer = answer.map_err(|error| self.trouble("DescribeStreamSummary", &error))?;
        let Some(summary) = answer.stream_description_summary else {
            return Err(Trouble::incomplete("DescribeStreamSummary", "description"));
        };
        self.described.get_or_init(|| summary.stream_arn.as_str().into());
        // The SDK reads the time as a float, so that it is a little off.
        let creation = (summary.stream_creation_timestamp.as_nanos() + 500_000).div_euclid(1_000_000);
        Ok(Summary {
            arn: summary.stream_arn,
            creation: i64::try_from(creation).unwrap_or_default(),
            retention: Duration::from_secs(u64::from(summary.retention_period_hours.unsigned_abs()) * 3_600),
        })
    }

    /// All shards there are: the open ones, and the closed ones whose records are not too old.
    pub(super) async fn list(&self) -> Result<Vec<Listed>, Trouble> {
        let (mut shards, mut token) = (Vec::new(), None::<String>);
        loop {
            let request = match token.take() {
                // A token carries the stream and comes alone.
                Some(token) => self.sdk.list_shards().next_token(token),
                None => {
                    let request = self.sdk.list_shards().max_results(self.shards_per_page);
                    request.set_stream_name(self.name.clone()).set_stream_arn(self.arn.clone())
                }
            };
            let page = request.send().await.map_err(|error| self.trouble("ListShards", &error))?;
            shards.extend(page.shards.unwrap_or_default().into_iter().map(Listed::new));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(shards);
            }
        }
    }

    pub(super) async fn iterator(&self, shard: &str, at: At<'_>) -> Result<String, Trouble> {
        let request = self.sdk.get_shard_iterator().shard_id(shard);
        let request = request.set_stream_name(self.name.clone()).set_stream_arn(self.arn.clone());
        let request = match at {
            At::Origin(Origin::TrimHorizon) => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
            At::Origin(Origin::At(time)) => request
                .shard_iterator_type(ShardIteratorType::AtTimestamp)
                .timestamp(DateTime::from_millis(time.millis())),
            At::Sequence(number) => {
                request.shard_iterator_type(ShardIteratorType::AtSequenceNumber).starting_sequence_number(number)
            }
            At::After(number) => {
                let kind = match mutant::is(Mutant::ResumeAt) {
                    false => ShardIteratorType::AfterSequenceNumber,
                    true => ShardIteratorType::AtSequenceNumber,
                };
                request.shard_iterator_type(kind).starting_sequence_number(number)
            }
        };
        let answer = request.send().await.map_err(|error| self.trouble("GetShardIterator", &error))?;
        answer.shard_iterator.ok_or_else(|| Trouble::incomplete("GetShardIterator", "iterator"))
    }

    pub(super) async fn records(&self, iterator: &str, limit: u32) -> Result<GetRecordsOutput, Trouble> {
        let request = self.sdk.get_records().shard_iterator(iterator).set_stream_arn(self.arn.clone());
        let answer = request.limit(i32::try_from(limit).unwrap_or(10_000)).send().await;
        answer.map_err(|error| self.trouble("GetRecords", &error))
    }
}
