//! All the server knows, behind one lock that the HTTP side and the test share.

use super::clock::Clock;
use super::faults::{Call, Chances, Fault, Log, Planned};
use super::limits::Limits;
use super::model::{ACCOUNT, Status, Stream};
use super::refusal::Refusal;
use super::token::{self, IteratorToken};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) struct Shared(Mutex<State>);

pub(super) struct State {
    pub(super) streams: BTreeMap<String, Stream>,
    /// How many streams were ever created.
    pub(super) generations: u64,
    /// How many subscriptions were ever begun.
    pub(super) subscriptions: u64,
    pub(super) limits: Limits,
    pub(super) clock: Clock,
    pub(super) planned: Vec<Planned>,
    pub(super) chances: Option<Chances>,
    /// The second of the clock in which streams have last aged.
    aged: i64,
    pub(super) log: Log,
}

/// So that a number that went wrong does not fill the memory.
const SHARD_LIMIT: usize = 10_000;

/// The answer to a call: the JSON of a success, or why there is none.
pub(super) type Answer = Result<Vec<u8>, Refusal>;

/// A call as it came, with the fault that is to happen to it.
pub(super) struct Admitted {
    pub(super) operation: String,
    pub(super) shard: Option<String>,
    pub(super) fault: Option<Fault>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            streams: BTreeMap::new(),
            generations: 0,
            subscriptions: 0,
            limits: Limits::default(),
            clock: Clock::start(),
            planned: Vec::new(),
            chances: None,
            aged: 0,
            log: Log::default(),
        }))
    }

    /// The lock; a test that panicked while it had it must not make the others panic as well.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.tick();
        state
    }
}

impl State {
    pub(super) fn create(&mut self, name: &str, shards: usize, on_demand: bool) -> Result<(), Refusal> {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if !(1..=128).contains(&name.len()) || !name.bytes().all(valid) {
            return Err(Refusal::new(
                "ValidationException",
                format!("Value '{name}' at 'streamName' failed to satisfy constraint: 1 to 128 of [a-zA-Z0-9_.-]"),
            ));
        }
        if shards == 0 {
            return Err(Refusal::invalid("ShardCount must be greater than 0."));
        }
        if shards > SHARD_LIMIT {
            return Err(Refusal::new(
                "LimitExceededException",
                format!("This server has at most {SHARD_LIMIT} shards."),
            ));
        }
        if self.streams.contains_key(name) {
            return Err(Refusal::new(
                "ResourceInUseException",
                format!("Stream {name} under account {ACCOUNT} already exists."),
            ));
        }
        self.generations += 1;
        let now = self.clock.now();
        let stamp = now.unsigned_abs().wrapping_mul(100).wrapping_add(self.generations) % 1_000_000_000_000_000;
        let mut stream = Stream::new(name, shards, on_demand, stamp, now);
        stream.enter(Status::Creating, now, self.limits.transition);
        self.streams.insert(name.to_owned(), stream);
        Ok(())
    }

    /// What time brings: streams become active or go, records are dropped when their retention has passed.
    fn tick(&mut self) {
        let now = self.clock.now();
        self.streams.retain(|_, stream| stream.settle(now));
        if now.div_euclid(1_000) != self.aged {
            self.aged = now.div_euclid(1_000);
            self.streams.values_mut().for_each(|stream| stream.age(now));
        }
    }

    /// Deletes a stream, at once or after a while.
    pub(super) fn delete(&mut self, name: &str) -> Result<(), Refusal> {
        let (now, time) = (self.clock.now(), self.limits.transition);
        let stream = self.stream_mut(name)?;
        stream.enter(Status::Deleting, now, time);
        if time.is_zero() {
            self.streams.remove(name);
        }
        Ok(())
    }

    /// A stream whose shards can be read and written.
    pub(super) fn present(&self, name: &str) -> Result<&Stream, Refusal> {
        self.stream(name).and_then(|stream| if stream.exists() { Ok(stream) } else { Err(no_stream(name)) })
    }

