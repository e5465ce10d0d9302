//! Enhanced fan-out: the consumers of a stream, and who is subscribed to a shard.

use super::model::{Sequence, Status, Stream, as_millis, shard_id};
use super::refusal::Refusal;
use super::state::{Admitted, Answer, State, StreamReference, millis, not_active, parse, seconds};
use super::streams::{extend, reply};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A registered consumer.
pub(super) struct Consumer {
    pub(super) name: String,
    pub(super) arn: String,
    created: i64,
    pub(super) busy: Option<(Status, i64)>,
    /// The last subscription to each shard: its number, and when it was begun.
    subscriptions: BTreeMap<usize, (u64, i64)>,
}

impl Consumer {
    fn describe(&self) -> Value {
        json!({
            "ConsumerName": self.name,
            "ConsumerARN": self.arn,
            "ConsumerStatus": self.status(),
            "ConsumerCreationTimestamp": seconds(self.created),
        })
    }

    fn status(&self) -> &'static str {
        match self.busy {
            None => "ACTIVE",
            Some((Status::Deleting, _)) => "DELETING",
            Some(_) => "CREATING",
        }
    }

    /// Whether this is still the subscription to the shard that counts.
    pub(super) fn serves(&self, shard: usize, number: u64) -> bool {
        self.subscriptions.get(&shard).is_some_and(|(last, _)| *last == number)
    }
}

