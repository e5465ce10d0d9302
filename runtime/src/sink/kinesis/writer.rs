//! PutRecords, until every record is taken.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::operation::put_records::PutRecordsOutput;
use aws_sdk_kinesis::operation::put_records::builders::PutRecordsFluentBuilder;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use tokio::runtime::Runtime;

use super::layout::{Lane, Layout, Put};
use super::{Key, Kinesis};
use crate::aws::{Aws, partition_of};
use crate::encode::Encode;
use crate::error::{Error, Kind};
use crate::sink::{Delivering, Token};
use crate::source::Metrics;
use crate::source::kinesis::client::{Class, Trouble};
use crate::source::kinesis::pace::Backoff;
use crate::{Result, clock};

/// What the service answers to records that it would never take: beyond its own limit, and beyond the stream's.
const UNTAKEN: [&str; 2] = ["ValidationException", "InvalidArgumentException"];

/// The most records in a call.
const CALL_RECORDS: usize = 500;
/// The most bytes in a call that every service of this kind takes; a record that is larger goes alone.
const CALL_BYTES: usize = 5 << 20;

/// Delivers to a stream.
pub(super) struct Writer<F> {
    stream: String,
    aws: Aws,
    format: F,
    layout: Layout,
    patience: Duration,
    backoff: [Duration; 2],
    /// Made with the first delivery: the thread that connects a sink may be one of tokio's.
    open: Option<Open>,
    /// Since they were last asked for.
    metrics: Metrics,
}

/// A connection and what drives it.
struct Open {
    runtime: Runtime,
    client: Client,
    resource: Arc<str>,
    /// Whether a call was answered.
    welcome: Cell<bool>,
}

impl<F: Encode> Writer<F> {
    pub(super) fn new<K: Key>(sink: &Kinesis<K, F>, layout: Layout) -> Self {
        Self {
            stream: sink.stream.clone(),
            aws: sink.aws.clone(),
            format: sink.format.clone(),
            layout,
            patience: sink.max_retry_duration,
            backoff: sink.backoff,
            open: None,
            metrics: Metrics::default(),
        }
    }

    /// For errors.
    fn place(&self) -> String {
        format!("sink kinesis `{}`", self.stream)
    }

    fn connect(&self) -> Result<Open> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::io("starting the tokio runtime of sink kinesis", error))?;
        let arn = self.stream.starts_with("arn:").then_some(self.stream.as_str());
        let config = runtime.block_on(self.aws.connect(&self.place(), arn))?;
        let region = config.region().map_or("*", |region| region.as_ref());
        let resource = arn
            .map(str::to_owned)
            .unwrap_or_else(|| format!("arn:{}:kinesis:{region}:*:stream/{}", partition_of(region), self.stream));
        let config = aws_sdk_kinesis::config::Builder::from(&config).retry_config(RetryConfig::disabled());
        Ok(Open {
            runtime,
            client: Client::from_conf(config.build()),
            resource: resource.into(),
            welcome: Cell::new(false),
        })
    }
}

impl<F: Encode> Delivering for Writer<F> {
    fn deliver(&mut self, token: &Token, batches: &[RecordBatch]) -> Result<()> {
        let lanes = self.layout.lanes(token, batches, &self.format)?;
        if self.open.is_none() {
            self.open = Some(self.connect()?);
        }
        let Some(open) = &self.open else { return Ok(()) };
        let (last, metrics) = (clock::monotonic(), Metrics::default());
        let put = Delivery { open, writer: self, lanes: lanes.into(), last, metrics };
        let metrics = open.runtime.block_on(put.run(Backoff::new(self.backoff, token.epoch)))?;
        self.metrics.add(metrics);
        Ok(())
    }

    fn metrics(&mut self) -> Metrics {
        std::mem::take(&mut self.metrics)
    }
}

/// The records of an epoch on their way.
struct Delivery<'a, F> {
    open: &'a Open,
    writer: &'a Writer<F>,
    lanes: VecDeque<Lane>,
    /// When a record was last taken.
    last: Instant,
    metrics: Metrics,
}

