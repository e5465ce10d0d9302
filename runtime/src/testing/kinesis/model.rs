//! Streams, shards and records: what the server keeps, without any protocol.
//!
//! ```text
//! hash keys 0 ............................................ 2^128-1
//!           |  shard 0  |  shard 1  | shard 2 |  shard 3  |          open shards cover the range without a gap
//!                |            \         /
//!           split: 4, 5      merge: 6                                the old ones are closed and keep their records
//! ```

use super::consumers::Consumer;
use super::limits::Buckets;
use super::refusal::Refusal;
use md5::{Digest, Md5};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub(super) const ACCOUNT: &str = "000000000000";
pub(super) const REGION: &str = "us-east-1";
/// Hours that a new stream keeps its records for; the least there are.
pub(super) const DEFAULT_RETENTION: u32 = 24;

/// The place of a record in its stream: a counter of the stream, then twelve digits for the number of the shard, as the
/// sequence numbers of the service carry their shard as well.
pub(super) type Sequence = u128;
const SHARD_DIGITS: u128 = 1_000_000_000_000;

pub(super) struct Stream {
    pub(super) name: String,
    pub(super) created: i64,
    pub(super) on_demand: bool,
    /// Tells this stream from an earlier one of the same name; the first digits of its sequence numbers.
    pub(super) stamp: u64,
    counter: u128,
    pub(super) retention_hours: u32,
    /// The most KiB of a record, data and partition key.
    pub(super) record_kib: usize,
    /// What it is as long as it is not active, and until when.
    busy: Option<(Status, i64)>,
    pub(super) consumers: Vec<Consumer>,
    /// All shards there ever were; the place of a shard is its number.
    pub(super) shards: Vec<Shard>,
    /// The open shards by the first hash key of their range.
    open: BTreeMap<u128, usize>,
}

pub(super) struct Shard {
    pub(super) number: usize,
    pub(super) parent: Option<usize>,
    pub(super) adjacent_parent: Option<usize>,
    pub(super) first_hash: u128,
    pub(super) last_hash: u128,
    pub(super) opened: i64,
    pub(super) start: Sequence,
    pub(super) closed: Option<Closed>,
    /// Past its retention: the service does not know it any more.
    pub(super) expired: bool,
    pub(super) records: VecDeque<Record>,
    pub(super) buckets: Buckets,
}

#[derive(Clone, Copy)]
pub(super) struct Closed {
    pub(super) end: Sequence,
    pub(super) at: i64,
}

pub(super) struct Record {
    pub(super) sequence: Sequence,
    pub(super) partition_key: String,
    pub(super) data: Vec<u8>,
    pub(super) arrival: i64,
    /// When it was written, from which its retention counts; the arrival time is the test's choice.
    pub(super) stored: i64,
}

/// What a stream can be but active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Creating,
    Updating,
    Deleting,
}

impl Record {
    /// What the record counts for in the limits.
    pub(super) fn size(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }
}

/// `shardId-` and the number in twelve digits.
pub(super) fn shard_id(number: usize) -> String {
    format!("shardId-{number:012}")
}

