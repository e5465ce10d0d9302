//! All that the AWS SDK does for a reader, and nothing else: one task for each shard.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{BehaviorVersion, Config, Credentials, Region};

use super::STREAM;

/// A client of a server on this machine.
pub(crate) fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

/// Reads all shards to their present end, throws the records away, and counts them.
pub(crate) fn read(endpoint: &str) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = client(endpoint);
        let shards = client.list_shards().stream_name(STREAM).send().await.unwrap().shards.unwrap();
        let tasks: Vec<_> =
            shards.into_iter().map(|shard| tokio::spawn(shard_of(client.clone(), shard.shard_id))).collect();
        let mut records = 0;
        for task in tasks {
            records += task.await.unwrap();
        }
        records
    })
}

async fn shard_of(client: Client, shard: String) -> u64 {
    let iterator = client.get_shard_iterator().stream_name(STREAM).shard_id(shard);
    let mut iterator = iterator.shard_iterator_type("TRIM_HORIZON".into()).send().await.unwrap().shard_iterator;
    let mut records = 0;
    while let Some(next) = iterator.take() {
        let page = client.get_records().shard_iterator(next).send().await.unwrap();
        records += page.records.len() as u64;
        // Some servers say that nothing is left when there is.
        iterator = page.next_shard_iterator.filter(|_| !page.records.is_empty());
    }
    records
}
