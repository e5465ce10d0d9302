//! What the public documentation of the service promises, one check for each promise; each has a stream of its own.

use std::time::{Duration, Instant};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{
    PutRecordsRequestEntry, ScalingType, Shard, ShardFilter, ShardFilterType, ShardIteratorType as At,
};

/// Why a check failed.
pub(super) type Checked = Result<(), String>;

macro_rules! ensure {
    ($condition:expr, $($said:tt)+) => {
        if !$condition {
            return Err(format!($($said)+));
        }
    };
}

pub(super) use ensure;

/// The code of an error, or what came instead.
pub(super) fn code<T: std::fmt::Debug, E: ProvideErrorMetadata, R>(answer: Result<T, SdkError<E, R>>) -> String {
    match answer {
        Ok(_) => "success".to_owned(),
        Err(error) => error.code().unwrap_or("no code").to_owned(),
    }
}

pub(super) fn text<E: std::error::Error>(error: E) -> String {
    format!("{}", aws_sdk_kinesis::error::DisplayErrorContext(error))
}

/// A stream for one check.
pub(super) struct Stream<'a> {
    pub(super) client: &'a Client,
    pub(super) name: &'a str,
}

impl Stream<'_> {
    pub(super) async fn create(&self, shards: i32) -> Checked {
        self.client.create_stream().stream_name(self.name).shard_count(shards).send().await.map_err(text)?;
        self.settle().await
    }

    async fn settle(&self) -> Checked {
        let begun = Instant::now();
        loop {
            let summary = self.client.describe_stream_summary().stream_name(self.name).send().await.map_err(text)?;
            if summary.stream_description_summary.is_some_and(|summary| summary.stream_status.as_str() == "ACTIVE") {
                return Ok(());
            }
            ensure!(begun.elapsed() < Duration::from_secs(20), "the stream does not become active");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) async fn arn(&self) -> Result<String, String> {
        let summary = self.client.describe_stream_summary().stream_name(self.name).send().await.map_err(text)?;
        Ok(summary.stream_description_summary.map(|summary| summary.stream_arn).unwrap_or_default())
    }

    async fn shards(&self) -> Result<Vec<Shard>, String> {
        let list = self.client.list_shards().stream_name(self.name).send().await.map_err(text)?;
        Ok(list.shards.unwrap_or_default())
    }

    /// Puts a record; its sequence number.
    pub(super) async fn put(&self, data: &str) -> Result<String, String> {
        let put =
            self.client.put_record().stream_name(self.name).partition_key("k").data(data.as_bytes().to_vec().into());
        Ok(put.send().await.map_err(text)?.sequence_number)
    }

    async fn put_many(&self, count: usize, bytes: usize) -> String {
        let data = vec![b'x'; bytes];
        let entry = || PutRecordsRequestEntry::builder().partition_key("k").data(data.clone().into()).build().unwrap();
        code(self.client.put_records().stream_name(self.name).set_records(Some(vec![entry(); count])).send().await)
    }

    async fn iterator(&self, at: At, number: Option<&str>) -> Result<String, String> {
        let request = self.client.get_shard_iterator().stream_name(self.name).shard_id(FIRST).shard_iterator_type(at);
        let answer = request.set_starting_sequence_number(number.map(str::to_owned)).send().await.map_err(text)?;
        answer.shard_iterator.ok_or_else(|| "no iterator".to_owned())
    }

    async fn page(&self, iterator: &str, limit: Option<i32>) -> Result<GetRecordsOutput, String> {
        self.client.get_records().shard_iterator(iterator).set_limit(limit).send().await.map_err(text)
    }

    /// What an iterator gives.
    async fn read(&self, at: At, number: Option<&str>) -> Result<Vec<String>, String> {
        Ok(texts(&self.page(&self.iterator(at, number).await?, None).await?))
    }

    pub(super) async fn split(&self) -> Checked {
        let middle = (u128::MAX / 2 + 1).to_string();
        let split =
            self.client.split_shard().stream_name(self.name).shard_to_split(FIRST).new_starting_hash_key(middle);
        split.send().await.map_err(text)?;
        self.settle().await
    }
}

pub(super) const FIRST: &str = "shardId-000000000000";

fn texts(page: &GetRecordsOutput) -> Vec<String> {
    page.records().iter().map(|record| String::from_utf8_lossy(record.data().as_ref()).into_owned()).collect()
}

fn number(text: &str) -> Result<(usize, String), String> {
    let digits = text.trim_start_matches('0').to_owned();
    ensure!(!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()), "{text} is no number");
    Ok((digits.len(), digits))
}

