//! The streams of a source: each with its shards, and where they begin at the first start.
//!
//! In a checkpoint a shard is `shardId-000000000001`; of a source with several streams it is `NAME/shardId-000000000001`, with
//! the ARN in the place of the name if two streams have the same name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::client::Client;
use super::consumer::Consumer;
use super::lister::persist;
use super::options::Kinesis;
use super::position::{Origin, Position};
use super::reader::{Context, lost, recreated};
use super::shards::{Listed, Shard, Shards};
use crate::Result;
use crate::error::{Error, Kind};
use crate::source::{PartitionState, Resume, order_of};
use crate::time::Timestamp;

/// Numbers of shards, in the lower bits of the number of a partition; above them is that of the stream.
const SHARD_BITS: u32 = 24;
/// The most streams of a source.
const MOST: usize = 200;

/// A stream.
pub(super) struct Stream {
    pub(super) context: Arc<Context>,
    /// What `record.stream` is.
    pub(super) name: Arc<str>,
    pub(super) shards: Shards,
    /// Has the shards listed at once.
    pub(super) poke: Arc<Notify>,
    starts: Starts,
    /// Whether the checkpoint has no positions of it.
    fresh: bool,
    /// What the ids of its shards begin with.
    prefix: String,
    number: usize,
}

/// Where the shards of the first list begin. In a checkpoint a text if there is nothing of single shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Starts {
    All(Origin),
    Some { all: Origin, shards: BTreeMap<String, Position> },
}

impl Starts {
    /// What the options mean at `now`.
    fn resolve(options: &Kinesis, prefix: &str, now: Timestamp) -> Result<Self> {
        let all = options.start.resolve(now)?;
        let of_this = options.start_of.iter().filter_map(|(shard, start)| Some((shard.strip_prefix(prefix)?, start)));
        let shards: BTreeMap<_, _> =
            of_this.map(|(shard, start)| Ok((shard.to_owned(), start.position(now)?))).collect::<Result<_>>()?;
        Ok(if shards.is_empty() { Self::All(all) } else { Self::Some { all, shards } })
    }

    fn all(&self) -> Origin {
        match self {
            Self::All(all) | Self::Some { all, .. } => *all,
        }
    }
}

/// Opens the streams that the options name.
pub(super) async fn open(options: &Kinesis, resume: &mut Resume, now: Timestamp, seed: u64) -> Result<Vec<Stream>> {
    let each: Vec<Kinesis> = options.each().collect();
    let prefixes = prefixes(&each)?;
    if each.len() > MOST {
        let message = format!("there are {} streams in one source", each.len());
        return Err(
            Error::new(Kind::Config, message).help(format!("give at most {MOST}, and the rest to another pipeline"))
        );
    }
    let known = |(shard, _): &&(String, _)| prefixes.iter().any(|prefix| shard.starts_with(prefix.as_str()));
    if let Some((shard, _)) = options.start_of.iter().find(|shard| !known(shard)) {
        return Err(Error::new(Kind::Config, format!("start_of names `{shard}`, which is in none of the streams"))
            .help("with several streams write `STREAM/shardId-..`"));
    }
    let room = usize::try_from(options.fetch_buffer_size).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
    let room = Arc::new(Semaphore::new(room));
    let mut streams = Vec::with_capacity(each.len());
    for (number, (options, prefix)) in each.into_iter().zip(prefixes).enumerate() {
        let client = Client::new(&options).await?;
        let summary = persist(&client, &options.tuning, seed, |client| Box::pin(client.describe())).await?;
        let alone = prefix.is_empty();
        let label = prefix.trim_end_matches('/');
        let part = |whole: &Option<Value>| match whole {
            Some(Value::Object(parts)) if !alone => parts.get(label).cloned(),
            Some(_) if !alone => None,
            whole => whole.clone().filter(|whole| !whole.is_null()),
        };
        if let Some(identity) = part(&resume.identity) {
            if identity.get("stream_arn") != summary.identity().get("stream_arn") {
                let known = identity.get("stream_arn").and_then(Value::as_str).unwrap_or("another stream");
                let message = format!("the checkpoint is of {known}, and not of {}", summary.arn);
                return Err(Error::new(Kind::Config, message).help("give each stream a checkpoint of its own"));
            }
            if identity != summary.identity() {
                return Err(recreated(&client.stream));
            }
        }
        let starts = match part(&resume.starts) {
            Some(starts) => Starts::deserialize(&starts).map_err(|error| {
                Error::new(Kind::Config, format!("the checkpoint's start of stream {label} is `{starts}`: {error}"))
                    .help("the checkpoint is another pipeline's or of a newer version")
            })?,
            None => Starts::resolve(&options, &prefix, now)?,
        };
        let consumer = match options.consumer_mode.0 {
            true => {
                let name = options.consumer(resume.pipeline.as_deref())?;
                Some(Consumer::open(&client, &options.tuning, seed, &summary.arn, name).await?)
            }
            false => None,
        };
        let name = if label.starts_with("arn:") { label } else { options.name() };
        let mut stream = Stream {
            name: name.into(),
            shards: Shards::default(),
            poke: Arc::new(Notify::new()),
            starts,
            fresh: false,
            number,
            context: Arc::new(Context {
                summary,
                room: Arc::clone(&room),
                consumer,
                closed: Mutex::default(),
                client,
                options,
            }),
            prefix,
        };
        stream.restore(&mut resume.partitions, seed).await?;
        streams.push(stream);
    }
    match resume.partitions.keys().next() {
        None => Ok(streams),
        Some(id) => {
            Err(Error::new(Kind::Config, format!("the checkpoint has a position of `{id}`, which no stream has"))
                .help("read the streams it was written for, or start with a fresh checkpoint and output"))
        }
    }
}

