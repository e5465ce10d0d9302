use super::*;
use aws_sdk_kinesis::primitives::DateTime;

#[test]
fn records_are_read_in_order_and_whole() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.set_time(1_700_000_000_123);
        server.put(STREAM, "k\"ey", vec![0_u8, 255, 1]).unwrap();
        server.advance(Duration::from_millis(2));
        let (_, number) = server.put(STREAM, "k2", "two").unwrap();
        server.advance(Duration::from_millis(40));
        let client = server.client();
        let start = iterator(&client, FIRST, ShardIteratorType::TrimHorizon).await;

        let first = client.get_records().shard_iterator(&start).limit(1).send().await.unwrap();
        assert_eq!(first.records()[0].partition_key(), Some("k\"ey"));
        assert_eq!(first.records()[0].data().as_ref(), [0, 255, 1]);
        // The SDK reads the timestamp as a float and keeps nanoseconds that are a little off: round, do not cut.
        let arrival = first.records()[0].approximate_arrival_timestamp().unwrap().as_nanos();
        assert_eq!((arrival + 500_000) / 1_000_000, 1_700_000_000_123);
        assert_eq!(first.millis_behind_latest(), Some(42));

        let second = page(&client, first.next_shard_iterator().unwrap()).await;
        assert_eq!((texts(&second), second.millis_behind_latest()), (vec!["two"], Some(0)));
        assert_eq!(second.records()[0].sequence_number(), number);

        let third = page(&client, second.next_shard_iterator().unwrap()).await;
        assert_eq!((texts(&third), third.millis_behind_latest()), (vec![], Some(0)));
        server.put(STREAM, "k", "three").unwrap();
        assert_eq!(texts(&page(&client, third.next_shard_iterator().unwrap()).await), ["three"]);
    });
}

#[test]
fn all_types_of_iterators() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.set_time(10_000);
        let mut numbers = Vec::new();
        for (arrival, data) in [(1_000, "a"), (2_000, "b"), (3_000, "c")] {
            numbers.push(server.put_at(STREAM, "k", data, arrival).unwrap().1);
        }
        let client = server.client();
        let request = |kind| client.get_shard_iterator().stream_name(STREAM).shard_id(FIRST).shard_iterator_type(kind);
        let at = |kind, index: usize| request(kind).starting_sequence_number(&numbers[index]).send();
        let time = |millis| request(ShardIteratorType::AtTimestamp).timestamp(DateTime::from_millis(millis)).send();
        let latest = request(ShardIteratorType::Latest).send().await.unwrap();
        server.put(STREAM, "k", "d").unwrap();
        for (answer, expected) in [
            (request(ShardIteratorType::TrimHorizon).send().await.unwrap(), "abcd"),
            (latest, "d"),
            (at(ShardIteratorType::AtSequenceNumber, 1).await.unwrap(), "bcd"),
            (at(ShardIteratorType::AfterSequenceNumber, 1).await.unwrap(), "cd"),
            (at(ShardIteratorType::AfterSequenceNumber, 2).await.unwrap(), "d"),
            (time(0).await.unwrap(), "abcd"),
            (time(2_000).await.unwrap(), "bcd"),
            (time(2_001).await.unwrap(), "cd"),
        ] {
            assert_eq!(texts(&page(&client, answer.shard_iterator().unwrap()).await).concat(), expected);
        }
        assert_eq!(code(time(10_001).await), "InvalidArgumentException");
        assert_eq!(code(request(ShardIteratorType::AtSequenceNumber).send().await), "InvalidArgumentException");
        // Sequence numbers of nowhere, of another shard and of another stream.
        server.create_stream("other", 1).unwrap();
        let (_, other) = server.put("other", "k", "").unwrap();
        server.split(STREAM, FIRST).unwrap();
        let child = server.put(STREAM, "k", "").unwrap().1;
        for number in ["x", "", "1", child.as_str(), other.as_str()] {
            let answer = request(ShardIteratorType::AfterSequenceNumber).starting_sequence_number(number).send().await;
            assert_eq!(code(answer), "InvalidArgumentException", "{number}");
        }
        let unknown = client.get_shard_iterator().stream_name(STREAM).shard_id("shardId-000000000009");
        let unknown = unknown.shard_iterator_type(ShardIteratorType::Latest).send().await;
        assert_eq!(code(unknown), "ResourceNotFoundException");
    });
}