/// Runs the check of this name.
pub(super) async fn check(name: &str, stream: &Stream<'_>) -> Checked {
    match name {
        "a stream is created once" => created_once(stream).await,
        "PutRecords takes 500 records" => {
            stream.create(1).await?;
            let (most, more) = (stream.put_many(500, 1).await, stream.put_many(501, 1).await);
            ensure!(most == "success" && more != "success", "500: {most}, 501: {more}");
            Ok(())
        }
        "PutRecords takes 10 MiB" => {
            stream.create(1).await?;
            let (most, more) = (stream.put_many(9, 1_000_000).await, stream.put_many(11, 1_000_000).await);
            ensure!(most == "success" && more != "success", "9 MB: {most}, 11 MB: {more}");
            Ok(())
        }
        "a record has 1 MiB with its key" => {
            stream.create(1).await?;
            let (most, more) = (stream.put_many(1, (1 << 20) - 1).await, stream.put_many(1, 1 << 20).await);
            ensure!(most == "success" && more != "success", "with one byte of key: {most}, one more: {more}");
            Ok(())
        }
        "sequence numbers grow" => {
            stream.create(1).await?;
            let mut numbers = Vec::new();
            for index in 0..5 {
                numbers.push(number(&stream.put(&index.to_string()).await?)?);
            }
            ensure!(numbers.is_sorted_by(|left, right| left < right), "{numbers:?}");
            Ok(())
        }
        "iterators begin where they say" => iterators(stream).await,
        "AT_TIMESTAMP has milliseconds" => at_timestamp(stream).await,
        "a sequence number belongs to its shard" => foreign_number(stream).await,
        "an unknown shard is not found" => {
            stream.create(1).await?;
            let request = stream.client.get_shard_iterator().stream_name(stream.name).shard_id("shardId-000000000009");
            let code = code(request.shard_iterator_type(At::TrimHorizon).send().await);
            ensure!(code == "ResourceNotFoundException", "{code}");
            Ok(())
        }
        "GetRecords keeps its limit" => {
            stream.create(1).await?;
            stream.put_many(10, 1).await;
            let iterator = stream.iterator(At::TrimHorizon, None).await?;
            let page = stream.page(&iterator, Some(3)).await?;
            ensure!(page.records().len() == 3, "{} records", page.records().len());
            let code = code(stream.client.get_records().shard_iterator(iterator).limit(10_001).send().await);
            ensure!(code == "InvalidArgumentException" || code == "ValidationException", "10001: {code}");
            Ok(())
        }
        "a page has at most 10 MiB" => {
            stream.create(1).await?;
            for _ in 0..3 {
                stream.put_many(4, 1_000_000).await;
            }
            let page = stream.page(&stream.iterator(At::TrimHorizon, None).await?, None).await?;
            let bytes: usize = page.records().iter().map(|record| record.data().as_ref().len()).sum();
            ensure!(bytes > 0 && bytes <= 10 << 20, "{bytes} bytes");
            Ok(())
        }
        "MillisBehindLatest knows what is left" => {
            stream.create(1).await?;
            stream.put_many(4, 1).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            let page = stream.page(&stream.iterator(At::TrimHorizon, None).await?, Some(2)).await?;
            ensure!(page.millis_behind_latest > Some(0), "half way: {:?}", page.millis_behind_latest);
            let next = page.next_shard_iterator.clone().unwrap_or_default();
            let page = stream.page(&next, None).await?;
            ensure!(page.millis_behind_latest == Some(0), "at the tip: {:?}", page.millis_behind_latest);
            Ok(())
        }
        "a closed shard ends" => {
            stream.create(1).await?;
            stream.put("1").await?;
            stream.split().await?;
            let end = end(stream).await?;
            ensure!(end.next_shard_iterator().is_none(), "it does not");
            Ok(())
        }
        "a closed shard names its children" => {
            stream.create(1).await?;
            stream.put("1").await?;
            stream.split().await?;
            let end = end(stream).await?;
            ensure!(end.child_shards().len() == 2, "{} children", end.child_shards().len());
            Ok(())
        }
        "a split has a lineage" => {
            stream.create(1).await?;
            stream.split().await?;
            let shards = stream.shards().await?;
            let children = shards.iter().filter(|shard| shard.parent_shard_id() == Some(FIRST)).count();
            let closed = |shard: &Shard| {
                shard.sequence_number_range.as_ref().is_some_and(|range| range.ending_sequence_number.is_some())
            };
            ensure!(children == 2 && shards.len() == 3, "{children} of {} shards", shards.len());
            ensure!(shards.iter().filter(|shard| closed(shard)).count() == 1, "one is closed");
            Ok(())
        }
        "a merge has a lineage" => {
            stream.create(2).await?;
            let merge = stream.client.merge_shards().stream_name(stream.name).shard_to_merge(FIRST);
            merge.adjacent_shard_to_merge("shardId-000000000001").send().await.map_err(text)?;
            stream.settle().await?;
            let shards = stream.shards().await?;
            let child = shards.iter().find(|shard| shard.parent_shard_id().is_some());
            let parents = child.map(|child| (child.parent_shard_id(), child.adjacent_parent_shard_id()));
            ensure!(parents == Some((Some(FIRST), Some("shardId-000000000001"))), "{parents:?}");
            Ok(())
        }
        "UpdateShardCount has a lineage" => {
            stream.create(1).await?;
            let update = stream.client.update_shard_count().stream_name(stream.name).target_shard_count(2);
            update.scaling_type(ScalingType::UniformScaling).send().await.map_err(text)?;
            stream.settle().await?;
            let shards = stream.shards().await?;
            let children = shards.iter().filter(|shard| shard.parent_shard_id() == Some(FIRST)).count();
            ensure!(children == 2, "{children} of {} shards", shards.len());
            Ok(())
        }
        "UpdateShardCount at most doubles" => {
            stream.create(1).await?;
            let update = stream.client.update_shard_count().stream_name(stream.name).target_shard_count(3);
            let code = code(update.scaling_type(ScalingType::UniformScaling).send().await);
            ensure!(code != "success", "{code}");
            Ok(())
        }
        "lists have pages" => {
            stream.create(5).await?;
            let page =
                stream.client.list_shards().stream_name(stream.name).max_results(3).send().await.map_err(text)?;
            ensure!(page.shards().len() == 3, "{} shards", page.shards().len());
            let token = page.next_token.ok_or("no token")?;
            let rest = stream.client.list_shards().next_token(&token).send().await.map_err(text)?;
            ensure!(rest.shards().len() == 2 && rest.next_token.is_none(), "{} on the second", rest.shards().len());
            Ok(())
        }
        "a token comes alone" => {
            stream.create(5).await?;
            let page =
                stream.client.list_shards().stream_name(stream.name).max_results(3).send().await.map_err(text)?;
            let list = stream.client.list_shards().stream_name(stream.name).set_next_token(page.next_token);
            let code = code(list.send().await);
            ensure!(code == "InvalidArgumentException", "{code}");
            Ok(())
        }
        "lists can be filtered" => {
            stream.create(1).await?;
            stream.split().await?;
            let of = async |filter: ShardFilterType, shard: Option<&str>| {
                let filter = ShardFilter::builder().r#type(filter).set_shard_id(shard.map(str::to_owned)).build();
                let list = stream.client.list_shards().stream_name(stream.name).shard_filter(filter.map_err(text)?);
                Ok::<_, String>(list.send().await.map_err(text)?.shards().len())
            };
            let counts = [
                of(ShardFilterType::AtLatest, None).await?,
                of(ShardFilterType::AfterShardId, Some(FIRST)).await?,
                of(ShardFilterType::FromTrimHorizon, None).await?,
            ];
            ensure!(counts == [2, 2, 3], "{counts:?}");
            Ok(())
        }
        "retention is 24 to 8760 hours" => retention(stream).await,
        "a stream made again is another" => made_again(stream).await,
        other => super::subscriptions::check(other, stream).await,
    }
}

