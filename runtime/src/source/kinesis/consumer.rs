//! Enhanced fan-out: the registered consumer, and the calls it is made of.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_kinesis::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{ConsumerStatus, ShardIteratorType, StartingPosition};
use tokio::time::Instant;

use super::client::{At, Class, Client, Trouble};
use super::lister::persist;
use super::options::Tuning;
use super::pace::Backoff;
use super::position::Origin;
use crate::Result;

/// The consumer that a stream pushes to.
pub(super) struct Consumer {
    stream_arn: String,
    name: String,
    /// Changes when the consumer was deregistered under our feet.
    arn: Mutex<String>,
}

impl Consumer {
    /// Finds the consumer of this name, or registers it, and waits until it can be used.
    pub(super) async fn open(
        client: &Client,
        tuning: &Tuning,
        seed: u64,
        stream_arn: &str,
        name: String,
    ) -> Result<Self> {
        let (begun, mut backoff) = (Instant::now(), Backoff::new(tuning.backoff, seed));
        loop {
            let (arn, name_of) = (stream_arn, name.as_str());
            let found = persist(client, tuning, seed, |client| Box::pin(client.consumer(arn, name_of))).await?;
            if let Some(arn) = found {
                return Ok(Self { stream_arn: stream_arn.to_owned(), name, arn: Mutex::new(arn) });
            }
            if begun.elapsed() > tuning.patience {
                let trouble = Trouble::busy("DescribeStreamConsumer", format!("the consumer {name} is not active"));
                return Err(trouble.error(&format!("stream {}", client.stream)));
            }
            // A consumer becomes active seconds after it is registered.
            tokio::time::sleep(backoff.next()).await;
        }
    }

    pub(super) fn arn(&self) -> String {
        self.arn.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Registers the consumer again if it is gone; whether it was.
    pub(super) async fn renew(&self, client: &Client) -> Result<bool, Trouble> {
        let Some(found) = client.consumer(&self.stream_arn, &self.name).await? else { return Ok(true) };
        let known = &mut *self.arn.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::replace(known, found.clone()) != found)
    }
}

impl Client {
    /// The ARN of the consumer of this name, which is registered unless it is; none as long as it cannot be used.
    pub(super) async fn consumer(&self, stream_arn: &str, name: &str) -> Result<Option<String>, Trouble> {
        let described = self.sdk.describe_stream_consumer().stream_arn(stream_arn).consumer_name(name).send().await;
        let trouble = match described.map(|answer| answer.consumer_description) {
            Ok(Some(found)) if found.consumer_status == ConsumerStatus::Active => return Ok(Some(found.consumer_arn)),
            Ok(_) => return Ok(None),
            Err(error) => self.trouble("DescribeStreamConsumer", &error),
        };
        if trouble.class != Class::Missing {
            return Err(trouble);
        }
        let registered = self.sdk.register_stream_consumer().stream_arn(stream_arn).consumer_name(name).send().await;
        match registered.map_err(|error| self.trouble("RegisterStreamConsumer", &error)) {
            Ok(_) => Ok(None),
            // Another reader of this pipeline, or an answer that was lost.
            Err(trouble) if trouble.class == Class::Busy => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    pub(super) async fn deregister(&self, consumer: &Consumer) -> Result<(), Trouble> {
        let arn = consumer.arn();
        let answer = self.sdk.deregister_stream_consumer().consumer_arn(&arn).send().await;
        answer.map(|_| ()).map_err(|error| Trouble::new("DeregisterStreamConsumer", &error).on(&arn.into()))
    }

    pub(super) async fn subscribe(
        &self,
        consumer: &Consumer,
        shard: &str,
        at: At<'_>,
        patience: Duration,
    ) -> Result<SubscribeToShardOutput, Trouble> {
        const OPERATION: &str = "SubscribeToShard";
        let position = StartingPosition::builder();
        let position = match at {
            At::Origin(Origin::TrimHorizon) => position.r#type(ShardIteratorType::TrimHorizon),
            At::Origin(Origin::At(time)) => {
                position.r#type(ShardIteratorType::AtTimestamp).timestamp(DateTime::from_millis(time.millis()))
            }
            At::Sequence(number) => position.r#type(ShardIteratorType::AtSequenceNumber).sequence_number(number),
            At::After(number) => position.r#type(ShardIteratorType::AfterSequenceNumber).sequence_number(number),
        };
        let position = position.build().map_err(|error| Trouble::transient(OPERATION, error.to_string()))?;
        let arn = consumer.arn();
        let request = self.sdk.subscribe_to_shard().consumer_arn(&arn).shard_id(shard);
        // A shard may be silent for as long as it likes; that the connection is alive is watched by the reader.
        let quiet = Builder::new().stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        let send = request.starting_position(position).customize().config_override(quiet).send();
        // The SDK's own limits end with the head of the answer.
        match tokio::time::timeout(patience, send).await {
            Ok(answer) => answer.map_err(|error| Trouble::new(OPERATION, &error).on(&arn.into())),
            Err(_) => Err(Trouble::transient(OPERATION, format!("no answer within {patience:?}"))),
        }
    }
}