    /// Changes a stream, which has to be active and is not for a while.
    pub(super) fn update<T>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Stream, i64) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let (now, time) = (self.clock.now(), self.limits.transition);
        let stream = self.stream_mut(name)?;
        if stream.status() != "ACTIVE" {
            return Err(not_active(stream));
        }
        let value = change(stream, now)?;
        stream.enter(Status::Updating, now, time);
        Ok(value)
    }

    pub(super) fn stream(&self, name: &str) -> Result<&Stream, Refusal> {
        self.streams.get(name).ok_or_else(|| no_stream(name))
    }

    pub(super) fn stream_mut(&mut self, name: &str) -> Result<&mut Stream, Refusal> {
        self.streams.get_mut(name).ok_or_else(|| no_stream(name))
    }

    /// Takes the fault that is planned for a call, before anything else happens to it.
    pub(super) fn admit(&mut self, operation: &str, body: &[u8]) -> Admitted {
        let shard = shard_of(body);
        let fault = self.next_fault(operation, shard.as_deref());
        Admitted { operation: operation.to_owned(), shard, fault }
    }

    /// Writes the call down and gives its answer.
    pub(super) fn answer(&mut self, admitted: &Admitted, body: &[u8]) -> Answer {
        let shard = admitted.shard.as_deref();
        let prevented = admitted.fault.as_ref().and_then(|fault| fault.refusal(shard));
        let answer = match prevented {
            Some(refusal) => Err(refusal),
            None => self.perform(&admitted.operation, body, admitted.fault.as_ref()),
        };
        self.note(admitted, answer.as_ref().err().map(|refusal| refusal.code.clone()));
        answer
    }

    /// Writes down a call that gets no answer.
    pub(super) fn note_cut(&mut self, admitted: &Admitted) {
        self.note(admitted, None);
    }

    pub(super) fn note(&mut self, admitted: &Admitted, error: Option<String>) {
        let (operation, shard) = (admitted.operation.clone(), admitted.shard.clone());
        self.log.add(Call { operation, shard, at: self.clock.uptime(), error });
    }

    fn perform(&mut self, operation: &str, body: &[u8], fault: Option<&Fault>) -> Answer {
        match operation {
            "DecreaseStreamRetentionPeriod" => self.set_retention(body, false),
            "CreateStream" => self.create_stream(body),
            "DeleteStream" => self.delete_stream(body),
            "DeregisterStreamConsumer" => self.deregister_stream_consumer(body),
            "DescribeStream" => self.describe_stream(body),
            "DescribeStreamConsumer" => self.describe_stream_consumer(body),
            "DescribeStreamSummary" => self.describe_stream_summary(body),
            "GetRecords" => self.get_records(body, fault),
            "GetShardIterator" => self.get_shard_iterator(body),
            "IncreaseStreamRetentionPeriod" => self.set_retention(body, true),
            "ListShards" => self.list_shards(body),
            "ListStreamConsumers" => self.list_stream_consumers(body),
            "ListStreams" => self.list_streams(body),
            "MergeShards" => self.merge_shards(body),
            "PutRecord" => self.put_record(body),
            "PutRecords" => self.put_records(body),
            "RegisterStreamConsumer" => self.register_stream_consumer(body),
            "SplitShard" => self.split_shard(body),
            "UpdateMaxRecordSize" => self.update_max_record_size(body),
            "UpdateShardCount" => self.update_shard_count(body),
            _ => Err(Refusal::new("UnknownOperationException", format!("`{operation}` is not part of this server"))),
        }
    }
}

pub(super) fn not_active(stream: &Stream) -> Refusal {
    let (name, status) = (&stream.name, stream.status());
    let message = format!("Stream {name} under account {ACCOUNT} not ACTIVE, instead in state {status}");
    Refusal::new("ResourceInUseException", message)
}

pub(super) fn no_stream(name: &str) -> Refusal {
    Refusal::not_found(format!("Stream {name} under account {ACCOUNT} not found."))
}

/// How a request names its stream.
#[derive(Deserialize)]
pub(super) struct StreamReference {
    #[serde(rename = "StreamName")]
    name: Option<String>,
    #[serde(rename = "StreamARN")]
    arn: Option<String>,
}

impl StreamReference {
    pub(super) fn new(name: Option<String>, arn: Option<String>) -> Self {
        Self { name, arn }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.name.is_none() && self.arn.is_none()
    }

    pub(super) fn resolve(&self) -> Result<&str, Refusal> {
        let of_arn = self.arn.as_deref().and_then(|arn| arn.rsplit_once(":stream/")).map(|(_, name)| name);
        self.name.as_deref().or(of_arn).ok_or_else(|| Refusal::invalid("Either StreamName or StreamARN is required."))
    }
}

/// The shard a request is about, in whichever member it names it.
fn shard_of(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Members {
        shard_id: Option<String>,
        shard_iterator: Option<String>,
        shard_to_split: Option<String>,
        shard_to_merge: Option<String>,
    }
    let members: Members = serde_json::from_slice(body).ok()?;
    let iterator = members.shard_iterator.and_then(|text| token::decode::<IteratorToken>(&text, "ShardIterator").ok());
    members.shard_id.or(iterator.map(|token| token.shard)).or(members.shard_to_split).or(members.shard_to_merge)
}

/// The members of a request.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::new("ValidationException", error.to_string()))
}

/// Milliseconds since 1970, of a timestamp in the protocol: seconds since 1970, with a fraction.
pub(super) fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

/// A timestamp in the protocol, of milliseconds since 1970.
pub(super) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