/// All checks, in the order of the table.
pub(super) const NAMES: &[&str] = &[
    "a stream is created once",
    "a stream made again is another",
    "retention is 24 to 8760 hours",
    "PutRecords takes 500 records",
    "PutRecords takes 10 MiB",
    "a record has 1 MiB with its key",
    "sequence numbers grow",
    "a sequence number belongs to its shard",
    "iterators begin where they say",
    "AT_TIMESTAMP has milliseconds",
    "an unknown shard is not found",
    "GetRecords keeps its limit",
    "a page has at most 10 MiB",
    "MillisBehindLatest knows what is left",
    "a closed shard ends",
    "a closed shard names its children",
    "a split has a lineage",
    "a merge has a lineage",
    "UpdateShardCount has a lineage",
    "UpdateShardCount at most doubles",
    "lists have pages",
    "a token comes alone",
    "lists can be filtered",
    "consumers are registered once",
    "a subscription brings records",
    "a subscription ends with the children",
    "a subscription is taken over after 5 s",
];

async fn created_once(stream: &Stream<'_>) -> Checked {
    stream.create(2).await?;
    let again = code(stream.client.create_stream().stream_name(stream.name).shard_count(1).send().await);
    ensure!(again == "ResourceInUseException", "{again}");
    let unknown = code(stream.client.describe_stream_summary().stream_name("there-is-none").send().await);
    ensure!(unknown == "ResourceNotFoundException", "{unknown}");
    let ranges: Vec<_> = stream.shards().await?.into_iter().filter_map(|shard| shard.hash_key_range).collect();
    let ends =
        ranges.first().zip(ranges.last()).map(|(first, last)| (first.starting_hash_key(), last.ending_hash_key()));
    ensure!(ends == Some(("0", &u128::MAX.to_string())), "{ranges:?}");
    Ok(())
}

