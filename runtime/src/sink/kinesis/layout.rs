//! Which rows go where: keys, lanes, records.
//!
//! ```text
//! rows of an epoch -> groups of equal keys -> lanes of neighbouring hash keys -> records, in their order
//! ```
//!
//! A lane is a 512th of the hash keys. Its records are written one after the other, so that they arrive in order and a
//! reader knows by one number how much of a lane it has. All rows in an aggregate have the same hash key: however the
//! stream is split meanwhile, they are of one shard.

use std::collections::{BTreeMap, HashMap, VecDeque};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Int64Type, SchemaRef, TimeUnit, TimestampMicrosecondType, UInt64Type};
use md5::{Digest, Md5};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::{Key, Kinesis, LARGEST_RECORD};
use crate::Result;
use crate::encode::{Encode, Payloads};
use crate::error::{Error, Kind};
use crate::sink::Token;
use crate::source::kinesis::kpl::{Stamp, pack};
use crate::time::{Date, Timestamp};

/// Lanes, and the bits of a hash key below them.
const LANES: u32 = 512;
const LANE_BITS: u32 = 119;
/// Aggregates end at this size in bytes.
const AGGREGATE: usize = 128 << 10;
/// Rows that stay together when they are spread into aggregates.
const BLOCK: usize = 128;
/// The most characters of a partition key.
const LONGEST_KEY: usize = 256;

/// A Kinesis record to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Put {
    pub(super) partition_key: String,
    pub(super) hash_key: Option<String>,
    pub(super) data: Vec<u8>,
}

impl Put {
    /// Bytes that count.
    pub(super) fn size(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }
}

/// Records that are written one after the other.
pub(super) type Lane = VecDeque<Put>;

/// How rows become records.
pub(super) struct Layout {
    /// The places of the key's columns; `None` if rows are spread.
    key: Option<Vec<usize>>,
    hash_key: Option<usize>,
    stamp: bool,
    aggregate: bool,
    max_record_size: usize,
    /// What the lanes of rows depend on: with another layout, stamps are those of another producer.
    fingerprint: String,
    stream: String,
}

/// Rows of equal keys, by their numbers in the epoch.
struct Group {
    partition_key: String,
    hash_key: Option<u128>,
    rows: Vec<usize>,
}

impl Layout {
    pub(super) fn new<K: Key, F: Encode>(sink: &Kinesis<K, F>, schema: &SchemaRef) -> Result<Self> {
        let place = |option: &str, name: &str, fits: fn(&DataType) -> bool, what: &str| {
            let (place, field) = schema.fields().find(name).ok_or_else(|| {
                let all: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
                sink.wrong(format!("{option} names `{name}`, which is no column"))
                    .help(format!("the columns are {}", all.join(", ")))
            })?;
            if fits(field.data_type()) {
                return Ok(place);
            }
            Err(sink
                .wrong(format!("{option} names `{name}`, which is {}", field.data_type()))
                .help(format!("{option} takes {what}; convert it in a `select`")))
        };
        let words = "text, integers, bool, Timestamp and Date";
        let key = sink.key.columns().map(|names| {
            if names.is_empty() {
                return Err(sink.wrong("key names no column").help("name one or more, or write `key = spread`"));
            }
            names.iter().map(|name| place("key", name, is_key, words)).collect::<Result<Vec<_>>>()
        });
        let hash_key = sink.hash_key.map(|name| place("hash_key", name, is_hash_key, "text and integers"));
        let aggregate = sink.aggregates();
        let fingerprint = format!("{:?} {:?} {}", sink.key.columns(), sink.hash_key, aggregate);
        Ok(Self {
            key: key.transpose()?,
            hash_key: hash_key.transpose()?,
            stamp: sink.stamp == super::on,
            aggregate,
            max_record_size: sink.max_record_size,
            fingerprint,
            stream: sink.stream.clone(),
        })
    }

