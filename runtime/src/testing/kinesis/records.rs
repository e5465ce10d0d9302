//! The operations that write and read records.

use super::faults::Fault;
use super::model::{Record, Shard, Stream, hash_key, shard_id};
use super::refusal::Refusal;
use super::state::{Answer, State, StreamReference, millis, parse, seconds};
use super::streams::{hash_key_range, reply};
use super::token::{self, IteratorToken};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecord {
    #[serde(flatten)]
    stream: StreamReference,
    #[serde(flatten)]
    entry: Entry,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    partition_key: String,
    explicit_hash_key: Option<String>,
    data: String,
}

/// Without `flatten`, which would keep the whole request a second time.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecords {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    records: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetShardIterator {
    #[serde(flatten)]
    stream: StreamReference,
    shard_id: String,
    shard_iterator_type: String,
    starting_sequence_number: Option<String>,
    timestamp: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetRecords {
    shard_iterator: String,
    limit: Option<usize>,
}

/// A record that is checked and can be written.
struct Checked {
    partition_key: String,
    hash: u128,
    data: Vec<u8>,
}

impl Entry {
    fn check(self, most: usize) -> Result<Checked, Refusal> {
        if !(1..=256).contains(&self.partition_key.chars().count()) {
            return Err(Refusal::new("ValidationException", "PartitionKey must have 1 to 256 characters."));
        }
        let hash = match &self.explicit_hash_key {
            Some(key) => key.parse().map_err(|_| {
                Refusal::invalid(format!(
                    "Invalid ExplicitHashKey. It must be in the range: [0, 2^128-1]. It was {key}"
                ))
            })?,
            None => hash_key(&self.partition_key),
        };
        let data =
            STANDARD.decode(&self.data).map_err(|_| Refusal::new("SerializationException", "Data is no base64."))?;
        let bytes = data.len() + self.partition_key.len();
        if bytes > most {
            return Err(Refusal::invalid(format!(
                "The record has {bytes} bytes with its partition key, more than the {most} of the stream."
            )));
        }
        Ok(Checked { partition_key: self.partition_key, hash, data })
    }
}

impl State {
    pub(super) fn put_record(&mut self, body: &[u8]) -> Answer {
        let request: PutRecord = parse(body)?;
        let name = request.stream.resolve()?;
        let most = self.present(name)?.record_kib * 1_024;
        let record = request.entry.check(most)?;
        let (shard_id, sequence_number) = self.write("PutRecord", name, record)?;
        Ok(reply(&json!({ "ShardId": shard_id, "SequenceNumber": sequence_number, "EncryptionType": "NONE" })))
    }

    pub(super) fn put_records(&mut self, body: &[u8]) -> Answer {
        let request: PutRecords = parse(body)?;
        let reference = StreamReference::new(request.stream_name, request.stream_arn);
        let name = reference.resolve()?;
        let record_bytes = self.present(name)?.record_kib * 1_024;
        let (count, most) = (request.records.len(), self.limits.request_records);
        if count == 0 || count > most {
            return Err(Refusal::new("ValidationException", format!("Records has {count} members, not 1 to {most}.")));
        }
        // All are checked before the first is written: a request that is invalid has no effect.
        let checked: Vec<Checked> =
            request.records.into_iter().map(|entry| entry.check(record_bytes)).collect::<Result<_, _>>()?;
        let bytes: usize = checked.iter().map(|record| record.data.len() + record.partition_key.len()).sum();
        if bytes > self.limits.request_bytes {
            return Err(Refusal::invalid(format!("Records size exceeds {} bytes", self.limits.request_bytes)));
        }
        let mut failed = 0;
        let mut results = Vec::with_capacity(count);
        for record in checked {
            results.push(match self.write("PutRecords", name, record) {
                Ok((shard_id, sequence_number)) => json!({ "ShardId": shard_id, "SequenceNumber": sequence_number }),
                Err(refusal) => {
                    failed += 1;
                    json!({ "ErrorCode": refusal.code, "ErrorMessage": refusal.message })
                }
            });
        }
        Ok(reply(&json!({ "FailedRecordCount": failed, "Records": results, "EncryptionType": "NONE" })))
    }

    /// Writes one record to its shard, unless the shard has had too much or is planned to refuse it.
    fn write(&mut self, operation: &str, name: &str, record: Checked) -> Result<(String, String), Refusal> {
        let (now, uptime, limits) = (self.clock.now(), self.clock.uptime(), self.limits.clone());
        let number = self.stream(name)?.route(record.hash);
        let id = shard_id(number);
        if let Some(refusal) = self.next_write_fault(operation, &id) {
            return Err(refusal);
        }
        let stream = self.stream_mut(name)?;
        let buckets = &mut stream.shard_mut(&id)?.buckets;
        let size = record.data.len() + record.partition_key.len();
        let admitted = buckets.written_records.admits(limits.written_records_per_second, uptime, 1)
            && buckets.written_bytes.admits(limits.written_bytes_per_second, uptime, size);
        if !admitted {
            return Err(Refusal::throttled(format_args!("shard {id} in stream {name}")));
        }
        buckets.written_records.take(1);
        buckets.written_bytes.take(size);
        let sequence = stream.append(number, record.partition_key, record.data, [now; 2]);
        Ok((id, stream.sequence_number(sequence)))
    }

