//! The operations on streams and their shards.

use super::model::{DEFAULT_RETENTION, Shard, Stream, as_millis, shard_id};
use super::refusal::Refusal;
use super::state::{Answer, State, StreamReference, millis, no_stream, not_active, parse, seconds};
use super::token::{self, ShardFilter, ShardsToken};
use serde::Deserialize;
use serde_json::{Value, json};

/// The most shards in a page, if the request does not say.
const SHARDS_PER_PAGE: usize = 1_000;
/// Shards of a new stream in on-demand mode.
const ON_DEMAND_SHARDS: usize = 4;
/// The most hours that a stream can keep its records for.
const LONGEST_RETENTION: u32 = 8_760;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateStream {
    stream_name: String,
    shard_count: Option<usize>,
    stream_mode_details: Option<StreamModeDetails>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamModeDetails {
    stream_mode: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeStream {
    #[serde(flatten)]
    stream: StreamReference,
    exclusive_start_shard_id: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListStreams {
    exclusive_start_stream_name: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListShards {
    #[serde(flatten)]
    stream: StreamReference,
    next_token: Option<String>,
    exclusive_start_shard_id: Option<String>,
    max_results: Option<usize>,
    shard_filter: Option<ShardFilter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SplitShard {
    #[serde(flatten)]
    stream: StreamReference,
    shard_to_split: String,
    new_starting_hash_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MergeShards {
    #[serde(flatten)]
    stream: StreamReference,
    shard_to_merge: String,
    adjacent_shard_to_merge: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateShardCount {
    #[serde(flatten)]
    stream: StreamReference,
    target_shard_count: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SetRetention {
    #[serde(flatten)]
    stream: StreamReference,
    retention_period_hours: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateMaxRecordSize {
    #[serde(flatten)]
    stream: StreamReference,
    #[serde(rename = "MaxRecordSizeInKiB")]
    max_record_size_in_kib: usize,
}

impl State {
    pub(super) fn create_stream(&mut self, body: &[u8]) -> Answer {
        let request: CreateStream = parse(body)?;
        let on_demand = request.stream_mode_details.is_some_and(|details| details.stream_mode == "ON_DEMAND");
        let shards = match request.shard_count {
            Some(count) => count,
            None if on_demand => ON_DEMAND_SHARDS,
            None => return Err(Refusal::invalid("ShardCount is required in provisioned mode.")),
        };
        self.create(&request.stream_name, shards, on_demand)?;
        Ok(Vec::new())
    }

    pub(super) fn delete_stream(&mut self, body: &[u8]) -> Answer {
        let request: StreamReference = parse(body)?;
        self.delete(request.resolve()?)?;
        Ok(Vec::new())
    }

    pub(super) fn list_streams(&mut self, body: &[u8]) -> Answer {
        let request: ListStreams = parse(body)?;
        // The token is the name of the last stream of the page before.
        let after = request.next_token.or(request.exclusive_start_stream_name).unwrap_or_default();
        let mut rest = self.streams.values().filter(|stream| stream.name > after);
        let page: Vec<&Stream> = rest.by_ref().take(request.limit.unwrap_or(100).max(1)).collect();
        let more = rest.next().is_some();
        let summaries: Vec<Value> = page.iter().map(|stream| summary(stream)).collect();
        Ok(reply(&json!({
            "StreamNames": page.iter().map(|stream| stream.name.as_str()).collect::<Vec<_>>(),
            "HasMoreStreams": more,
            "NextToken": page.last().filter(|_| more).map(|stream| stream.name.as_str()),
            "StreamSummaries": summaries,
        })))
    }

    pub(super) fn describe_stream_summary(&mut self, body: &[u8]) -> Answer {
        let request: StreamReference = parse(body)?;
        let stream = self.stream(request.resolve()?)?;
        let mut description = summary(stream);
        extend(
            &mut description,
            json!({
                "RetentionPeriodHours": stream.retention_hours,
                "EnhancedMonitoring": [{ "ShardLevelMetrics": [] }],
                "EncryptionType": "NONE",
                "OpenShardCount": stream.open_shards().len(),
                "ConsumerCount": stream.consumers.len(),
            }),
        );
        Ok(reply(&json!({ "StreamDescriptionSummary": description })))
    }

    pub(super) fn describe_stream(&mut self, body: &[u8]) -> Answer {
        let request: DescribeStream = parse(body)?;
        let stream = self.stream(request.stream.resolve()?)?;
        let after = request.exclusive_start_shard_id.unwrap_or_default();
        let mut rest = stream.shards.iter().filter(|shard| !shard.expired && shard_id(shard.number) > after);
        let page: Vec<Value> =
            rest.by_ref().take(request.limit.unwrap_or(100).max(1)).map(|shard| describe(stream, shard)).collect();
        let mut description = summary(stream);
        extend(
            &mut description,
            json!({
                "Shards": page,
                "HasMoreShards": rest.next().is_some(),
                "RetentionPeriodHours": stream.retention_hours,
                "EnhancedMonitoring": [{ "ShardLevelMetrics": [] }],
                "EncryptionType": "NONE",
            }),
        );
        Ok(reply(&json!({ "StreamDescription": description })))
    }

    pub(super) fn list_shards(&mut self, body: &[u8]) -> Answer {
        let request: ListShards = parse(body)?;
        let now = self.clock.now();
        let life = as_millis(self.limits.iterator_life);
        let (stream, filter, after) = match &request.next_token {
            Some(_) if !request.stream.is_empty() => {
                return Err(Refusal::invalid("NextToken and StreamName cannot be provided together."));
            }
            Some(_) if request.shard_filter.is_some() || request.exclusive_start_shard_id.is_some() => {
                return Err(Refusal::invalid(
                    "NextToken cannot be provided with ShardFilter or ExclusiveStartShardId.",
                ));
            }
            Some(text) => {
                let token: ShardsToken = token::decode(text, "NextToken")?;
                if now.saturating_sub(token.issued) > life {
                    return Err(Refusal::new("ExpiredNextTokenException", "NextToken has expired"));
                }
                let stream = self.stream(&token.stream)?;
                if stream.stamp != token.stamp {
                    return Err(no_stream(&token.stream));
                }
                (stream, token.filter, Some(shard_id(token.after)))
            }
            None => (self.stream(request.stream.resolve()?)?, request.shard_filter, request.exclusive_start_shard_id),
        };
        if !stream.exists() {
            return Err(not_active(stream));
        }
        let selection = Selection::new(filter.as_ref())?;
        let size = request.max_results.unwrap_or(SHARDS_PER_PAGE);
        if !(1..=10_000).contains(&size) {
            return Err(Refusal::invalid("MaxResults must be between 1 and 10000."));
        }
        let chosen = |shard: &&Shard| after.as_ref().is_none_or(|after| shard_id(shard.number) > *after);
        let mut rest = stream.shards.iter().filter(chosen).filter(|shard| selection.takes(stream, shard));
        let page: Vec<&Shard> = rest.by_ref().take(size).collect();
        let next_token = match page.last() {
            Some(last) if rest.next().is_some() => {
                let (stream, stamp) = (stream.name.clone(), stream.stamp);
                Some(token::encode(&ShardsToken { stream, stamp, filter, after: last.number, issued: now })?)
            }
            _ => None,
        };
        let shards: Vec<Value> = page.iter().map(|shard| describe(stream, shard)).collect();
        Ok(reply(&json!({ "Shards": shards, "NextToken": next_token })))
    }

    pub(super) fn split_shard(&mut self, body: &[u8]) -> Answer {
        let request: SplitShard = parse(body)?;
        let hash =
            request.new_starting_hash_key.parse().map_err(|_| Refusal::invalid("Invalid NewStartingHashKey."))?;
        self.update(request.stream.resolve()?, |stream, now| stream.split(&request.shard_to_split, hash, now))?;
        Ok(Vec::new())
    }

    pub(super) fn merge_shards(&mut self, body: &[u8]) -> Answer {
        let request: MergeShards = parse(body)?;
        let [left, right] = [&request.shard_to_merge, &request.adjacent_shard_to_merge];
        self.update(request.stream.resolve()?, |stream, now| stream.merge(left, right, now))?;
        Ok(Vec::new())
    }

    pub(super) fn update_shard_count(&mut self, body: &[u8]) -> Answer {
        let request: UpdateShardCount = parse(body)?;
        self.update(request.stream.resolve()?, |stream, now| {
            let (open, target) = (stream.open_shards().len(), request.target_shard_count);
            if target == 0 || target > open * 2 || target * 2 < open {
                return Err(Refusal::invalid(format!(
                    "UpdateShardCount cannot scale from {open} to {target} shards: the target is at least half and at \
                     most twice the open shards."
                )));
            }
            stream.reshard(target, now)?;
            Ok(reply(&json!({
                "StreamName": stream.name,
                "CurrentShardCount": open,
                "TargetShardCount": target,
                "StreamARN": stream.arn(),
            })))
        })
    }

    /// IncreaseStreamRetentionPeriod, if `up`, and DecreaseStreamRetentionPeriod.
    pub(super) fn set_retention(&mut self, body: &[u8], up: bool) -> Answer {
        let request: SetRetention = parse(body)?;
        let hours = request.retention_period_hours;
        self.update(request.stream.resolve()?, |stream, now| {
            let known = stream.retention_hours;
            let turn = if up { hours > known } else { hours < known };
            if !turn || !(DEFAULT_RETENTION..=LONGEST_RETENTION).contains(&hours) {
                return Err(Refusal::invalid(format!(
                    "Requested retention period ({hours} hours) for stream {} must be {} than its retention period \
                     ({known} hours), and from {DEFAULT_RETENTION} to {LONGEST_RETENTION}.",
                    stream.name,
                    if up { "greater" } else { "less" },
                )));
            }
            stream.retention_hours = hours;
            stream.age(now);
            Ok(Vec::new())
        })
    }

    pub(super) fn update_max_record_size(&mut self, body: &[u8]) -> Answer {
        let request: UpdateMaxRecordSize = parse(body)?;
        let size = request.max_record_size_in_kib;
        if !(1_024..=10_240).contains(&size) {
            return Err(Refusal::new("ValidationException", "MaxRecordSizeInKiB must be from 1024 to 10240."));
        }
        self.update(request.stream.resolve()?, |stream, _| {
            stream.record_kib = size;
            Ok(Vec::new())
        })
    }
}

/// A [`ShardFilter`] that is understood.
enum Selection {
    /// Nothing past its retention: the whole history.
    All,
    /// What was open when the oldest record that is left was written.
    AtTrimHorizon,
    Open,
    After(String),
    OpenAt(i64),
    OpenSince(i64),
}

impl Selection {
    fn new(filter: Option<&ShardFilter>) -> Result<Self, Refusal> {
        let Some(filter) = filter else { return Ok(Self::All) };
        let timestamp = || filter.timestamp.map(millis).ok_or_else(|| Refusal::invalid("Timestamp is required."));
        match filter.r#type.as_str() {
            "FROM_TRIM_HORIZON" => Ok(Self::All),
            "AT_TRIM_HORIZON" => Ok(Self::AtTrimHorizon),
            "AT_LATEST" => Ok(Self::Open),
            "AFTER_SHARD_ID" => {
                let id = filter.shard_id.clone().ok_or_else(|| Refusal::invalid("ShardId is required."))?;
                Ok(Self::After(id))
            }
            "AT_TIMESTAMP" => Ok(Self::OpenAt(timestamp()?)),
            "FROM_TIMESTAMP" => Ok(Self::OpenSince(timestamp()?)),
            other => Err(Refusal::invalid(format!("Invalid ShardFilter type {other}."))),
        }
    }

    fn takes(&self, stream: &Stream, shard: &Shard) -> bool {
        let known = |parent: Option<usize>| {
            parent.and_then(|parent| stream.shards.get(parent)).is_some_and(|parent| !parent.expired)
        };
        let open_since = |at: i64| shard.closed.is_none_or(|closed| closed.at >= at);
        !shard.expired
            && match self {
                Self::All => true,
                Self::AtTrimHorizon => !known(shard.parent) && !known(shard.adjacent_parent),
                Self::Open => shard.closed.is_none(),
                Self::After(id) => shard_id(shard.number) > *id,
                Self::OpenAt(at) => shard.opened <= *at && open_since(*at),
                Self::OpenSince(at) => open_since(*at),
            }
    }
}

fn summary(stream: &Stream) -> Value {
    json!({
        "StreamName": stream.name,
        "StreamARN": stream.arn(),
        "MaxRecordSizeInKiB": stream.record_kib,
        "StreamStatus": stream.status(),
        "StreamModeDetails": { "StreamMode": if stream.on_demand { "ON_DEMAND" } else { "PROVISIONED" } },
        "StreamCreationTimestamp": seconds(stream.created),
    })
}

fn describe(stream: &Stream, shard: &Shard) -> Value {
    let mut sequences = json!({ "StartingSequenceNumber": stream.sequence_number(shard.start) });
    if let Some(closed) = shard.closed {
        extend(&mut sequences, json!({ "EndingSequenceNumber": stream.sequence_number(closed.end) }));
    }
    let mut described = json!({
        "ShardId": shard_id(shard.number),
        "HashKeyRange": hash_key_range(shard),
        "SequenceNumberRange": sequences,
    });
    if let Some(parent) = shard.parent {
        extend(&mut described, json!({ "ParentShardId": shard_id(parent) }));
    }
    if let Some(parent) = shard.adjacent_parent {
        extend(&mut described, json!({ "AdjacentParentShardId": shard_id(parent) }));
    }
    described
}

pub(super) fn hash_key_range(shard: &Shard) -> Value {
    json!({ "StartingHashKey": shard.first_hash.to_string(), "EndingHashKey": shard.last_hash.to_string() })
}

pub(super) fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

pub(super) fn reply(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