    /// The records of an epoch. The same rows in the same order have the same stamps.
    pub(super) fn lanes(&self, token: &Token, batches: &[RecordBatch], format: &impl Encode) -> Result<Vec<Lane>> {
        let mut payloads = Payloads::default();
        for batch in batches {
            format.encode(batch, &mut payloads)?;
        }
        let mut lanes: BTreeMap<u32, Vec<Group>> = BTreeMap::new();
        for group in self.groups(token.epoch, batches)? {
            let hash = group.hash_key.unwrap_or_else(|| {
                let digest: [u8; 16] = Md5::digest(group.partition_key.as_bytes()).into();
                u128::from_be_bytes(digest)
            });
            lanes.entry((hash >> LANE_BITS) as u32).or_default().push(group);
        }
        let producer = format!("{}/{}/{}", token.pipeline, token.sink, self.fingerprint);
        let mut stamp = Stamp { producer: xxh3_128(producer.as_bytes()), epoch: token.epoch, lane: 0, first: 0 };
        let mut all = Vec::with_capacity(lanes.len());
        for (lane, groups) in lanes {
            (stamp.lane, stamp.first) = (lane, 0);
            let mut records = Lane::new();
            for group in groups {
                self.records(&group, &payloads, &mut stamp, &mut records)?;
            }
            all.push(records);
        }
        Ok(all)
    }

    /// Rows of equal keys, in the order of their first rows.
    fn groups(&self, epoch: u64, batches: &[RecordBatch]) -> Result<Vec<Group>> {
        let mut groups: Vec<Group> = Vec::new();
        let mut known: HashMap<(String, Option<u128>), usize> = HashMap::new();
        let mut key = (String::new(), None);
        let mut number = 0;
        for batch in batches {
            for row in 0..batch.num_rows() {
                match &self.key {
                    Some(columns) => partition_key(batch, columns, row, &mut key.0),
                    None => {
                        let block = number / if self.aggregate { BLOCK } else { 1 };
                        // Neighbouring lanes are mostly of one shard: the golden ratio of them lies between two blocks.
                        let lane = (block as u64).wrapping_add(epoch).wrapping_mul(317) % u64::from(LANES);
                        key.0 = lane.to_string();
                        key.1 = Some(u128::from(lane) << LANE_BITS | 1 << (LANE_BITS - 1));
                    }
                }
                if let Some(column) = self.hash_key {
                    key.1 = Some(self.hash_key(batch, column, row)?);
                }
                let group = match known.get(&key) {
                    Some(group) => *group,
                    None => {
                        known.insert(key.clone(), groups.len());
                        groups.push(Group { partition_key: key.0.clone(), hash_key: key.1, rows: Vec::new() });
                        groups.len() - 1
                    }
                };
                if let Some(group) = groups.get_mut(group) {
                    group.rows.push(number);
                }
                number += 1;
            }
        }
        Ok(groups)
    }

    /// The records of a group.
    fn records(&self, group: &Group, payloads: &Payloads, stamp: &mut Stamp, out: &mut Lane) -> Result<()> {
        let hash_key = group.hash_key.map(|hash_key| hash_key.to_string());
        let put = |data| Put { partition_key: group.partition_key.clone(), hash_key: hash_key.clone(), data };
        if !self.stamp && !self.aggregate {
            for row in &group.rows {
                out.push_back(self.fitting(put(payloads.get(*row).to_vec()), *row)?);
            }
            return Ok(());
        }
        // Beside its payload a row has three lengths and two indices; an aggregate has keys, a stamp and a digest.
        let limit = AGGREGATE.min(self.max_record_size.saturating_sub(LONGEST_KEY * 8 + 200));
        let mut rest = group.rows.as_slice();
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |row: &&usize| {
                bytes += payloads.get(**row).len() + 24;
                bytes <= limit
            };
            let count = if self.aggregate { rest.iter().take_while(fits).count().max(1) } else { 1 };
            let (rows, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            let of = self.stamp.then_some(&*stamp);
            let data = rows.iter().map(|row| payloads.get(*row));
            let record = put(pack(&group.partition_key, hash_key.as_deref(), of, data));
            out.push_back(self.fitting(record, rows.first().copied().unwrap_or_default())?);
            stamp.first += rows.len() as u64;
            rest = others;
        }
        Ok(())
    }

