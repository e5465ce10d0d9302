//! What the public documentation of the service promises of consumers and subscriptions.

use std::time::{Duration, Instant};

use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::types::{
    ConsumerStatus, ShardIteratorType as At, StartingPosition, SubscribeToShardEvent, SubscribeToShardEventStream,
};

use super::checks::{Checked, FIRST, Stream, code, ensure, text};

impl Stream<'_> {
    async fn consumer(&self) -> Result<String, String> {
        let arn = self.arn().await?;
        let register = self.client.register_stream_consumer().stream_arn(arn).consumer_name("c").send().await;
        let consumer = register.map_err(text)?.consumer.map(|consumer| consumer.consumer_arn).unwrap_or_default();
        let begun = Instant::now();
        loop {
            let described =
                self.client.describe_stream_consumer().consumer_arn(&consumer).send().await.map_err(text)?;
            if described.consumer_description.is_some_and(|found| found.consumer_status == ConsumerStatus::Active) {
                return Ok(consumer);
            }
            ensure!(begun.elapsed() < Duration::from_secs(20), "the consumer does not become active");
            // Servers take a moment to make one; ask again.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn subscribe(&self, consumer: &str) -> Result<SubscribeToShardOutput, String> {
        let at = StartingPosition::builder().r#type(At::TrimHorizon).build().map_err(text)?;
        let subscribe = self.client.subscribe_to_shard().consumer_arn(consumer).shard_id(FIRST).starting_position(at);
        subscribe.send().await.map_err(text)
    }

    /// The first event of a new subscription for which `enough` is true.
    async fn event(
        &self,
        consumer: &str,
        enough: impl Fn(&SubscribeToShardEvent) -> bool,
    ) -> Result<SubscribeToShardEvent, String> {
        next(&mut self.subscribe(consumer).await?, enough).await
    }
}

/// The next event for which `enough` is true.
async fn next(
    subscription: &mut SubscribeToShardOutput,
    enough: impl Fn(&SubscribeToShardEvent) -> bool,
) -> Result<SubscribeToShardEvent, String> {
    let events = async {
        while let Some(event) = subscription.event_stream.recv().await.map_err(text)? {
            match event {
                SubscribeToShardEventStream::SubscribeToShardEvent(event) if enough(&event) => return Ok(event),
                _ => {}
            }
        }
        Err("the subscription ended without it".to_owned())
    };
    let limited = tokio::time::timeout(Duration::from_secs(10), events).await;
    limited.unwrap_or_else(|_| Err("the subscription did not bring it".to_owned()))
}

/// Runs the check of this name.
pub(super) async fn check(name: &str, stream: &Stream<'_>) -> Checked {
    match name {
        "consumers are registered once" => {
            stream.create(1).await?;
            stream.consumer().await?;
            let arn = stream.arn().await?;
            let again = stream.client.register_stream_consumer().stream_arn(arn).consumer_name("c").send().await;
            let code = code(again);
            ensure!(code == "ResourceInUseException", "{code}");
            Ok(())
        }
        "a subscription brings records" => {
            stream.create(1).await?;
            stream.put("1").await?;
            let consumer = stream.consumer().await?;
            let event = stream.event(&consumer, |event| !event.records.is_empty()).await?;
            ensure!(event.records.len() == 1 && !event.continuation_sequence_number.is_empty(), "{event:?}");
            Ok(())
        }
        "a subscription ends with the children" => {
            stream.create(1).await?;
            stream.put("1").await?;
            stream.split().await?;
            let consumer = stream.consumer().await?;
            let event = stream.event(&consumer, |event| !event.child_shards().is_empty()).await?;
            ensure!(event.child_shards().len() == 2, "{event:?}");
            Ok(())
        }
        "a subscription is taken over after 5 s" => {
            stream.create(1).await?;
            stream.put("1").await?;
            let consumer = stream.consumer().await?;
            let brings = |event: &SubscribeToShardEvent| !event.records.is_empty();
            let mut first = stream.subscribe(&consumer).await?;
            next(&mut first, brings).await?;
            // The service lets a subscription be taken over after five seconds.
            tokio::time::sleep(Duration::from_millis(5_500)).await;
            stream.event(&consumer, brings).await?;
            Ok(())
        }
        other => Err(format!("there is no check `{other}`")),
    }
}
