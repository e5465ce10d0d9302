//! A record as a pipeline sees it, and how a chunk holds many of them.

use std::sync::Arc;

use aws_sdk_kinesis::types::Record as Fetched;
use md5::{Digest, Md5};

use super::kpl::Aggregate;
use crate::source::{Chunk, Place, Record};
use crate::time::Timestamp;

/// A record of [`kinesis`](super::kinesis): the columns before `decode`, and `record` after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KinesisRecord<'a> {
    /// The payload (`data`).
    pub data: &'a [u8],
    /// The partition key (`partitionKey`); empty if the producer gave none.
    pub partition_key: &'a str,
    /// The hash key that the producer gave, as a decimal number; known only of records that a producer has packed.
    pub explicit_hash_key: Option<&'a str>,
    /// The name of the stream (`stream`).
    pub stream: &'a str,
    /// The shard (`shardId`).
    pub shard_id: &'a str,
    /// The sequence number (`sequenceNumber`), a decimal number of up to 56 digits. Records that a producer has packed
    /// into one have the same.
    pub sequence_number: &'a str,
    /// The place among the records that a producer has packed into one, from 0; 0 for all others.
    pub sub_sequence_number: u64,
    /// When the record arrived at the stream (`approximateArrivalTimestamp`), in milliseconds of the service.
    pub approximate_arrival_timestamp: Timestamp,
}

crate::row!(
    KinesisBuilders,
    KinesisRecord<'_> {
        data: Vec<u8>,
        partition_key: String,
        explicit_hash_key: Option<String>,
        stream: String,
        shard_id: String,
        sequence_number: String,
        sub_sequence_number: u64,
        approximate_arrival_timestamp: Timestamp,
    }
);

impl<'a> Record<'a> for KinesisRecord<'a> {
    fn place(&self) -> Place {
        let position = match self.sub_sequence_number {
            0 => self.sequence_number.to_owned(),
            sub => format!("{}/{sub}", self.sequence_number),
        };
        Place {
            source: self.stream.to_owned(),
            partition: self.shard_id.to_owned(),
            position,
            arrival: Some(self.approximate_arrival_timestamp),
        }
    }
}

/// What a chunk of [`kinesis`](super::kinesis) carries besides payloads.
#[derive(Debug)]
pub struct KinesisMeta {
    stream: Arc<str>,
    shard: Arc<str>,
    /// Sequence numbers and keys, one after the other.
    text: String,
    /// One for each Kinesis record, however many user records it holds.
    units: Vec<Unit>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Copy)]
struct Unit {
    sequence_number: (u32, u32),
    arrival: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    unit: u32,
    sub: u32,
    partition_key: (u32, u32),
    /// [`NONE`] if there is none.
    hash_key: (u32, u32),
}

/// No text begins here.
const NONE: (u32, u32) = (u32::MAX, u32::MAX);

impl KinesisMeta {
    /// What records that a unit test pushes carry: made-up numbers of one shard, all with the partition key `test`.
    pub(super) fn made_up(stream: &str, records: usize) -> Self {
        let arrival = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap_or_default();
        let mut text = "test".to_owned();
        let (mut units, mut rows) = (Vec::new(), Vec::new());
        for (unit, number) in (0_u32..).zip(0..records) {
            let from = text.len() as u32;
            text.push_str(&number.to_string());
            units.push(Unit { sequence_number: (from, text.len() as u32), arrival });
            rows.push(Row { unit, sub: 0, partition_key: (0, 4), hash_key: NONE });
        }
        Self { stream: stream.into(), shard: "shardId-000000000000".into(), text, units, rows }
    }

    fn text(&self, span: (u32, u32)) -> Option<&str> {
        self.text.get(span.0 as usize..span.1 as usize)
    }

    #[inline]
    pub(super) fn record<'a>(&'a self, chunk: &'a Chunk, index: usize) -> KinesisRecord<'a> {
        let row = self.rows.get(index);
        let unit = row.and_then(|row| self.units.get(row.unit as usize));
        KinesisRecord {
            data: chunk.payload(index),
            partition_key: row.and_then(|row| self.text(row.partition_key)).unwrap_or_default(),
            explicit_hash_key: row.filter(|row| row.hash_key != NONE).and_then(|row| self.text(row.hash_key)),
            stream: &self.stream,
            shard_id: &self.shard,
            sequence_number: unit.and_then(|unit| self.text(unit.sequence_number)).unwrap_or_default(),
            sub_sequence_number: row.map_or(0, |row| u64::from(row.sub)),
            approximate_arrival_timestamp: unit.map_or(Timestamp::default(), |unit| unit.arrival),
        }
    }
}

