use super::*;

#[test]
fn a_throttled_call_is_tried_again() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "x").unwrap();
        let client = server.client();
        let start = iterator(&client, FIRST, ShardIteratorType::TrimHorizon).await;
        server.faults().next("GetRecords", Fault::Throttle);
        assert_eq!(texts(&page(&client, &start).await), ["x"]);
        let errors: Vec<_> = server.log().into_iter().map(|call| (call.operation, call.shard, call.error)).collect();
        let call = |operation: &str, error: Option<&str>| {
            (operation.to_owned(), Some(FIRST.to_owned()), error.map(str::to_owned))
        };
        let throttle = "ProvisionedThroughputExceededException";
        assert_eq!(
            errors,
            [call("GetShardIterator", None), call("GetRecords", Some(throttle)), call("GetRecords", None)]
        );
        // Three tries are what the client makes by default.
        server.faults().times("GetRecords", 3, Fault::Throttle);
        assert_eq!(code(client.get_records().shard_iterator(&start).send().await), throttle);
        assert_eq!((server.calls("GetRecords"), server.faults().pending()), (5, 0));
    });
}

#[test]
fn faults_of_all_kinds() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        server.put_to_shard(STREAM, FIRST, "k", "x").unwrap();
        let client = server.client();
        let start = iterator(&client, FIRST, ShardIteratorType::TrimHorizon).await;
        let faults = server.faults();
        for fault in
            [Fault::InternalFailure, Fault::CutConnection, Fault::CutAnswer, Fault::Delay(Duration::from_millis(5))]
        {
            faults.next("GetRecords", fault.clone());
            assert_eq!(texts(&page(&client, &start).await), ["x"], "{fault:?}");
            assert_eq!(faults.pending(), 0);
        }
        faults.next("GetRecords", Fault::ExpiredIterator);
        assert_eq!(code(client.get_records().shard_iterator(&start).send().await), "ExpiredIteratorException");
        // The client tries the first again, three times in all, and the second not.
        faults.times("ListShards", 3, Fault::Error { code: "LimitExceededException".to_owned() });
        faults.times("ListShards", 3, Fault::Error { code: "AccessDeniedException".to_owned() });
        assert_eq!(code(client.list_shards().stream_name(STREAM).send().await), "LimitExceededException");
        assert_eq!(code(client.list_shards().stream_name(STREAM).send().await), "AccessDeniedException");
        assert_eq!(faults.pending(), 2);
        faults.clear();
        client.list_shards().stream_name(STREAM).send().await.unwrap();

        faults.next("GetRecords", Fault::EmptyPage);
        let empty = page(&client, &start).await;
        assert_eq!(texts(&empty), Vec::<&str>::new());
        assert_ne!(empty.millis_behind_latest(), Some(0));
        assert_eq!(texts(&page(&client, empty.next_shard_iterator().unwrap()).await), ["x"]);
    });
}

#[test]
fn a_fault_can_be_for_one_shard() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        let client = server.client();
        let second = "shardId-000000000001";
        server.faults().on_shard("GetRecords", second, 1, Fault::ExpiredIterator);
        let first = iterator(&client, FIRST, ShardIteratorType::Latest).await;
        page(&client, &first).await;
        let second = iterator(&client, second, ShardIteratorType::Latest).await;
        assert_eq!(code(client.get_records().shard_iterator(second).send().await), "ExpiredIteratorException");
    });
}

#[test]
fn an_end_in_the_other_ways() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "x").unwrap();
        server.split(STREAM, FIRST).unwrap();
        let client = server.client();
        let start = iterator(&client, FIRST, ShardIteratorType::TrimHorizon).await;
        server.faults().next("GetRecords", Fault::LateEnd);
        let last = page(&client, &start).await;
        assert_eq!((texts(&last), last.child_shards().len()), (vec!["x"], 0));
        server.faults().next("GetRecords", Fault::NoChildShards);
        let end = page(&client, last.next_shard_iterator().unwrap()).await;
        assert_eq!((texts(&end), end.next_shard_iterator(), end.child_shards().len()), (vec![], None, 0));
    });
}