async fn iterators(stream: &Stream<'_>) -> Checked {
    stream.create(1).await?;
    let latest = stream.iterator(At::Latest, None).await?;
    stream.put("1").await?;
    let second = stream.put("2").await?;
    stream.put("3").await?;
    for (at, number, expected) in [
        (At::TrimHorizon, None, vec!["1", "2", "3"]),
        (At::AtSequenceNumber, Some(second.as_str()), vec!["2", "3"]),
        (At::AfterSequenceNumber, Some(&second), vec!["3"]),
    ] {
        let read = stream.read(at.clone(), number).await?;
        ensure!(read == expected, "{at:?}: {read:?}");
    }
    let read = texts(&stream.page(&latest, None).await?);
    ensure!(read == ["1", "2", "3"], "LATEST: {read:?}");
    Ok(())
}

async fn at_timestamp(stream: &Stream<'_>) -> Checked {
    stream.create(1).await?;
    let mut numbers = Vec::new();
    for index in 0..3 {
        numbers.push(stream.put(&index.to_string()).await?);
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    let page = stream.page(&stream.iterator(At::TrimHorizon, None).await?, None).await?;
    let second = page.records().get(1).and_then(|record| record.approximate_arrival_timestamp);
    let millis = second.map_or(0, |time| (time.as_nanos() + 500_000).div_euclid(1_000_000) as i64);
    let request = stream.client.get_shard_iterator().stream_name(stream.name).shard_id(FIRST);
    let request = request.shard_iterator_type(At::AtTimestamp).timestamp(DateTime::from_millis(millis));
    let iterator = request.send().await.map_err(text)?.shard_iterator.unwrap_or_default();
    let read = texts(&stream.page(&iterator, None).await?);
    let fine =
        page.records().iter().any(|record| record.approximate_arrival_timestamp.is_some_and(|t| t.subsec_nanos() > 0));
    ensure!(fine && read == ["1", "2"], "{read:?}, milliseconds: {fine}");
    Ok(())
}

async fn foreign_number(stream: &Stream<'_>) -> Checked {
    stream.create(2).await?;
    let numbers = stream.shards().await?;
    let other = numbers
        .iter()
        .filter(|shard| shard.shard_id != FIRST)
        .find_map(|shard| shard.sequence_number_range.as_ref().map(|range| range.starting_sequence_number.clone()));
    let request = stream.client.get_shard_iterator().stream_name(stream.name).shard_id(FIRST);
    let request = request.shard_iterator_type(At::AfterSequenceNumber).set_starting_sequence_number(other);
    let code = code(request.send().await);
    ensure!(code == "InvalidArgumentException", "{code}");
    Ok(())
}

/// The last answer of the first shard.
async fn end(stream: &Stream<'_>) -> Result<GetRecordsOutput, String> {
    let mut iterator = stream.iterator(At::TrimHorizon, None).await?;
    for _ in 0..5 {
        let page = stream.page(&iterator, None).await?;
        match page.next_shard_iterator() {
            Some(next) => iterator = next.to_owned(),
            None => return Ok(page),
        }
    }
    Err("the shard does not end".to_owned())
}

async fn retention(stream: &Stream<'_>) -> Checked {
    stream.create(1).await?;
    let increase = async |hours| {
        let request = stream.client.increase_stream_retention_period().stream_name(stream.name);
        code(request.retention_period_hours(hours).send().await)
    };
    let decrease = async |hours| {
        let request = stream.client.decrease_stream_retention_period().stream_name(stream.name);
        code(request.retention_period_hours(hours).send().await)
    };
    for (what, code) in [("8761", increase(8_761).await), ("23", decrease(23).await)] {
        ensure!(code != "success", "{what} hours: {code}");
    }
    ensure!(increase(48).await == "success", "48 hours");
    stream.settle().await?;
    let code = increase(30).await;
    ensure!(code == "InvalidArgumentException", "an increase to less: {code}");
    ensure!(decrease(24).await == "success", "24 hours");
    Ok(())
}

async fn made_again(stream: &Stream<'_>) -> Checked {
    stream.create(1).await?;
    stream.put("1").await?;
    let created = async || {
        let summary = stream.client.describe_stream_summary().stream_name(stream.name).send().await.map_err(text)?;
        let created = summary.stream_description_summary.map(|summary| summary.stream_creation_timestamp.as_nanos());
        Ok::<_, String>(created.unwrap_or_default())
    };
    let first = created().await?;
    stream.client.delete_stream().stream_name(stream.name).send().await.map_err(text)?;
    // Some servers count whole seconds.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    stream.create(1).await?;
    ensure!(created().await? != first, "it has the same creation time");
    let read = stream.read(At::TrimHorizon, None).await?;
    ensure!(read.is_empty(), "it has the records of the first: {read:?}");
    Ok(())
}
