//! Records that the Kinesis Producer Library has packed: many user records in one Kinesis record.
//!
//! ```text
//! F3 89 9A C2 | AggregatedRecord (protobuf) | MD5 of the protobuf (16 bytes)
//!
//! message AggregatedRecord {                     message Record {
//!   repeated string partition_key_table = 1;       required uint64 partition_key_index = 1;
//!   repeated string explicit_hash_key_table = 2;   optional uint64 explicit_hash_key_index = 2;
//!   repeated Record records = 3;                   required bytes data = 3;
//!   optional Stamp stamp = 100;                    repeated Tag tags = 4;
//! }                                              }
//! ```
//!
//! The [`Stamp`] is millstream's own: its sinks write it, its source reads it, and other consumers pass over it as over
//! every field they do not know.
//!
//! [`open`] checks the whole message once, so that reading it afterwards cannot fail half way: a Kinesis record is
//! either an aggregate with all its user records or a plain record with none, and never something in between.

use md5::{Digest, Md5};

/// The first four bytes of an aggregate.
pub const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];

/// The most user records that [`open`] takes in one aggregate; more is read as a plain record.
///
/// A Kinesis record of 1 MiB holds fewer than 150,000 records even when they are empty, and producers stop far below.
pub const RECORD_LIMIT: usize = 100_000;

const DIGEST_LENGTH: usize = 16;
/// The field of the stamp.
const STAMP: u64 = 100;

/// By what the rows of an aggregate are recognised when they are delivered again after a crash.
///
/// A sink splits the rows of an epoch into lanes by their keys, and writes each lane in order: a row is a repeat if its
/// lane has been read up to it or further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Which sink of which pipeline wrote it, as a digest.
    pub producer: u128,
    /// The epoch of that pipeline.
    pub epoch: u64,
    /// The lane.
    pub lane: u32,
    /// The number in its lane and epoch of the first row in the aggregate; those after it count on.
    pub first: u64,
}

impl Stamp {
    fn read(message: &[u8]) -> Option<Self> {
        let (mut producer, mut epoch, mut lane, mut first) = (None, None, None, None);
        let mut fields = Fields(message);
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Bytes(digest)) => producer = digest.try_into().ok().map(u128::from_be_bytes),
                (2, Value::Number(number)) => epoch = Some(number),
                (3, Value::Number(number)) => lane = u32::try_from(number).ok(),
                (4, Value::Number(number)) => first = Some(number),
                _ => {}
            }
        }
        Some(Self { producer: producer?, epoch: epoch?, lane: lane?, first: first? })
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(40);
        put_bytes(&mut out, 1, &self.producer.to_be_bytes());
        put_number(&mut out, 2, self.epoch);
        put_number(&mut out, 3, self.lane.into());
        put_number(&mut out, 4, self.first);
        out
    }
}

/// An aggregate of records that all have the same keys, in their order.
pub(crate) fn pack<'a>(
    partition_key: &str,
    explicit_hash_key: Option<&str>,
    stamp: Option<&Stamp>,
    records: impl Iterator<Item = &'a [u8]>,
) -> Vec<u8> {
    let mut message = Vec::new();
    put_bytes(&mut message, 1, partition_key.as_bytes());
    if let Some(key) = explicit_hash_key {
        put_bytes(&mut message, 2, key.as_bytes());
    }
    let mut record = Vec::new();
    for data in records {
        record.clear();
        put_number(&mut record, 1, 0);
        if explicit_hash_key.is_some() {
            put_number(&mut record, 2, 0);
        }
        put_bytes(&mut record, 3, data);
        put_bytes(&mut message, 3, &record);
    }
    if let Some(stamp) = stamp {
        put_bytes(&mut message, STAMP, &stamp.write());
    }
    let digest = Md5::digest(&message);
    [&MAGIC, message.as_slice(), digest.as_slice()].concat()
}

/// Writes a field of protobuf that is a number.
pub(crate) fn put_number(out: &mut Vec<u8>, field: u64, value: u64) {
    put_varint(out, field << 3);
    put_varint(out, value);
}

/// Writes a field of protobuf that is text, bytes or a message.
pub(crate) fn put_bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A checked aggregate; iterate it with [`Aggregate::records`].
#[derive(Debug, Clone)]
pub struct Aggregate<'a> {
    message: &'a [u8],
    partition_keys: Vec<&'a str>,
    explicit_hash_keys: Vec<&'a str>,
    length: usize,
    stamp: Option<Stamp>,
}

