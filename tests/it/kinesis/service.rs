//! A Kinesis to test against: the server in the process, or one that others wrote.

use std::time::{Duration, Instant};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, Shard};
use millstream::testing::kinesis::Server;
use tokio::runtime::Runtime;

use super::independent::Independent;
use super::job::STREAM;

enum Kind {
    Here(Server),
    There(Independent),
}

/// A service and a client of it.
pub(super) struct Service {
    kind: Kind,
    client: Client,
    runtime: Runtime,
}

impl Service {
    pub(super) fn here() -> Self {
        Self::new(Kind::Here(Server::start().unwrap()))
    }

    pub(super) fn there(server: Independent) -> Self {
        Self::new(Kind::There(server))
    }

    fn new(kind: Kind) -> Self {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(endpoint(&kind))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { kind, client: Client::from_conf(config.build()), runtime }
    }

    pub(super) fn endpoint(&self) -> String {
        endpoint(&self.kind)
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Waits until the service answers.
    pub(super) fn wait(&self) {
        let begun = Instant::now();
        self.runtime.block_on(async {
            while self.client.list_streams().send().await.is_err() {
                assert!(begun.elapsed() < Duration::from_secs(60), "the service does not answer");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    }

    /// Makes the stream, once the service answers.
    pub(super) fn create(&self, shards: i32) {
        self.wait();
        self.runtime.block_on(async {
            self.client.create_stream().stream_name(STREAM).shard_count(shards).send().await.unwrap();
        });
        self.settle();
    }

    /// Waits until the stream is active.
    fn settle(&self) {
        self.runtime.block_on(async {
            loop {
                let summary = self.client.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
                if summary.stream_description_summary.unwrap().stream_status.as_str() == "ACTIVE" {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }

    /// Puts records in their order.
    pub(super) fn put(&self, records: impl Iterator<Item = (String, String)>) {
        let entry = |(key, data): (String, String)| {
            PutRecordsRequestEntry::builder().partition_key(key).data(data.into_bytes().into()).build().unwrap()
        };
        let entries: Vec<_> = records.map(entry).collect();
        self.runtime.block_on(async {
            for batch in entries.chunks(500) {
                let put = self.client.put_records().stream_name(STREAM).set_records(Some(batch.to_vec()));
                assert_eq!(put.send().await.unwrap().failed_record_count.unwrap_or(0), 0);
            }
        });
    }

    /// The open shards, by their ranges.
    pub(super) fn open_shards(&self) -> Vec<Shard> {
        let answer = self.runtime.block_on(self.client.list_shards().stream_name(STREAM).send()).unwrap();
        let mut shards = answer.shards.unwrap();
        let closed = |shard: &Shard| {
            shard.sequence_number_range.as_ref().is_some_and(|range| range.ending_sequence_number.is_some())
        };
        shards.retain(|shard| !closed(shard));
        shards.sort_by_key(|shard| range(shard).0);
        shards
    }

    pub(super) fn split(&self, shard: &Shard) {
        let (first, last) = range(shard);
        let middle = (first + (last - first) / 2 + 1).to_string();
        let split = self.client.split_shard().stream_name(STREAM).shard_to_split(&shard.shard_id);
        self.runtime.block_on(split.new_starting_hash_key(middle).send()).unwrap();
        self.settle();
    }

    pub(super) fn merge(&self, shard: &Shard, adjacent: &Shard) {
        let merge = self.client.merge_shards().stream_name(STREAM).shard_to_merge(&shard.shard_id);
        self.runtime.block_on(merge.adjacent_shard_to_merge(&adjacent.shard_id).send()).unwrap();
        self.settle();
    }
}

fn endpoint(kind: &Kind) -> String {
    match kind {
        Kind::Here(server) => server.endpoint(),
        Kind::There(server) => server.url(),
    }
}

fn range(shard: &Shard) -> (u128, u128) {
    let range = shard.hash_key_range.as_ref().unwrap();
    (range.starting_hash_key.parse().unwrap(), range.ending_hash_key.parse().unwrap())
}
