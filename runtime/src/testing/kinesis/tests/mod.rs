//! The server through the AWS SDK.

#![allow(clippy::unwrap_used, reason = "a test that fails is meant to panic")]

mod faults;
mod push;
mod reads;
mod shards;
mod streams;
mod writes;

use super::*;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::types::ShardIteratorType;
use std::future::Future;
use std::time::Duration;

const STREAM: &str = "s";
const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
const FIRST: &str = "shardId-000000000000";

fn run<F: Future>(test: impl FnOnce(Server) -> F) -> F::Output {
    let server = Server::start().unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test(server))
}

async fn iterator(client: &Client, shard: &str, kind: ShardIteratorType) -> String {
    let request = client.get_shard_iterator().stream_name(STREAM).shard_id(shard).shard_iterator_type(kind);
    request.send().await.unwrap().shard_iterator.unwrap()
}

async fn page(client: &Client, iterator: &str) -> GetRecordsOutput {
    client.get_records().shard_iterator(iterator).send().await.unwrap()
}

fn texts(page: &GetRecordsOutput) -> Vec<&str> {
    page.records().iter().map(|record| std::str::from_utf8(record.data().as_ref()).unwrap()).collect()
}

/// The code of an answer that must be an error.
fn code<T: std::fmt::Debug, E: ProvideErrorMetadata, R>(answer: Result<T, SdkError<E, R>>) -> String {
    let error = answer.unwrap_err();
    error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap().to_owned()
}