/// What the ids of each stream's shards begin with.
fn prefixes(each: &[Kinesis]) -> Result<Vec<String>> {
    for options in each {
        options.check()?;
    }
    let same = |options: &Kinesis| each.iter().filter(|other| other.name() == options.name()).count() > 1;
    let prefix = |options: &Kinesis| format!("{}/", if same(options) { &options.stream } else { options.name() });
    let prefixes: Vec<String> = match each {
        [_] => vec![String::new()],
        each => each.iter().map(prefix).collect(),
    };
    for (at, prefix) in prefixes.iter().enumerate() {
        if prefixes.iter().take(at).any(|other| other == prefix) {
            let message = format!("the stream `{}` is named twice", prefix.trim_end_matches('/'));
            return Err(Error::new(Kind::Config, message).help("name it once"));
        }
    }
    Ok(prefixes)
}

/// One of each stream, by their names if there are several.
pub(super) fn joined(streams: &[Stream], part: impl Fn(&Stream) -> Value) -> Value {
    match streams {
        [stream] => part(stream),
        streams => {
            let parts = streams.iter().map(|stream| (stream.prefix.trim_end_matches('/').to_owned(), part(stream)));
            Value::Object(parts.collect::<Map<_, _>>())
        }
    }
}

/// The number of the stream that a partition is of.
pub(super) fn stream_of(partition: u32) -> usize {
    (partition >> SHARD_BITS) as usize
}

/// The shard that a partition is.
pub(super) fn shard_of(streams: &mut [Stream], partition: u32) -> Option<&mut Shard> {
    streams.get_mut(stream_of(partition))?.shards.get_mut(partition & ((1 << SHARD_BITS) - 1))
}

impl Stream {
    /// The number of the partition that a shard is.
    pub(super) fn partition(&self, shard: u32) -> u32 {
        ((self.number as u32) << SHARD_BITS) | shard
    }

    /// The id of a shard in a checkpoint.
    pub(super) fn id(&self, shard: &str) -> String {
        format!("{}{shard}", self.prefix)
    }

    pub(super) fn identity(&self) -> Value {
        self.context.summary.identity()
    }

    pub(super) fn starts(&self) -> Value {
        // Texts and numbers always have a value.
        serde_json::to_value(&self.starts).unwrap_or(Value::Null)
    }

    /// The time from which on records are read, if nothing was read yet and it was not the oldest record that was wanted.
    pub(super) fn since(&self) -> Option<Timestamp> {
        match self.starts.all() {
            Origin::At(time) if self.fresh => Some(time),
            _ => None,
        }
    }

    /// Takes its shards out of a checkpoint, and lists those that the service has.
    async fn restore(&mut self, partitions: &mut BTreeMap<String, PartitionState>, seed: u64) -> Result<()> {
        let own: Vec<String> = partitions.keys().filter(|id| id.starts_with(&self.prefix)).cloned().collect();
        let first = own.is_empty();
        self.fresh = first;
        for id in own {
            let (Some(state), Some(shard)) = (partitions.remove(&id), id.strip_prefix(&self.prefix)) else { continue };
            let position = Position::parse(&state.to, &self.name, shard)?;
            let position = if state.drained { position.of_drained() } else { position };
            self.shards.resume(shard, position, state.drained, state.parents);
        }
        let (asked, context) = (Instant::now(), Arc::clone(&self.context));
        let tuning = &context.options.tuning;
        let list = persist(&context.client, tuning, seed, |client| Box::pin(client.list())).await?;
        // Shards that came after the first start are children, and begin at their beginning.
        self.update(list, if first { self.starts.all() } else { Origin::TrimHorizon }, asked)?;
        if first && let Starts::Some { shards, .. } = &self.starts {
            for (id, position) in shards {
                let shard = self.shards.number(id).and_then(|number| self.shards.get_mut(number));
                let Some(shard) = shard else {
                    let message = format!("start_of names `{id}`, but {} has no such shard", self.context.place());
                    return Err(
                        Error::new(Kind::Config, message).help("list its shards with `aws kinesis list-shards`")
                    );
                };
                (shard.position, shard.reported) = (position.clone(), position.value());
                // What follows the record may have been lost since it was read.
                shard.resumed = position.sequence_number.is_some();
            }
        }
        Ok(())
    }

    /// Takes over a list of its shards.
    pub(super) fn update(&mut self, list: Vec<Listed>, origin: Origin, asked: Instant) -> Result<()> {
        self.context.note_closed(&list);
        for number in self.shards.update(list, origin, asked) {
            if let Some(shard) = self.shards.get_mut(number) {
                let last = shard.position.sequence_number.as_deref();
                lost(&self.context, &shard.id, last, "the shard is not there any more")?;
                shard.drain(asked);
            }
        }
        if !self.prefix.is_empty() {
            for (_, shard) in self.shards.iter_mut() {
                shard.order = order_of(&format!("{}{}", self.prefix, shard.id));
            }
        }
        Ok(())
    }
}