/// One user record of an aggregate; all of it is borrowed from the Kinesis record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserRecord<'a> {
    /// The partition key the producer gave to this record.
    pub partition_key: &'a str,
    /// The explicit hash key as a decimal number, if the producer gave one.
    pub explicit_hash_key: Option<&'a str>,
    /// What the producer wrote.
    pub data: &'a [u8],
}

/// The user records of `data`, or `None` if `data` is a plain record.
///
/// A record that only looks like an aggregate (the magic by accident, a wrong MD5, a protobuf that does not parse, an
/// index outside its table, more than [`RECORD_LIMIT`] records) is a plain record, as in Amazon's own consumers.
/// Allocates the two tables of keys and nothing for a user record.
#[must_use]
pub fn open(data: &[u8]) -> Option<Aggregate<'_>> {
    let (message, digest) = data.strip_prefix(&MAGIC)?.split_last_chunk::<DIGEST_LENGTH>()?;
    if Md5::digest(message).as_slice() != digest {
        return None;
    }
    let (partition_keys, explicit_hash_keys) = (Vec::new(), Vec::new());
    let mut aggregate = Aggregate { message, partition_keys, explicit_hash_keys, length: 0, stamp: None };
    // The tables may follow the records on the wire, so the records can only be checked after all of it was seen.
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(key)) => aggregate.partition_keys.push(std::str::from_utf8(key).ok()?),
            (2, Value::Bytes(key)) => aggregate.explicit_hash_keys.push(std::str::from_utf8(key).ok()?),
            (3, Value::Bytes(_)) => aggregate.length += 1,
            (1..=3, _) => return None,
            // A stamp that is none is a field that is not known.
            (STAMP, Value::Bytes(stamp)) => aggregate.stamp = Stamp::read(stamp),
            _ => {}
        }
    }
    if aggregate.length > RECORD_LIMIT {
        return None;
    }
    let valid = aggregate.records().count();
    (valid == aggregate.length).then_some(aggregate)
}

impl<'a> Aggregate<'a> {
    /// How many user records there are; 0 is possible.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no user record at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The stamp of a sink of millstream, if it wrote one.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// The user records in the order of the producer; the position in it is the sub-sequence number.
    pub fn records(&self) -> impl Iterator<Item = UserRecord<'a>> + use<'a, '_> {
        let mut fields = Fields(self.message);
        std::iter::from_fn(move || {
            loop {
                if let (3, Value::Bytes(record)) = fields.next()?? {
                    return self.record(record);
                }
            }
        })
    }

    fn record(&self, message: &'a [u8]) -> Option<UserRecord<'a>> {
        let (mut partition_key, mut explicit_hash_key, mut data) = (None, None, None);
        let mut fields = Fields(message);
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Number(index)) => partition_key = Some(at(&self.partition_keys, index)?),
                (2, Value::Number(index)) => explicit_hash_key = Some(at(&self.explicit_hash_keys, index)?),
                (3, Value::Bytes(bytes)) => data = Some(bytes),
                (1..=3, _) => return None,
                _ => {}
            }
        }
        Some(UserRecord { partition_key: partition_key?, explicit_hash_key, data: data? })
    }
}

fn at<'a>(table: &[&'a str], index: u64) -> Option<&'a str> {
    table.get(usize::try_from(index).ok()?).copied()
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// A fixed-width number; no field of ours is one, and unknown fields are skipped.
    Fixed,
}

/// What is left of a protobuf message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The next field: `None` is a message that does not parse, `Some(None)` its end.
    #[expect(clippy::option_option, reason = "a failure and the end are different answers")]
    fn next(&mut self) -> Option<Option<(u64, Value<'a>)>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.skip(8)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            5 => self.skip(4)?,
            _ => return None,
        };
        // Field numbers start at 1 and have 29 bits.
        matches!(tag >> 3, 1..0x2000_0000).then_some(Some((tag >> 3, value)))
    }

    fn skip(&mut self, length: usize) -> Option<Value<'a>> {
        (_, self.0) = self.0.split_at_checked(length)?;
        Some(Value::Fixed)
    }

    /// A number in groups of seven bits, the lowest first; at most ten bytes, and no bit above the 64th.
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            if shift == 63 && byte > 1 {
                return None;
            }
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
