//! `from topic({broker}, "orders", on_data_loss = skip)`: the records of a topic, whose positions are as Kafka's: the id of the
//! topic, the partition, and the offset of the next record. Offsets have holes, where a record was compacted away, a
//! transaction was aborted or ended.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use millstream::Result;
use millstream::error::{Error, Kind};
use millstream::source::{
    BoxFuture, Chunk, ChunkSender, Description, Feed, Fetched, Limits, Metrics, PartitionProgress, PartitionState,
    Place, Record, Resume, Source, order_of,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::broker::Broker;

/// `from topic({broker}, "orders")`
pub fn topic(broker: Broker, name: impl Into<String>) -> Topic {
    Topic { broker, name: name.into(), on_data_loss: fail }
}

/// The source [`topic`].
#[derive(Clone)]
pub struct Topic {
    broker: Broker,
    name: String,
    on_data_loss: OnDataLoss,
}

/// What is done when records are gone that were not read.
#[derive(Clone, Copy, PartialEq)]
pub struct OnDataLoss(bool);

/// `on_data_loss = fail`: stop; the default.
#[allow(non_upper_case_globals)]
pub const fail: OnDataLoss = OnDataLoss(false);
/// `on_data_loss = skip`: go on with the oldest that is there, and count it as `losses`.
#[allow(non_upper_case_globals)]
pub const skip: OnDataLoss = OnDataLoss(true);

impl Topic {
    /// What is done when records are gone that were not read.
    #[must_use]
    pub fn on_data_loss(mut self, policy: OnDataLoss) -> Self {
        self.on_data_loss = policy;
        self
    }

    fn id(&self, partition: usize) -> String {
        format!("{}/{partition}", self.name)
    }

    /// Stops, or goes on, as the option wants.
    fn lost(&self, partition: usize, what: &str, metrics: &mut Metrics) -> Result<()> {
        if self.on_data_loss == skip {
            metrics.count("losses", 1.0);
            return Ok(());
        }
        let message = format!("records of topic `{}`, partition {partition}, may be lost: {what}", self.name);
        Err(Error::new(Kind::DataLoss, message).help("to go on with what is there set `on_data_loss = skip`"))
    }
}

/// A record: the columns before `decode`, and `record` after it.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// The payload.
    pub data: &'a [u8],
    /// The topic.
    pub topic: &'a str,
    /// The number of the partition.
    pub partition: u32,
    /// The offset in it.
    pub offset: u64,
}
millstream::row!(MessageBuilders, Message<'_> { data: Vec<u8>, topic: String, partition: u32, offset: u64 });

impl<'a> Record<'a> for Message<'a> {
    fn place(&self) -> Place {
        let (source, partition) = (self.topic.to_owned(), format!("partition {}", self.partition));
        Place { source, partition, position: self.offset.to_string(), arrival: None }
    }
}

/// What a chunk carries besides payloads.
pub struct Meta {
    topic: String,
    offsets: Vec<u64>,
}

/// Where a partition is, as the checkpoint keeps it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    topic_id: String,
    /// The offset to go on at.
    next: u64,
    /// How many records were handed out, over all runs and topics of this name.
    n: u64,
}

impl Source for Topic {
    type Record<'a> = Message<'a>;
    type Meta = Meta;

    fn record<'a>(chunk: &'a Chunk, meta: &'a Meta, index: usize) -> Message<'a> {
        let offset = meta.offsets.get(index).copied().unwrap_or_default();
        Message { data: chunk.payload(index), topic: &meta.topic, partition: chunk.partition, offset }
    }

    fn describe(&self) -> Description {
        Description { kind: "topic", target: self.name.clone(), options: Vec::new(), replayable: true, finite: false }
    }

    fn open(&self, resume: Resume) -> BoxFuture<'_, Result<Box<dyn Feed>>> {
        let consumer = Consumer { topic: self.clone(), known: resume.partitions, parts: Vec::new(), present: None };
        Box::pin(async move { Ok(Box::new(consumer) as Box<dyn Feed>) })
    }
}

/// Records that are asked for at a time.
const PAGE: usize = 1_000;

struct Consumer {
    topic: Topic,
    /// Positions of the checkpoint that no partition has been found for.
    known: BTreeMap<String, PartitionState>,
    /// Where each partition is; nothing before it was first looked at.
    parts: Vec<Option<Position>>,
    /// The ends of the partitions, if only what was there is to be read.
    present: Option<Vec<u64>>,
}

