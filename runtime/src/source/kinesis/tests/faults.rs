use super::*;

/// All that goes away by itself.
#[test]
fn faults_lose_and_double_nothing() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        let mut reading = Reading::start(source(&server).max_records_per_fetch(3)).await;
        let mut number = 0;
        let code = |code: &str| Fault::Error { code: code.to_owned() };
        for fault in [
            Fault::Throttle,
            Fault::ExpiredIterator,
            Fault::InternalFailure,
            Fault::CutConnection,
            Fault::CutAnswer,
            Fault::EmptyPage,
            Fault::Delay(Duration::from_millis(20)),
            code("KMSThrottlingException"),
            code("KMSDisabledException"),
            code("LimitExceededException"),
            code("ResourceNotFoundException"),
            code("InvalidArgumentException"),
            code("SomethingNewException"),
        ] {
            server.faults().times("GetRecords", 2, fault.clone());
            server.faults().times("ListShards", 2, fault.clone());
            // An iterator that is refused for its argument says that records are gone, which is for `loss.rs`.
            if !matches!(&fault, Fault::Error { code } if code == "InvalidArgumentException") {
                server.faults().times("GetShardIterator", 2, fault.clone());
            }
            server.faults().times("GetRecords", 3, Fault::ExpiredIterator);
            reading = reading.survives(&server, &fault, &mut number).await;
        }
    });
}

#[test]
fn a_throttled_shard_does_not_hold_back_the_others() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        server.faults().on_shard("GetRecords", FIRST, usize::MAX, Fault::Throttle);
        let mut slow = source(&server);
        slow.tuning.backoff = [Duration::from_millis(200), Duration::from_secs(10)];
        slow.tuning.patience = Duration::ZERO;
        let mut reading = Reading::start(slow).await;
        server.put_to_shard(STREAM, FIRST, "a", "slow").unwrap();
        let mut throttles = 0.0;
        for round in 0..10 {
            server.put_to_shard(STREAM, &id(1), "b", round.to_string()).unwrap();
            let mut got = Vec::new();
            while got.is_empty() {
                let (fetched, more) = reading.fetch(&eager()).await;
                got = more;
                throttles += fetched.metrics["numAwsRateLimitErrors"];
            }
            assert_eq!(texts(&got), [round.to_string()]);
        }
        // The calls that failed have been counted, and there is no hot loop.
        let calls = server.log().iter().filter(|call| call.error.is_some()).count();
        assert!(throttles >= 1.0 && calls < 40, "{throttles} {calls}");
        server.faults().clear();
        let mut quick = source(&server);
        quick.tuning.patience = Duration::ZERO;
        reading.source = quick;
        assert_eq!(texts(&reading.restart().await.take(1).await), ["slow"]);
    });
}

#[test]
fn expired_iterators_are_counted_and_renewed_after_the_last_record() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "1").unwrap();
        server.set_time(server.time());
        let mut reading = Reading::start(source(&server)).await;
        assert_eq!(texts(&reading.take(1).await), ["1"]);
        server.advance(Duration::from_secs(301));
        server.put(STREAM, "k", "2").unwrap();
        let mut expired = 0.0;
        let mut got = Vec::new();
        while got.is_empty() {
            let (fetched, more) = reading.fetch(&eager()).await;
            got = more;
            expired += fetched.metrics["expiredIterators"];
        }
        assert_eq!((texts(&got), expired), (vec!["2"], 1.0));
    });
}

#[test]
fn f_089_silence_ends_with_an_error() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let mut source = source(&server);
        source.tuning.patience = Duration::from_millis(100);
        let mut reading = Reading::start(source).await;
        reading.fetch(&eager()).await;
        server.faults().times("GetRecords", usize::MAX, Fault::InternalFailure);
        let error = reading.failure().await;
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(error.to_string().contains("GetRecords for shard shardId-000000000000 of stream s"), "{error}");
    });
}

#[test]
fn a_missing_permission_is_named() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let denied = Fault::Error { code: "AccessDeniedException".to_owned() };
        for operation in ["DescribeStreamSummary", "ListShards"] {
            server.faults().next(operation, denied.clone());
            let error = source(&server).open(Resume::default()).await.err().unwrap();
            assert_eq!(error.kind(), Kind::Config);
            let resource = if operation == "ListShards" { "000000000000" } else { "*" };
            let words =
                format!("allow the IAM action kinesis:{operation} on arn:aws:kinesis:us-east-1:{resource}:stream/s");
            assert!(error.to_string().contains(&words), "{error}");
        }
        for operation in ["GetShardIterator", "GetRecords"] {
            let mut reading = Reading::start(source(&server)).await;
            server.faults().next(operation, denied.clone());
            let error = reading.failure().await;
            assert!(error.to_string().contains(&format!("IAM action kinesis:{operation} ")), "{error}");
        }
    });
}

#[test]
fn an_unknown_stream_and_a_server_that_is_away() {
    run(async |server| {
        let error = source(&server).open(Resume::default()).await.err().unwrap();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains("DescribeStreamSummary for stream s: ResourceNotFound"), "{error}");
        let mut source = source(&server);
        source.tuning.start_patience = Duration::from_millis(50);
        drop(server);
        let error = source.open(Resume::default()).await.err().unwrap();
        assert_eq!(error.kind(), Kind::Unavailable);
    });
}
