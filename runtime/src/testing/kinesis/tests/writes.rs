use super::*;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;

fn entry(key: &str, data: impl Into<Vec<u8>>) -> PutRecordsRequestEntry {
    PutRecordsRequestEntry::builder().partition_key(key).data(Blob::new(data)).build().unwrap()
}

#[test]
fn streams_come_and_go() {
    run(async |server| {
        let client = server.client();
        let create = |name: &str| client.create_stream().stream_name(name).shard_count(3).send();
        create("b").await.unwrap();
        create("a").await.unwrap();
        assert_eq!(code(create("a").await), "ResourceInUseException");
        let list = client.list_streams().limit(1).send().await.unwrap();
        assert_eq!((list.stream_names(), list.has_more_streams()), (["a".to_owned()].as_slice(), true));
        let list = client.list_streams().next_token(list.next_token().unwrap()).send().await.unwrap();
        assert_eq!((list.stream_names(), list.has_more_streams()), (["b".to_owned()].as_slice(), false));

        let summary = client.describe_stream_summary().stream_name("a").send().await.unwrap();
        let summary = summary.stream_description_summary().unwrap();
        assert_eq!((summary.open_shard_count(), summary.stream_status().as_str()), (3, "ACTIVE"));
        let by_arn = client.describe_stream().stream_arn(summary.stream_arn()).limit(2).send().await.unwrap();
        let described = by_arn.stream_description().unwrap();
        assert_eq!((described.shards().len(), described.has_more_shards()), (2, true));

        client.delete_stream().stream_name("a").send().await.unwrap();
        assert_eq!(code(client.delete_stream().stream_name("a").send().await), "ResourceNotFoundException");
    });
}

#[test]
fn keys_go_to_the_shard_of_their_hash() {
    run(async |server| {
        server.create_stream(STREAM, 4).unwrap();
        let client = server.client();
        // MD5("a") = 0cc1.., MD5("b") = 92eb.., so the first and the third of four shards.
        for (key, shard) in [("a", FIRST), ("b", "shardId-000000000002")] {
            let put =
                client.put_record().stream_name(STREAM).partition_key(key).data(Blob::new("x")).send().await.unwrap();
            assert_eq!(put.shard_id(), shard);
            assert_eq!(put.sequence_number().len(), 56);
            assert_eq!(server.put(STREAM, key, "x").unwrap().0, shard);
        }
        let last = u128::MAX.to_string();
        let put =
            client.put_record().stream_name(STREAM).partition_key("a").explicit_hash_key(last).data(Blob::new("x"));
        assert_eq!(put.send().await.unwrap().shard_id(), "shardId-000000000003");
    });
}

#[test]
fn sequence_numbers_grow() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let client = server.client();
        let records = (0..500).map(|index| entry("k", index.to_string())).collect();
        let answer = client.put_records().stream_name(STREAM).set_records(Some(records)).send().await.unwrap();
        assert_eq!(answer.failed_record_count(), Some(0));
        let mut numbers: Vec<&str> = answer.records().iter().map(|record| record.sequence_number().unwrap()).collect();
        let (_, later) = server.put(STREAM, "k", "x").unwrap();
        numbers.push(&later);
        assert!(numbers.is_sorted_by(|left, right| left.len() == 56 && left < right));
    });
}

#[test]
fn requests_have_limits() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let client = server.client();
        let put = |records: Vec<_>| client.put_records().stream_name(STREAM).set_records(Some(records)).send();
        assert_eq!(code(put(vec![entry("k", ""); 501]).await), "ValidationException");
        assert_eq!(code(put(vec![entry("k", vec![0; 1024 * 1024 - 1]); 11]).await), "InvalidArgumentException");
        assert_eq!(code(put(vec![entry("k", vec![0; 1024 * 1024])]).await), "InvalidArgumentException");
        assert_eq!(code(put(vec![entry(&"k".repeat(257), "")]).await), "ValidationException");
        assert_eq!(server.shards(STREAM).unwrap()[0].records, 0);
        put(vec![entry("k", vec![0; 1024 * 1024 - 1]); 4]).await.unwrap();
        assert_eq!(server.shards(STREAM).unwrap()[0].records, 4);
    });
}

#[test]
fn a_shard_that_is_throttled_refuses_its_records_only() {
    run(async |server| {
        server.create_stream(STREAM, 4).unwrap();
        let client = server.client();
        server.faults().on_shard("PutRecords", FIRST, 1, Fault::Throttle);
        let records = vec![entry("a", "1"), entry("b", "2"), entry("a", "3")];
        let answer = client.put_records().stream_name(STREAM).set_records(Some(records)).send().await.unwrap();
        let codes: Vec<_> = answer.records().iter().map(|record| record.error_code()).collect();
        assert_eq!(answer.failed_record_count(), Some(1));
        assert_eq!(codes, [Some("ProvisionedThroughputExceededException"), None, None]);
    });
}