impl Consumer {
    /// Takes up partitions that are new, and forgets those that are gone. Gives the ids of these.
    fn discover(&mut self) -> Result<Vec<String>> {
        let partitions = self.topic.broker.partitions(&self.topic.name)?;
        let mut gone: Vec<String> = (partitions..self.parts.len()).map(|number| self.topic.id(number)).collect();
        self.parts.truncate(partitions);
        for number in self.parts.len()..partitions {
            let id = self.topic.id(number);
            let position = self.known.remove(&id).map(|state| {
                Position::deserialize(&state.to).map_err(|error| {
                    let message = format!("the checkpoint's position of `{id}` is `{}`: {error}", state.to);
                    Error::new(Kind::Config, message).help("the checkpoint is another pipeline's")
                })
            });
            self.parts.push(position.transpose()?);
        }
        gone.extend(std::mem::take(&mut self.known).into_keys());
        Ok(gone)
    }

    /// The next records of a partition, at most `most` of them, as a chunk.
    fn next(&mut self, number: usize, most: usize, metrics: &mut Metrics) -> Result<Chunk> {
        let (topic, part) = (&self.topic, &mut self.parts[number]);
        let until = self.present.as_ref().map_or(u64::MAX, |ends| ends.get(number).copied().unwrap_or(0));
        let read = |from| topic.broker.read(&topic.name, number, from, until, most);
        let mut page = read(part.as_ref().map_or(0, |position| position.next))?;
        let mut position =
            part.take().unwrap_or_else(|| Position { topic_id: page.topic_id.clone(), next: page.begin, n: 0 });
        let lost = if position.topic_id != page.topic_id {
            Some(format!("the topic with the id {} is now another one, {}", position.topic_id, page.topic_id))
        } else if !(page.begin..=page.end).contains(&position.next) {
            Some(format!("offset {} is not within {} and {}", position.next, page.begin, page.end))
        } else {
            None
        };
        if let Some(what) = lost {
            topic.lost(number, &what, metrics)?;
            page = read(page.begin)?;
        }
        let first = position.n;
        position.n += page.records.len() as u64;
        (position.topic_id, position.next) = (page.topic_id, page.next);
        let end = json!(position);
        *part = Some(position);
        let (offsets, payloads): (Vec<u64>, Vec<Vec<u8>>) = page.records.into_iter().unzip();
        let order = order_of(&topic.id(number));
        let meta = Box::new(Meta { topic: topic.name.clone(), offsets });
        Ok(Chunk { partition: number as u32, meta, end, order, ..Chunk::of(&payloads, first) })
    }
}

impl Feed for Consumer {
    fn fetch<'a>(&'a mut self, limits: &'a Limits, out: &'a mut ChunkSender) -> BoxFuture<'a, Result<Fetched>> {
        Box::pin(async move {
            let mut fetched = Fetched { forgotten: self.discover()?, ..Fetched::default() };
            let positions = |parts: &[Option<Position>]| parts.iter().map(|part| json!(part)).collect::<Vec<Value>>();
            let (from, mut rows, mut bytes) = (positions(&self.parts), vec![0; self.parts.len()], 0);
            let share = limits.rows.map_or(usize::MAX, |rows| rows.div_ceil(self.parts.len().max(1) as u64) as usize);
            loop {
                let before = bytes;
                for (number, rows) in rows.iter_mut().enumerate() {
                    let chunk = self.next(number, PAGE.min(share - *rows), &mut fetched.metrics)?;
                    if !chunk.is_empty() {
                        *rows += chunk.len();
                        bytes += chunk.data.len().max(1);
                        out.send(chunk).await;
                    }
                }
                let nothing = bytes == before;
                if bytes >= limits.bytes
                    || Instant::now() >= limits.until
                    || (nothing && (bytes > 0 || self.present.is_some()))
                {
                    break;
                }
                if nothing {
                    // Ask again for what has come.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            let progress = |(number, (from, to)): (usize, (Value, Value))| PartitionProgress {
                partition: number as u32,
                id: self.topic.id(number),
                from,
                to,
                ..PartitionProgress::default()
            };
            fetched.partitions = from.into_iter().zip(positions(&self.parts)).enumerate().map(progress).collect();
            let reached = |(part, end): (&Option<Position>, &u64)| part.as_ref().is_some_and(|part| part.next >= *end);
            fetched.exhausted = self.present.as_ref().is_some_and(|ends| self.parts.iter().zip(ends).all(reached));
            Ok(fetched)
        })
    }

    fn stop_at_present(&mut self) {
        let topic = &self.topic;
        let end = |number| topic.broker.read(&topic.name, number, 0, 0, 0).map_or(0, |page| page.end);
        self.present = Some((0..topic.broker.partitions(&topic.name).unwrap_or(0)).map(end).collect());
    }
}