/// Where a subscription begins.
pub(super) struct Begin {
    pub(super) stream: String,
    pub(super) stamp: u64,
    pub(super) shard: usize,
    pub(super) consumer: String,
    /// Tells it from the others of the consumer.
    pub(super) number: u64,
    pub(super) from: Sequence,
    /// When it ends, on the clock of the server.
    pub(super) until: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Register {
    #[serde(flatten)]
    stream: StreamReference,
    consumer_name: String,
}

/// How a request names a consumer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConsumerReference {
    #[serde(flatten)]
    stream: StreamReference,
    consumer_name: Option<String>,
    #[serde(rename = "ConsumerARN")]
    consumer_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListConsumers {
    #[serde(flatten)]
    stream: StreamReference,
    next_token: Option<String>,
    max_results: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Subscribe {
    #[serde(rename = "ConsumerARN")]
    consumer_arn: String,
    shard_id: String,
    starting_position: StartingPosition,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StartingPosition {
    r#type: String,
    sequence_number: Option<String>,
    timestamp: Option<f64>,
}

fn no_consumer(what: &str) -> Refusal {
    Refusal::not_found(format!("Consumer {what} not found."))
}

/// The stream in the ARN of a consumer.
fn stream_of(consumer: &str) -> Result<&str, Refusal> {
    let path = consumer.split_once(":stream/").map(|(_, path)| path);
    path.and_then(|path| path.split('/').next()).ok_or_else(|| no_consumer(consumer))
}

impl Stream {
    /// Consumers become active or go.
    pub(super) fn settle_consumers(&mut self, now: i64) {
        self.consumers.retain_mut(|consumer| match consumer.busy {
            Some((status, until)) if now >= until => {
                consumer.busy = None;
                status != Status::Deleting
            }
            _ => true,
        });
    }

    fn consumer_mut(&mut self, fits: impl Fn(&Consumer) -> bool, what: &str) -> Result<&mut Consumer, Refusal> {
        self.consumers.iter_mut().find(|consumer| fits(consumer)).ok_or_else(|| no_consumer(what))
    }
}

impl State {
    fn consumer_mut(&mut self, body: &[u8]) -> Result<(String, &mut Consumer), Refusal> {
        let request: ConsumerReference = parse(body)?;
        match (&request.consumer_arn, &request.consumer_name) {
            (Some(arn), _) => {
                let name = stream_of(arn)?.to_owned();
                let stream = self.stream_mut(&name)?;
                Ok((stream.arn(), stream.consumer_mut(|consumer| consumer.arn == *arn, arn)?))
            }
            (None, Some(name)) => {
                let stream = self.stream_mut(request.stream.resolve()?)?;
                Ok((stream.arn(), stream.consumer_mut(|consumer| consumer.name == *name, name)?))
            }
            (None, None) => Err(Refusal::invalid("ConsumerARN, or StreamARN with ConsumerName, is required.")),
        }
    }

    pub(super) fn register_stream_consumer(&mut self, body: &[u8]) -> Answer {
        let request: Register = parse(body)?;
        let (now, time, most) = (self.clock.now(), self.limits.transition, self.limits.consumers);
        let name = request.consumer_name;
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if !(1..=128).contains(&name.len()) || !name.bytes().all(valid) {
            return Err(Refusal::new("ValidationException", "ConsumerName must be 1 to 128 of [a-zA-Z0-9_.-]."));
        }
        let stream = self.stream_mut(request.stream.resolve()?)?;
        if !stream.exists() {
            return Err(not_active(stream));
        }
        if stream.consumers.iter().any(|consumer| consumer.name == name) {
            let message = format!("Consumer {name} of stream {} already exists.", stream.name);
            return Err(Refusal::new("ResourceInUseException", message));
        }
        if stream.consumers.len() >= most {
            let message = format!("Stream {} has {most} consumers, which is the most there can be.", stream.name);
            return Err(Refusal::new("LimitExceededException", message));
        }
        let consumer = Consumer {
            arn: format!("{}/consumer/{name}:{}", stream.arn(), now.div_euclid(1_000)),
            name,
            created: now,
            busy: (!time.is_zero()).then(|| (Status::Creating, now.saturating_add(as_millis(time)))),
            subscriptions: BTreeMap::new(),
        };
        let mut described = consumer.describe();
        // The answer is from before it is made.
        extend(&mut described, json!({ "ConsumerStatus": "CREATING" }));
        stream.consumers.push(consumer);
        Ok(reply(&json!({ "Consumer": described })))
    }

    pub(super) fn describe_stream_consumer(&mut self, body: &[u8]) -> Answer {
        let (arn, consumer) = self.consumer_mut(body)?;
        let mut described = consumer.describe();
        extend(&mut described, json!({ "StreamARN": arn }));
        Ok(reply(&json!({ "ConsumerDescription": described })))
    }

    pub(super) fn deregister_stream_consumer(&mut self, body: &[u8]) -> Answer {
        let (now, time) = (self.clock.now(), self.limits.transition);
        let (_, consumer) = self.consumer_mut(body)?;
        consumer.subscriptions.clear();
        consumer.busy = Some((Status::Deleting, now.saturating_add(as_millis(time))));
        Ok(Vec::new())
    }

    pub(super) fn list_stream_consumers(&mut self, body: &[u8]) -> Answer {
        let request: ListConsumers = parse(body)?;
        let stream = self.stream(request.stream.resolve()?)?;
        // The token is the name of the last consumer of the page before.
        let after = request.next_token.unwrap_or_default();
        let mut consumers: Vec<_> = stream.consumers.iter().filter(|consumer| consumer.name > after).collect();
        consumers.sort_by(|left, right| left.name.cmp(&right.name));
        let size = request.max_results.unwrap_or(100).clamp(1, 10_000);
        let more = consumers.len() > size;
        consumers.truncate(size);
        let token = consumers.last().filter(|_| more).map(|consumer| consumer.name.as_str());
        let described: Vec<Value> = consumers.iter().map(|consumer| consumer.describe()).collect();
        Ok(reply(&json!({ "Consumers": described, "NextToken": token })))
    }

    /// SubscribeToShard, whose answer goes on.
    pub(super) fn subscribe(&mut self, admitted: &Admitted, body: &[u8]) -> Result<Begin, Refusal> {
        let prevented = admitted.fault.as_ref().and_then(|fault| fault.refusal(admitted.shard.as_deref()));
        let begun = prevented.map_or_else(|| self.begin(body), Err);
        self.note(admitted, begun.as_ref().err().map(|refusal| refusal.code.clone()));
        begun
    }

    fn begin(&mut self, body: &[u8]) -> Result<Begin, Refusal> {
        let request: Subscribe = parse(body)?;
        let (now, life) = (self.clock.now(), as_millis(self.limits.subscription_life));
        let gap = as_millis(self.limits.resubscription_gap);
        let arn = request.consumer_arn;
        let name = stream_of(&arn)?.to_owned();
        self.present(&name)?;
        self.subscriptions += 1;
        let number = self.subscriptions;
        let stream = self.stream_mut(&name)?;
        let shard = stream.shard(&request.shard_id)?.number;
        let position = request.starting_position;
        let from = stream.start_of(
            shard,
            &position.r#type,
            position.sequence_number.as_deref(),
            position.timestamp.map(millis),
            now,
        )?;
        let stamp = stream.stamp;
        let consumer = stream.consumer_mut(|consumer| consumer.arn == arn, &arn)?;
        if consumer.busy.is_some() {
            let message = format!("Consumer {} not ACTIVE, instead in state {}", consumer.name, consumer.status());
            return Err(Refusal::new("ResourceInUseException", message));
        }
        if consumer.subscriptions.get(&shard).is_some_and(|(_, begun)| now < begun.saturating_add(gap)) {
            let (name, id) = (&consumer.name, shard_id(shard));
            let message = format!("Another active subscription exists for consumer {name} and shard {id}.");
            return Err(Refusal::new("ResourceInUseException", message));
        }
        consumer.subscriptions.insert(shard, (number, now));
        Ok(Begin { stream: name, stamp, shard, consumer: arn, number, from, until: now.saturating_add(life) })
    }
}