/// When a record arrived. Of a subscription, the SDK reads the time as a float and keeps nanoseconds that are a little off:
/// round.
pub(super) fn arrival(record: &Fetched) -> Timestamp {
    let micros = record.approximate_arrival_timestamp.as_ref().and_then(|time| {
        let rounded = (i64::from(time.subsec_nanos()) + 500) / 1_000;
        time.secs().checked_mul(1_000_000)?.checked_add(rounded)
    });
    Timestamp::from_micros(micros.unwrap_or_default())
}

/// The hash keys of a shard; both ends are in it.
pub(super) type HashRange = (u128, u128);

/// Builds a chunk.
pub(super) struct Packer {
    pub(super) data: Vec<u8>,
    pub(super) spans: Vec<(u32, u32)>,
    meta: KinesisMeta,
}

impl Packer {
    /// With room for so many records that have so many bytes.
    pub(super) fn new(stream: &Arc<str>, shard: &Arc<str>, records: usize, bytes: usize) -> Self {
        let meta = KinesisMeta {
            stream: Arc::clone(stream),
            shard: Arc::clone(shard),
            text: String::with_capacity(records * 72),
            units: Vec::with_capacity(records),
            rows: Vec::with_capacity(records),
        };
        Self { data: Vec::with_capacity(bytes), spans: Vec::with_capacity(records), meta }
    }

    /// Bytes held so far.
    pub(super) fn len(&self) -> usize {
        self.data.len() + self.meta.text.len()
    }

    pub(super) fn plain(&mut self, record: &Fetched) {
        self.unit(record);
        self.row(0, record.partition_key().unwrap_or_default(), None, record.data.as_ref());
    }

    /// The user records of an aggregate that belong to the shard, without the first ones that are repeats.
    pub(super) fn aggregate(
        &mut self,
        record: &Fetched,
        aggregate: &Aggregate<'_>,
        range: Option<HashRange>,
        repeated: usize,
    ) {
        self.unit(record);
        for (sub, user) in aggregate.records().enumerate().skip(repeated) {
            if belongs(range, user.partition_key, user.explicit_hash_key) {
                self.row(sub as u32, user.partition_key, user.explicit_hash_key, user.data);
            }
        }
    }

    pub(super) fn finish(self) -> (Vec<u8>, Vec<(u32, u32)>, KinesisMeta) {
        (self.data, self.spans, self.meta)
    }

    fn unit(&mut self, record: &Fetched) {
        let sequence_number = self.push(&record.sequence_number);
        self.meta.units.push(Unit { sequence_number, arrival: arrival(record) });
    }

    fn row(&mut self, sub: u32, partition_key: &str, hash_key: Option<&str>, data: &[u8]) {
        let unit = (self.meta.units.len() as u32).saturating_sub(1);
        let partition_key = self.push(partition_key);
        let hash_key = hash_key.map_or(NONE, |key| self.push(key));
        self.meta.rows.push(Row { unit, sub, partition_key, hash_key });
        let start = self.data.len() as u32;
        self.data.extend_from_slice(data);
        self.spans.push((start, self.data.len() as u32));
    }

    fn push(&mut self, text: &str) -> (u32, u32) {
        let start = self.meta.text.len() as u32;
        self.meta.text.push_str(text);
        (start, self.meta.text.len() as u32)
    }
}

/// How many user records of an aggregate belong to the shard, without the first ones that are repeats.
pub(super) fn belonging(aggregate: &Aggregate<'_>, range: Option<HashRange>, repeated: usize) -> usize {
    match range {
        None | Some((0, u128::MAX)) => aggregate.len().saturating_sub(repeated),
        Some(_) => {
            let records = aggregate.records().skip(repeated);
            records.filter(|user| belongs(range, user.partition_key, user.explicit_hash_key)).count()
        }
    }
}

/// Whether the hash key of a user record is in the range of the shard.
///
/// A producer that has not noticed a reshard packs records of other shards into an aggregate. Amazon's own consumers
/// drop them, and so do we: readers of either kind agree on what a stream holds.
fn belongs(range: Option<HashRange>, partition_key: &str, explicit_hash_key: Option<&str>) -> bool {
    let Some((first, last)) = range else { return true };
    if (first, last) == (0, u128::MAX) {
        return true;
    }
    let hash = explicit_hash_key.and_then(|key| key.parse().ok()).unwrap_or_else(|| {
        let digest: [u8; 16] = Md5::digest(partition_key.as_bytes()).into();
        u128::from_be_bytes(digest)
    });
    (first..=last).contains(&hash)
}