    pub(super) fn get_shard_iterator(&mut self, body: &[u8]) -> Answer {
        let request: GetShardIterator = parse(body)?;
        let (now, uptime, rate) = (self.clock.now(), self.clock.uptime(), self.limits.iterators_per_second);
        let name = request.stream.resolve()?.to_owned();
        self.present(&name)?;
        let stream = self.stream_mut(&name)?;
        let buckets = &mut stream.shard_mut(&request.shard_id)?.buckets;
        if !buckets.iterators.admits(rate, uptime, 1) {
            return Err(Refusal::throttled(format_args!("shard {} in stream {name}", request.shard_id)));
        }
        buckets.iterators.take(1);
        let from = stream.start_of(
            stream.shard(&request.shard_id)?.number,
            &request.shard_iterator_type,
            request.starting_sequence_number.as_deref(),
            request.timestamp.map(millis),
            now,
        )?;
        let token = IteratorToken::new(&name, stream.stamp, request.shard_id.clone(), from, now);
        Ok(reply(&json!({ "ShardIterator": token::encode(&token)? })))
    }

    pub(super) fn get_records(&mut self, body: &[u8], fault: Option<&Fault>) -> Answer {
        let request: GetRecords = parse(body)?;
        let (now, uptime, limits) = (self.clock.now(), self.clock.uptime(), self.limits.clone());
        let token: IteratorToken = token::decode(&request.shard_iterator, "ShardIterator")?;
        let from = token.from()?;
        if Duration::from_millis(now.saturating_sub(token.issued).max(0).unsigned_abs()) > limits.iterator_life {
            return Err(Refusal::expired_iterator());
        }
        let limit = request.limit.unwrap_or(limits.page_records);
        if !(1..=10_000).contains(&limit) {
            return Err(Refusal::invalid("Limit must be between 1 and 10000."));
        }
        self.present(&token.stream)?;
        let stream = self.stream_mut(&token.stream)?;
        if stream.stamp != token.stamp {
            return Err(Refusal::not_found(format!("The stream {} of this iterator was deleted.", token.stream)));
        }
        let buckets = &mut stream.shard_mut(&token.shard)?.buckets;
        let admitted = buckets.reads.admits(limits.reads_per_second, uptime, 1)
            && buckets.read_bytes.admits(limits.read_bytes_per_second, uptime, 0);
        if !admitted {
            return Err(Refusal::throttled(format_args!("shard {} in stream {}", token.shard, token.stream)));
        }
        buckets.reads.take(1);

        let shard = stream.shard(&token.shard)?;
        let first = shard.find(from);
        let empty = fault == Some(&Fault::EmptyPage);
        let most = if empty { 0 } else { limit.min(limits.page_records) };
        let records: Vec<&Record> = page(shard, first, most, limits.page_bytes);
        let bytes: usize = records.iter().map(|record| record.size()).sum();
        let next = records.last().map_or(from, |record| record.sequence + 1);
        let pending = shard.records.get(first + records.len());
        let late = empty || (fault == Some(&Fault::LateEnd) && !records.is_empty());
        let drained = pending.is_none() && shard.closed.is_some() && !late;
        let next_shard_iterator = match drained {
            true => None,
            false => {
                Some(token::encode(&IteratorToken::new(&token.stream, stream.stamp, token.shard.clone(), next, now))?)
            }
        };
        let named = drained && fault != Some(&Fault::NoChildShards);
        let rest = json!({
            "NextShardIterator": next_shard_iterator,
            "MillisBehindLatest": behind(now, &records, pending),
            "ChildShards": named.then(|| children(stream, shard)),
        });
        let answer = answer(stream, &records, &rest);
        stream.shard_mut(&token.shard)?.buckets.read_bytes.take(bytes);
        Ok(answer)
    }
}

/// How far behind the tip the answer with `records` is, if `pending` is the next one.
pub(super) fn behind(now: i64, records: &[&Record], pending: Option<&Record>) -> i64 {
    // Records that are left are never "at the tip", even if they arrived this very millisecond.
    pending.map_or(0, |pending| now.saturating_sub(records.last().unwrap_or(&pending).arrival).max(1))
}

/// The records of one answer: at most `most`, and at most `bytes` unless the first alone has more.
pub(super) fn page(shard: &Shard, first: usize, most: usize, bytes: usize) -> Vec<&Record> {
    let mut total = 0;
    let fits = |record: &&Record| {
        let empty = total == 0;
        total += record.size();
        empty || total <= bytes
    };
    shard.records.iter().skip(first).take(most).take_while(fits).collect()
}

/// The answer to GetRecords. Written by hand, since most of the time of a test with volume is spent here.
pub(super) fn answer(stream: &Stream, records: &[&Record], rest: &Value) -> Vec<u8> {
    let mut out = String::with_capacity(records.iter().map(|record| record.size() * 4 / 3 + 240).sum::<usize>() + 1024);
    out.push_str("{\"Records\":[");
    for (index, record) in records.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let arrival = seconds(record.arrival);
        let (number, key) = (stream.sequence_number(record.sequence), Value::from(record.partition_key.as_str()));
        // Writing to a string does not fail.
        let _ = write!(
            out,
            "{comma}{{\"SequenceNumber\":\"{number}\",\"ApproximateArrivalTimestamp\":{arrival},\
             \"PartitionKey\":{key},\"EncryptionType\":\"NONE\",\"Data\":\""
        );
        STANDARD.encode_string(&record.data, &mut out);
        out.push_str("\"}");
    }
    out.push_str("],");
    // The rest is an object; its members go on where the records end.
    out.push_str(rest.to_string().trim_start_matches('{'));
    out.into_bytes()
}

pub(super) fn children(stream: &Stream, shard: &Shard) -> Vec<Value> {
    let describe = |child: &Shard| {
        let parents: Vec<String> = [child.parent, child.adjacent_parent].into_iter().flatten().map(shard_id).collect();
        json!({
            "ShardId": shard_id(child.number),
            "ParentShards": parents,
            "HashKeyRange": hash_key_range(child),
        })
    };
    stream.children(shard.number).map(describe).collect()
}