pub(super) fn parse_shard_id(id: &str) -> Option<usize> {
    let digits = id.strip_prefix("shardId-").filter(|digits| digits.len() == 12)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// As the clock counts.
pub(super) fn as_millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// The hash key of a partition key: its MD5 as a number, the first byte the highest.
pub(super) fn hash_key(partition_key: &str) -> u128 {
    let digest: [u8; 16] = Md5::digest(partition_key.as_bytes()).into();
    u128::from_be_bytes(digest)
}

/// The first hash key of part `index` of `count` equal parts of the range.
fn boundary(index: usize, count: usize) -> u128 {
    let (index, count) = (index as u128, (count as u128).max(1));
    // floor(index * 2^128 / count) without the 129th bit: with 2^128 = quotient * count + remainder.
    let quotient = (u128::MAX / count).wrapping_add(u128::from(u128::MAX % count == count - 1));
    let remainder = (u128::MAX % count + 1) % count;
    index.wrapping_mul(quotient) + index * remainder / count
}

impl Stream {
    pub(super) fn new(name: &str, shards: usize, on_demand: bool, stamp: u64, now: i64) -> Self {
        let mut stream = Self {
            name: name.to_owned(),
            created: now,
            on_demand,
            stamp,
            counter: 0,
            retention_hours: DEFAULT_RETENTION,
            record_kib: 1_024,
            busy: None,
            consumers: Vec::new(),
            shards: Vec::new(),
            open: BTreeMap::new(),
        };
        for index in 0..shards {
            let last = if index + 1 == shards { u128::MAX } else { boundary(index + 1, shards) - 1 };
            stream.add(None, None, boundary(index, shards), last, now);
        }
        stream
    }

    pub(super) fn arn(&self) -> String {
        format!("arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{}", self.name)
    }

    /// A sequence number as the service writes it: 56 decimal digits.
    pub(super) fn sequence_number(&self, sequence: Sequence) -> String {
        format!("496{:015}{sequence:038}", self.stamp)
    }

    /// The place that `number` names on `shard`, or why it is none.
    pub(super) fn parse_sequence_number(&self, number: &str, shard: &Shard) -> Result<Sequence, Refusal> {
        let used = || {
            let (id, stream) = (shard_id(shard.number), &self.name);
            format!(
                "StartingSequenceNumber {number} used in GetShardIterator on shard {id} in stream {stream} under \
                 account {ACCOUNT} is invalid"
            )
        };
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if !digits {
            return Err(Refusal::invalid(format!("{} because it is not a number.", used())));
        }
        let own = number.strip_prefix(&format!("496{:015}", self.stamp)).filter(|rest| rest.len() == 38);
        let Some(sequence) = own.and_then(|rest| rest.parse::<Sequence>().ok()) else {
            return Err(Refusal::invalid(format!("{} because it did not come from this stream.", used())));
        };
        let encoded = (sequence % SHARD_DIGITS) as usize;
        if encoded != shard.number {
            let (encoded, id) = (shard_id(encoded), shard_id(shard.number));
            return Err(Refusal::invalid(format!(
                "Invalid StartingSequenceNumber. It encodes {encoded}, while it was used in a call to {id}"
            )));
        }
        if sequence < shard.start || shard.closed.is_some_and(|closed| sequence > closed.end) {
            return Err(Refusal::invalid(format!("{} because it did not come from this shard.", used())));
        }
        Ok(sequence)
    }

    /// The shard with this id, if there is one and its retention has not passed.
    pub(super) fn shard(&self, id: &str) -> Result<&Shard, Refusal> {
        let found = parse_shard_id(id).and_then(|number| self.shards.get(number)).filter(|shard| !shard.expired);
        found.ok_or_else(|| self.no_shard(id))
    }

    pub(super) fn shard_mut(&mut self, id: &str) -> Result<&mut Shard, Refusal> {
        let refusal = self.no_shard(id);
        let found = parse_shard_id(id).and_then(|number| self.shards.get_mut(number)).filter(|shard| !shard.expired);
        found.ok_or(refusal)
    }

    fn no_shard(&self, id: &str) -> Refusal {
        let name = &self.name;
        Refusal::not_found(format!("Shard {id} in stream {name} under account {ACCOUNT} does not exist"))
    }

    /// What the service calls its state.
    pub(super) fn status(&self) -> &'static str {
        match self.busy {
            None => "ACTIVE",
            Some((Status::Creating, _)) => "CREATING",
            Some((Status::Updating, _)) => "UPDATING",
            Some((Status::Deleting, _)) => "DELETING",
        }
    }

    /// Whether it has shards for others to see.
    pub(super) fn exists(&self) -> bool {
        !matches!(self.busy, Some((Status::Creating | Status::Deleting, _)))
    }

    /// Is `status` from `now` on for some time.
    pub(super) fn enter(&mut self, status: Status, now: i64, time: Duration) {
        self.busy = (!time.is_zero()).then(|| (status, now.saturating_add(as_millis(time))));
    }

    /// Ends what has lasted long enough; whether the stream is still there.
    pub(super) fn settle(&mut self, now: i64) -> bool {
        self.settle_consumers(now);
        let Some((status, _)) = self.busy.filter(|(_, until)| now >= *until) else { return true };
        self.busy = None;
        status != Status::Deleting
    }

    /// Drops the records that were kept long enough, and the shards that were closed so long ago.
    pub(super) fn age(&mut self, now: i64) {
        let horizon = now.saturating_sub(i64::from(self.retention_hours) * 3_600_000);
        for shard in self.shards.iter_mut().filter(|shard| !shard.expired) {
            let kept = shard.records.partition_point(|record| record.stored < horizon);
            shard.records.drain(..kept);
            shard.expired = shard.closed.is_some_and(|closed| closed.at < horizon);
        }
    }

    /// The open shards in the order of their hash keys.
    pub(super) fn open_shards(&self) -> Vec<usize> {
        self.open.values().copied().collect()
    }

    /// The open shard whose range `hash` is in.
    pub(super) fn route(&self, hash: u128) -> usize {
        self.open.range(..=hash).next_back().map_or(0, |(_, number)| *number)
    }

    /// The children of a closed shard.
    pub(super) fn children(&self, number: usize) -> impl Iterator<Item = &Shard> {
        self.shards.iter().filter(move |shard| shard.parent == Some(number) || shard.adjacent_parent == Some(number))
    }

    /// Adds a record to an open shard.
    pub(super) fn append(
        &mut self,
        number: usize,
        partition_key: String,
        data: Vec<u8>,
        [arrival, stored]: [i64; 2],
    ) -> Sequence {
        let sequence = self.next(number);
        if let Some(shard) = self.shards.get_mut(number) {
            shard.records.push_back(Record { sequence, partition_key, data, arrival, stored });
        }
        sequence
    }

    /// Where a reader starts that wants only what comes later.
    pub(super) fn latest(&self) -> Sequence {
        (self.counter + 1) * SHARD_DIGITS
    }

    /// A place on a shard after all that was written by now.
    pub(super) fn present(&self, shard: &Shard) -> Sequence {
        (self.counter * SHARD_DIGITS + shard.number as u128).max(shard.start)
    }

    /// The first place that a reader gets who starts as he says.
    pub(super) fn start_of(
        &self,
        shard: usize,
        kind: &str,
        number: Option<&str>,
        time: Option<i64>,
        now: i64,
    ) -> Result<Sequence, Refusal> {
        let shard = self.shard(&shard_id(shard))?;
        let sequence = || {
            let number = number
                .ok_or_else(|| Refusal::invalid(format!("Must specify a sequence number with the type {kind}.")))?;
            self.parse_sequence_number(number, shard)
        };
        match kind {
            "TRIM_HORIZON" => Ok(0),
            "LATEST" => Ok(self.latest()),
            "AT_SEQUENCE_NUMBER" => sequence(),
            "AFTER_SEQUENCE_NUMBER" => Ok(sequence()? + 1),
            "AT_TIMESTAMP" => {
                let at = time.ok_or_else(|| Refusal::invalid("Timestamp is required."))?;
                if at > now {
                    return Err(Refusal::invalid(
                        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis.",
                    ));
                }
                let found = shard.records.iter().find(|record| record.arrival >= at);
                Ok(found.map_or_else(|| self.latest(), |record| record.sequence))
            }
            other => Err(Refusal::invalid(format!("Invalid ShardIteratorType {other}."))),
        }
    }

    pub(super) fn split(&mut self, id: &str, hash: u128, now: i64) -> Result<[usize; 2], Refusal> {
        let (number, first, last) = self.reshardable(id)?;
        if hash <= first.saturating_add(1) || hash >= last {
            return Err(Refusal::invalid(format!(
                "NewStartingHashKey {hash} used in SplitShard() on shard {id} in stream {} under account {ACCOUNT} is \
                 not both greater than one plus the shard's StartingHashKey {first} and less than the shard's \
                 EndingHashKey {last}.",
                self.name
            )));
        }
        self.close(number, now);
        Ok([self.add(Some(number), None, first, hash - 1, now), self.add(Some(number), None, hash, last, now)])
    }

    pub(super) fn merge(&mut self, id: &str, adjacent_id: &str, now: i64) -> Result<usize, Refusal> {
        let (number, first, last) = self.reshardable(id)?;
        let (adjacent, adjacent_first, adjacent_last) = self.reshardable(adjacent_id)?;
        let touch = last.checked_add(1) == Some(adjacent_first) || adjacent_last.checked_add(1) == Some(first);
        if !touch {
            return Err(Refusal::invalid(format!(
                "Shards {id} and {adjacent_id} in stream {} under account {ACCOUNT} are not an adjacent pair of shards \
                 eligible for merging",
                self.name
            )));
        }
        self.close(number, now);
        self.close(adjacent, now);
        Ok(self.add(Some(number), Some(adjacent), first.min(adjacent_first), last.max(adjacent_last), now))
    }

    /// Splits and merges until `target` shards of equal ranges are open.
    pub(super) fn reshard(&mut self, target: usize, now: i64) -> Result<(), Refusal> {
        for index in 1..target {
            let hash = boundary(index, target);
            let number = self.route(hash);
            if !self.open.contains_key(&hash) {
                self.split(&shard_id(number), hash, now)?;
            }
        }
        for index in 0..target {
            let first = boundary(index, target);
            let last = if index + 1 == target { u128::MAX } else { boundary(index + 1, target) - 1 };
            loop {
                let parts: Vec<usize> = self.open.range(first..=last).take(2).map(|(_, number)| *number).collect();
                let [left, right] = parts.as_slice() else { break };
                self.merge(&shard_id(*left), &shard_id(*right), now)?;
            }
        }
        Ok(())
    }

    fn reshardable(&self, id: &str) -> Result<(usize, u128, u128), Refusal> {
        let shard = self.shard(id)?;
        if shard.closed.is_some() {
            return Err(Refusal::invalid(format!(
                "Shard {id} in stream {} under account {ACCOUNT} has already been merged or split, and thus is not \
                 eligible for merging or splitting.",
                self.name
            )));
        }
        Ok((shard.number, shard.first_hash, shard.last_hash))
    }

    fn close(&mut self, number: usize, now: i64) {
        let end = self.next(number);
        if let Some(shard) = self.shards.get_mut(number) {
            shard.closed = Some(Closed { end, at: now });
            self.open.remove(&shard.first_hash);
        }
    }

    fn add(&mut self, parent: Option<usize>, adjacent: Option<usize>, first: u128, last: u128, now: i64) -> usize {
        let number = self.shards.len();
        let start = self.next(number);
        self.open.insert(first, number);
        self.shards.push(Shard {
            number,
            parent,
            adjacent_parent: adjacent,
            first_hash: first,
            last_hash: last,
            opened: now,
            start,
            closed: None,
            expired: false,
            records: VecDeque::new(),
            buckets: Buckets::default(),
        });
        number
    }

    /// The next sequence number for a shard. They have gaps of uneven size, as those of the service.
    fn next(&mut self, shard: usize) -> Sequence {
        self.counter += 1 + (self.counter.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61 & 7);
        self.counter * SHARD_DIGITS + shard as u128
    }
}

impl Shard {
    /// The first record at or after `from`, as an index; the number of records if there is none.
    pub(super) fn find(&self, from: Sequence) -> usize {
        self.records.partition_point(|record| record.sequence < from)
    }
}