    fn fitting(&self, put: Put, row: usize) -> Result<Put> {
        let (size, most) = (put.size(), self.max_record_size);
        if size <= most {
            return Ok(put);
        }
        let key = &put.partition_key;
        let message = format!(
            "sink kinesis `{}`: row {row} of the epoch, with the key `{key}`, is a record of {size} bytes, more than {most}",
            self.stream
        );
        Err(Error::new(Kind::Output, message).help(format!(
            "let the stream take larger ones with `aws kinesis update-max-record-size`, at most {LARGEST_RECORD}, and set \
             `max_record_size`; the row is kept in the checkpoint and delivered at the next start"
        )))
    }

    fn hash_key(&self, batch: &RecordBatch, column: usize, row: usize) -> Result<u128> {
        let mut text = String::new();
        append(batch.column(column).as_ref(), row, &mut text);
        text.parse().map_err(|_| {
            let message = format!("sink kinesis `{}`: the hash_key of a row is `{text}`", self.stream);
            Error::new(Kind::Output, message)
                .help("a hash key is a decimal number from 0 to 2^128-1; leave rows without one out with a `filter`")
        })
    }
}

fn is_key(of: &DataType) -> bool {
    matches!(of, DataType::Utf8 | DataType::Boolean | DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _))
        || of.is_integer()
}

fn is_hash_key(of: &DataType) -> bool {
    matches!(of, DataType::Utf8) || of.is_integer()
}

/// The partition key of a row: 1 to 256 characters.
fn partition_key(batch: &RecordBatch, columns: &[usize], row: usize, out: &mut String) {
    out.clear();
    for (place, column) in columns.iter().enumerate() {
        if place > 0 {
            out.push('/');
        }
        append(batch.column(*column).as_ref(), row, out);
    }
    if out.is_empty() {
        out.push('-');
    }
    if out.chars().count() > LONGEST_KEY {
        let digest = xxh3_64(out.as_bytes());
        *out = out.chars().take(LONGEST_KEY - 17).collect();
        out.push_str(&format!("~{digest:016x}"));
    }
}

/// Appends a value as text; a null is `-`.
fn append(array: &dyn Array, row: usize, out: &mut String) {
    use std::fmt::Write;
    if array.is_null(row) {
        out.push('-');
        return;
    }
    // Writing to a String does not fail.
    let _ = match array.data_type() {
        DataType::Utf8 => out.write_str(array.as_string::<i32>().value(row)),
        DataType::Boolean => write!(out, "{}", array.as_boolean().value(row)),
        DataType::Date32 => write!(out, "{}", Date::from_days(array.as_primitive::<Date32Type>().value(row))),
        DataType::Timestamp(..) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            write!(out, "{}", Timestamp::from_micros(micros))
        }
        DataType::Int64 => write!(out, "{}", array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt64 => write!(out, "{}", array.as_primitive::<UInt64Type>().value(row)),
        _ => smaller(array, row, out),
    };
}

/// Appends an integer of fewer than 64 bits.
fn smaller(array: &dyn Array, row: usize, out: &mut String) -> std::fmt::Result {
    use std::fmt::Write;

    use arrow::datatypes::{Int8Type, Int16Type, Int32Type, UInt8Type, UInt16Type, UInt32Type};
    match array.data_type() {
        DataType::Int8 => write!(out, "{}", array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => write!(out, "{}", array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => write!(out, "{}", array.as_primitive::<Int32Type>().value(row)),
        DataType::UInt8 => write!(out, "{}", array.as_primitive::<UInt8Type>().value(row)),
        DataType::UInt16 => write!(out, "{}", array.as_primitive::<UInt16Type>().value(row)),
        DataType::UInt32 => write!(out, "{}", array.as_primitive::<UInt32Type>().value(row)),
        _ => Ok(()),
    }
}