#[test]
fn a_page_over_the_rate_is_paid_for_afterwards() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put_all(STREAM, [("k", vec![b' '; 1024 * 1024]), ("k", vec![])]).unwrap();
        server.set_limits(Limits { read_bytes_per_second: Some(1024), ..Limits::default() });
        let client = server.client();
        let start = iterator(&client, FIRST, ShardIteratorType::TrimHorizon).await;
        let first = client.get_records().shard_iterator(&start).limit(1).send().await.unwrap();
        assert_eq!(first.records().len(), 1);
        let second = client.get_records().shard_iterator(first.next_shard_iterator().unwrap()).send().await;
        assert_eq!(code(second), "ProvisionedThroughputExceededException");
    });
}

#[test]
fn a_bucket_holds_a_second() {
    let (mut bucket, rate) = (limits::Bucket::default(), Some(5));
    let mut taken_at = |millis| {
        let admitted = bucket.admits(rate, Duration::from_millis(millis), 1);
        admitted.then(|| bucket.take(1)).is_some()
    };
    assert!((0..5).all(|_| taken_at(0)));
    assert!(!taken_at(0) && !taken_at(199) && taken_at(201) && !taken_at(202));
    assert!((0..5).all(|_| taken_at(60_000)) && !taken_at(60_000));
}

#[test]
fn servers_stop_and_do_not_know_each_other() {
    run(async |server| {
        let other = Server::start().unwrap();
        other.create_stream(STREAM, 1).unwrap();
        assert_ne!(server.endpoint(), other.endpoint());
        assert!(server.shards(STREAM).unwrap_err().to_string().contains("ResourceNotFoundException"));
        let address = other.endpoint().strip_prefix("http://").unwrap().to_owned();
        let client = other.client();
        client.list_shards().stream_name(STREAM).send().await.unwrap();
        drop(other);
        assert!(std::net::TcpStream::connect(address).is_err());
        assert!(client.list_shards().stream_name(STREAM).send().await.is_err());
    });
}

/// The same seed and the same calls have the same faults.
#[test]
fn faults_at_random() {
    let story = |seed| {
        run(async |server| {
            server.create_stream(STREAM, 1).unwrap();
            let client = server.client();
            let once =
                client.config().to_builder().retry_config(aws_sdk_kinesis::config::retry::RetryConfig::disabled());
            let client = Client::from_conf(once.build());
            server.faults().after("ListShards", 1, Fault::error("LimitExceededException"));
            let list = || client.list_shards().stream_name(STREAM).send();
            list().await.unwrap();
            assert_eq!(code(list().await), "LimitExceededException");
            list().await.unwrap();
            server.faults().at_random(seed, 0.3, [("*", Fault::Throttle), ("ListShards", Fault::error("Other"))]);
            let mut outcomes = Vec::new();
            for _ in 0..40 {
                outcomes.push(list().await.err().map(|error| error.code().unwrap().to_owned()));
            }
            let entry = || {
                let entry = aws_sdk_kinesis::types::PutRecordsRequestEntry::builder();
                entry.partition_key("k").data(b"x".to_vec().into()).build().unwrap()
            };
            let put = client.put_records().stream_name(STREAM).set_records(Some(vec![entry(); 100]));
            let failed = put.send().await.unwrap().failed_record_count.unwrap();
            assert!((10..50).contains(&failed), "{failed}");
            assert_eq!(server.shards(STREAM).unwrap()[0].records, 100 - failed as usize);
            outcomes
        })
    };
    let outcomes = story(7);
    assert_eq!(outcomes, story(7));
    assert_ne!(outcomes, story(8));
    let count = |code: &str| outcomes.iter().flatten().filter(|outcome| *outcome == code).count();
    assert!(count("ProvisionedThroughputExceededException") > 1 && count("Other") > 1);
    assert!(outcomes.iter().flatten().count() < 25);
}

#[test]
fn an_answer_in_pieces() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "x").unwrap();
        let client = server.client();
        let first = iterator(&client, FIRST, ShardIteratorType::TrimHorizon).await;
        server.faults().next("GetRecords", Fault::Slow(Duration::from_millis(160)));
        let start = std::time::Instant::now();
        assert_eq!(texts(&page(&client, &first).await), ["x"]);
        assert!(start.elapsed() > Duration::from_millis(100));
    });
}