#[test]
fn pages_have_limits() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        assert_eq!(server.put_all(STREAM, (0..10_001).map(|index| ("k", index.to_string()))).unwrap(), 10_001);
        server.put_all(STREAM, (0..12).map(|_| ("k", vec![b' '; 1024 * 1024]))).unwrap();
        let client = server.client();
        let mut next = Some(iterator(&client, FIRST, ShardIteratorType::TrimHorizon).await);
        let mut sizes = Vec::new();
        while sizes.len() < 5 {
            let page = page(&client, &next.unwrap()).await;
            assert_eq!(
                page.millis_behind_latest() == Some(0),
                sizes.iter().sum::<usize>() + page.records().len() == 10_013
            );
            sizes.push(page.records().len());
            next = page.next_shard_iterator().map(str::to_owned);
        }
        // Ten records of 1 MiB and their keys are over 10 MiB.
        assert_eq!(sizes, [10_000, 10, 3, 0, 0]);
        let limit = client.get_records().shard_iterator(next.unwrap()).limit(10_001).send().await;
        assert_eq!(code(limit), "InvalidArgumentException");
    });
}

#[test]
fn iterators_expire() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "x").unwrap();
        server.set_time(server.time());
        let client = server.client();
        let start = iterator(&client, FIRST, ShardIteratorType::TrimHorizon).await;
        server.advance(Duration::from_secs(300));
        assert_eq!(texts(&page(&client, &start).await), ["x"]);
        server.advance(Duration::from_millis(1));
        assert_eq!(code(client.get_records().shard_iterator(&start).send().await), "ExpiredIteratorException");
        assert_eq!(code(client.get_records().shard_iterator("x").send().await), "InvalidArgumentException");
    });
}

#[test]
fn an_iterator_ends_with_its_stream() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let client = server.client();
        let start = iterator(&client, FIRST, ShardIteratorType::TrimHorizon).await;
        server.delete_stream(STREAM).unwrap();
        assert_eq!(code(client.get_records().shard_iterator(&start).send().await), "ResourceNotFoundException");
        server.create_stream(STREAM, 1).unwrap();
        assert_eq!(code(client.get_records().shard_iterator(&start).send().await), "ResourceNotFoundException");
    });
}

#[test]
fn trimmed_records_are_passed_over_in_silence() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let (_, first) = server.put(STREAM, "k", "1").unwrap();
        server.put_all(STREAM, [("k", "2"), ("k", "3"), ("k", "4")]).unwrap();
        assert_eq!(server.trim(STREAM, FIRST, 3).unwrap(), 3);
        let client = server.client();
        let request = client.get_shard_iterator().stream_name(STREAM).shard_id(FIRST).starting_sequence_number(first);
        let after = request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).send().await.unwrap();
        assert_eq!(texts(&page(&client, after.shard_iterator().unwrap()).await), ["4"]);
    });
}

/// The fast way in and the way out are fast enough for tests with volume.
#[test]
fn volume() {
    run(async |server| {
        server.create_stream(STREAM, 4).unwrap();
        let body = r#"{"user":"u-000017","page":"/a/page/of/the/shop","ms":1700000000123}"#;
        server.put_all(STREAM, (0..100_000).map(|index: u32| (format!("user-{}", index % 977), body))).unwrap();
        let client = server.client();
        let mut records = 0;
        for shard in server.shards(STREAM).unwrap() {
            let mut next = iterator(&client, &shard.id, ShardIteratorType::TrimHorizon).await;
            loop {
                let page = page(&client, &next).await;
                records += page.records().len();
                if page.millis_behind_latest() == Some(0) {
                    break;
                }
                next = page.next_shard_iterator().unwrap().to_owned();
            }
        }
        assert_eq!(records, 100_000);
    });
}