impl<F: Encode> Delivery<'_, F> {
    /// Writes lanes: of each lane one record at a time, of all together as many as a call takes.
    async fn run(mut self, mut backoff: Backoff) -> Result<Metrics> {
        loop {
            self.lanes.retain(|lane| !lane.is_empty());
            let (mut bytes, mut count) = (0, 0);
            let fits = |lane: &&Lane| {
                bytes += lane.front().map_or(0, |put| put.size());
                count += 1;
                count == 1 || (bytes <= CALL_BYTES && count <= CALL_RECORDS)
            };
            let taken = self.lanes.iter().take_while(fits).count();
            if taken == 0 {
                return Ok(self.metrics);
            }
            self.metrics.count("numPutRecordsCalls", 1.0);
            let refused = match self.call(taken)?.send().await {
                Ok(answer) => {
                    self.open.welcome.set(true);
                    self.settle(&answer, taken)?
                }
                Err(error) if error.code().is_some_and(|code| UNTAKEN.contains(&code)) => {
                    return Err(self.invalid(&error));
                }
                Err(error) => {
                    let trouble = Trouble::new("PutRecords", &error).on(&self.open.resource);
                    self.metrics.count("numFailedCalls", 1.0);
                    self.metrics.count("numAwsRateLimitErrors", f64::from(u8::from(trouble.class == Class::Throttled)));
                    tracing::debug!(stream = %self.writer.stream, %trouble, "PutRecords failed");
                    // Who was allowed a moment ago will be again, when credentials are renewed.
                    let denied = matches!(trouble.class, Class::Denied | Class::Untrusted) && !self.open.welcome.get();
                    let hopeless = denied || matches!(trouble.class, Class::Missing | Class::Invalid);
                    if hopeless || self.last.elapsed() > self.writer.patience {
                        return Err(trouble.error(&self.writer.place()));
                    }
                    true
                }
            };
            if refused {
                // What was refused goes again after a wait, since a shard counts by the second.
                tokio::time::sleep(backoff.next()).await;
            } else {
                backoff.reset();
            }
        }
    }

    /// The service does not take the call as it is.
    fn invalid(&self, error: &impl ProvideErrorMetadata) -> Error {
        let (code, why) = (error.code().unwrap_or_default(), error.message().unwrap_or_default());
        Error::new(Kind::Output, format!("PutRecords for {}: {code}: {why}", self.writer.place()))
            .help("if a record is too large, set the stream to take larger ones, or `max_record_size` to what it takes")
    }

    /// A call with the first records of the first lanes.
    fn call(&self, taken: usize) -> Result<PutRecordsFluentBuilder> {
        let entry = |put: &Put| {
            let entry = PutRecordsRequestEntry::builder().partition_key(&put.partition_key);
            entry.set_explicit_hash_key(put.hash_key.clone()).data(put.data.clone().into()).build()
        };
        let entries = self.lanes.iter().take(taken).filter_map(Lane::front).map(entry).collect::<Result<_, _>>();
        let entries = entries.map_err(|error| {
            Error::new(Kind::Internal, format!("{}: a record is not complete", self.writer.place())).caused_by(error)
        })?;
        let (call, stream) = (self.open.client.put_records().set_records(Some(entries)), &self.writer.stream);
        Ok(if stream.starts_with("arn:") { call.stream_arn(stream) } else { call.stream_name(stream) })
    }

    /// Takes what was taken out of the lanes, and puts the lanes behind the others. Gives whether a record was refused.
    fn settle(&mut self, answer: &PutRecordsOutput, taken: usize) -> Result<bool> {
        let mut refusal = None;
        for place in 0..taken {
            let Some(mut lane) = self.lanes.pop_front() else { break };
            match answer.records.get(place) {
                Some(result) if result.error_code.is_none() && result.sequence_number.is_some() => {
                    let bytes = lane.pop_front().map_or(0, |put| put.size());
                    self.metrics.count("numWrittenRecords", 1.0);
                    self.metrics.count("numWrittenBytes", bytes as f64);
                    self.last = clock::monotonic();
                }
                Some(result) => {
                    let code = result.error_code.as_deref().unwrap_or("no error code");
                    self.metrics.count("numRefusedRecords", 1.0);
                    let throttled = code == "ProvisionedThroughputExceededException";
                    self.metrics.count("numAwsRateLimitErrors", f64::from(u8::from(throttled)));
                    refusal = Some(format!("{code}: {}", result.error_message.as_deref().unwrap_or_default()));
                }
                None => refusal = Some("the answer has fewer records than the call".to_owned()),
            }
            self.lanes.push_back(lane);
        }
        let Some(why) = refusal else { return Ok(false) };
        tracing::debug!(stream = %self.writer.stream, why, "PutRecords refused records");
        if self.last.elapsed() <= self.writer.patience {
            return Ok(true);
        }
        let (place, patience) = (self.writer.place(), self.writer.patience);
        let message = format!("PutRecords for {place}: no record was taken for {patience:?}: {why}");
        Err(Error::new(Kind::Unavailable, message)
            .help("give the stream more shards, or keys that spread better; a restart goes on with what is left"))
    }
}
