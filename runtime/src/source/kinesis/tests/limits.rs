use super::super::{efo, polling};
use super::*;

#[test]
fn rows_are_exact_and_shared() {
    run(async |server| {
        server.create_stream(STREAM, 4).unwrap();
        server.put_all(STREAM, (0..400).map(|index| (format!("k{index}"), index.to_string()))).unwrap();
        let mut reading = Reading::start(source(&server)).await;
        let mut all = 0;
        while all < 400 {
            // Near the end some shards are empty, and a full epoch would not come.
            let limits = Limits { rows: Some(10), eager: all > 250, ..patient() };
            let (fetched, got) = reading.fetch(&limits).await;
            for shard in 0..4 {
                assert!(got.iter().filter(|got| got.shard == id(shard)).count() <= 3);
            }
            assert!(got.len() <= 10);
            assert!(all > 250 || got.len() == 10, "{} after {all}", got.len());
            assert_eq!(fetched.metrics["numProcessedRecords"], got.len() as f64);
            all += got.len();
        }
        assert_eq!(all, 400);
    });
}

#[test]
fn bytes_and_time() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put_all(STREAM, (0..100).map(|_| ("k", vec![b'x'; 1_000]))).unwrap();
        let mut reading = Reading::start(source(&server)).await;
        let (fetched, got) = reading.fetch(&Limits { bytes: 10_000, ..patient() }).await;
        assert_eq!((got.len(), fetched.metrics["numProcessedBytes"]), (10, 10_000.0));
        let (_, got) = reading.fetch(&Limits { bytes: 1, ..patient() }).await;
        assert_eq!(got.len(), 1);
        assert_eq!(reading.take(89).await.len(), 89);
        // Without records, a fetch takes as long as it may.
        let until = Instant::now() + Duration::from_millis(80);
        reading.fetch(&Limits { until, eager: false, ..eager() }).await;
        assert!(Instant::now() >= until);
        reading.source = reading.source.max_fetch_duration(Duration::from_millis(10));
        let reading = reading.restart().await;
        assert_eq!(reading.feed.longest(), Some(Duration::from_millis(10)));
    });
}

/// Shards that are larger than the buffer allows at once.
#[test]
fn the_buffer_is_bounded_and_everyone_gets_a_turn() {
    run(async |server| {
        server.create_stream(STREAM, 6).unwrap();
        for shard in 0..6 {
            for index in 0..8 {
                server.put_to_shard(STREAM, &id(shard), "k", vec![b'0' + index; 900_000]).unwrap();
            }
        }
        let mut reading = Reading::start(source(&server).fetch_buffer_size(10 << 20).max_records_per_fetch(2)).await;
        let mut counts = [0; 6];
        let deadline = Instant::now() + PATIENCE;
        while counts.iter().sum::<usize>() < 48 && Instant::now() < deadline {
            for got in reading.fetch(&Limits { bytes: 3_000_000, ..eager() }).await.1 {
                let shard: usize = got.shard[8..].parse().unwrap();
                assert_eq!(got.text.as_bytes()[0], b'0' + counts[shard] as u8);
                counts[shard] += 1;
            }
        }
        assert_eq!(counts, [8; 6]);
    });
}

#[test]
fn idle_is_caught_up_and_silent() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        server.put_to_shard(STREAM, FIRST, "k", "x").unwrap();
        let mut reading = Reading::start(source(&server).idle_after(Duration::from_secs(3_600))).await;
        for _ in 0..3 {
            let (fetched, _) = reading.fetch(&eager()).await;
            assert!(fetched.partitions.iter().all(|progress| !progress.idle));
        }
        reading.source = reading.source.idle_after(Duration::from_millis(100));
        let mut reading = reading.restart().await;
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            // One shard is kept busy, the other falls silent.
            server.put_to_shard(STREAM, &id(1), "k", "y").unwrap();
            let (fetched, _) = reading.fetch(&eager()).await;
            let idle: Vec<_> = fetched.partitions.iter().map(|progress| progress.idle).collect();
            if idle == [true, false] {
                break;
            }
            assert!(Instant::now() < deadline);
        }
        // Empty pages in the middle of a shard are no silence.
        server.faults().times("GetRecords", usize::MAX, Fault::EmptyPage);
        server.put_to_shard(STREAM, FIRST, "k", "z").unwrap();
        loop {
            let (fetched, _) = reading.fetch(&eager()).await;
            if fetched.metrics["maxMsBehindLatest"] > 0.0 && fetched.partitions[0].ms_behind > Some(0) {
                assert!(!fetched.partitions[0].idle);
                break;
            }
            assert!(Instant::now() < deadline);
        }
        server.faults().clear();
        let mut got = Vec::new();
        while !texts(&got).contains(&"z") {
            got.extend(reading.fetch(&patient()).await.1);
        }
    });
}

/// While the service refuses to say what there is, a shard that was silent may have records.
#[test]
fn a_shard_that_cannot_be_asked_is_not_idle() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let mut reading = Reading::start(source(&server).idle_after(Duration::from_millis(100))).await;
        let deadline = Instant::now() + PATIENCE;
        while !reading.fetch(&eager()).await.0.partitions[0].idle {
            assert!(Instant::now() < deadline);
        }
        server.faults().times("GetRecords", usize::MAX, Fault::Throttle);
        while reading.fetch(&eager()).await.0.metrics["numAwsRateLimitErrors"] == 0.0 {
            assert!(Instant::now() < deadline);
        }
        server.put(STREAM, "k", "x").unwrap();
        for _ in 0..5 {
            assert!(!reading.fetch(&eager()).await.0.partitions[0].idle);
        }
        server.faults().clear();
        reading.take(1).await;
        while !reading.fetch(&eager()).await.0.partitions[0].idle {
            assert!(Instant::now() < deadline);
        }
    });
}

/// While the service has not answered, a shard that was silent may have records.
#[test]
fn a_call_that_hangs_says_nothing() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let hang = Fault::Delay(Duration::from_secs(4));
        // Hardly silent when it is asked for the last time, or silent for long: no proof is good for ever.
        for (idle_after, believed) in [(500, 0), (50, 1_500)] {
            let (idle_after, believed) = (Duration::from_millis(idle_after), Duration::from_millis(believed));
            let mut reading = Reading::start(source(&server).start(latest).idle_after(idle_after)).await;
            let deadline = Instant::now() + PATIENCE;
            while reading.fetch(&eager()).await.0.partitions[0].idle == believed.is_zero() {
                assert!(Instant::now() < deadline);
            }
            server.faults().times("GetRecords", usize::MAX, hang.clone());
            let begun = Instant::now();
            tokio::time::sleep(Duration::from_millis(20)).await;
            server.put(STREAM, "k", "x").unwrap();
            loop {
                let (fetched, got) = reading.fetch(&eager()).await;
                if !got.is_empty() {
                    break;
                }
                assert!(!fetched.partitions[0].idle || begun.elapsed() < believed, "{:?}", begun.elapsed());
            }
            assert!(begun.elapsed() >= Duration::from_secs(3), "the call has not hung");
            server.faults().clear();
        }
    });
}

/// While nobody wants records, one that comes to a silent shard is read, and is there before the watermark goes by others.
#[test]
fn silence_is_not_what_was_known_before_a_pause() {
    for mode in [polling, efo] {
        run(async |server| {
            server.create_stream(STREAM, 2).unwrap();
            server.put_to_shard(STREAM, FIRST, "k", "b1").unwrap();
            for number in 0..100 {
                server.put_to_shard(STREAM, &id(1), "k", format!("a{number}")).unwrap();
            }
            let source = source(&server).consumer_mode(mode).consumer_name("test").max_records_per_fetch(1);
            let mut reading = Reading::start(source.idle_after(Duration::from_millis(800))).await;
            let few = || Limits { rows: Some(2), ..patient() };
            for _ in 0..8 {
                reading.fetch(&few()).await;
            }
            // The service takes a while for each answer, as over a new connection, and the sink for what it has got.
            for operation in ["GetRecords", "SubscribeToShardEvent"] {
                server.faults().times(operation, usize::MAX, Fault::Delay(Duration::from_millis(100)));
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            server.put_to_shard(STREAM, FIRST, "k", "b2").unwrap();
            tokio::time::sleep(Duration::from_millis(1_200)).await;
            let deadline = Instant::now() + PATIENCE;
            loop {
                let (fetched, got) = reading.fetch(&few()).await;
                if texts(&got).contains(&"b2") {
                    break;
                }
                assert!(!fetched.partitions[0].idle && Instant::now() < deadline, "{got:?}");
            }
        });
    }
}

/// A shard without records is idle however long the sink takes for those of others.
#[test]
fn pauses_do_not_keep_a_shard_from_being_idle() {
    for mode in [polling, efo] {
        run(async |server| {
            server.create_stream(STREAM, 2).unwrap();
            for number in 0..20 {
                server.put_to_shard(STREAM, &id(1), "k", format!("a{number}")).unwrap();
            }
            let source = source(&server).consumer_mode(mode).consumer_name("test").max_records_per_fetch(1);
            let mut reading = Reading::start(source.idle_after(Duration::from_millis(200))).await;
            reading.fetch(&Limits { rows: Some(2), ..patient() }).await;
            let mut idle = 0;
            for _ in 0..4 {
                // Longer than an answer is believed.
                tokio::time::sleep(Duration::from_millis(1_300)).await;
                let (fetched, got) = reading.fetch(&Limits { rows: Some(2), ..patient() }).await;
                assert!(!got.is_empty() && !fetched.partitions[1].idle);
                idle += u32::from(fetched.partitions[0].idle);
            }
            assert!(idle >= 3, "{idle} of 4");
        });
    }
}

/// What waits to be handed out and what is on its way fit into the buffer, however many shards there are.
#[test]
fn the_buffer_is_a_hard_cap() {
    run(async |server| {
        server.create_stream(STREAM, 8).unwrap();
        for shard in 0..8 {
            for _ in 0..4 {
                server.put_to_shard(STREAM, &id(shard), "k", vec![b'x'; 1_000_000]).unwrap();
            }
        }
        let mut reading = Reading::start(source(&server).fetch_buffer_size(12 << 20).max_records_per_fetch(1)).await;
        // The readers are started, and nothing more is handed out.
        reading.fetch(&Limits { bytes: 1, ..patient() }).await;
        while server.calls("GetRecords") < 2 {
            // Look again until both have asked.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Time in which more would be asked for.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (fetched, got) = reading.fetch(&Limits { bytes: 1, ..patient() }).await;
        // A call is made while the largest answer there can be has room: here up to two megabytes wait.
        let calls = server.calls("GetRecords");
        assert!(calls <= 6, "{calls}");
        assert!(fetched.metrics["totalPrefetchedBytes"] <= (12 << 20) as f64 && got.len() == 1);
        let mut left = 30;
        while left > 0 {
            left -= reading.fetch(&Limits { bytes: 2_000_000, ..patient() }).await.1.len();
        }
    });
}

/// With the defaults of the options, and with the fastest there are, the service has nothing to refuse.
#[test]
fn the_rates_of_the_service_are_kept() {
    for (period, rate) in [(400, 1.0), (200, 2.0)] {
        run(async |server| {
            server.create_stream(STREAM, 2).unwrap();
            for shard in 0..2 {
                for _ in 0..20 {
                    server.put_to_shard(STREAM, &id(shard), "k", vec![b'x'; 300_000]).unwrap();
                }
            }
            server.set_limits(crate::testing::kinesis::Limits::service());
            let source = source(&server).max_records_per_fetch(2).min_fetch_period(Duration::from_millis(period));
            let mut reading = Reading::start(source.max_fetch_rate(rate)).await;
            let (until, mut bytes) = (Instant::now() + Duration::from_secs(3), 0);
            while Instant::now() < until {
                let (fetched, got) = reading.fetch(&eager()).await;
                assert_eq!(fetched.metrics["numAwsRateLimitErrors"], 0.0);
                bytes += got.iter().map(|got| got.text.len()).sum::<usize>();
            }
            let calls = server.calls("GetRecords");
            assert!(server.log().iter().all(|call| call.error.is_none()), "{:?}", server.log());
            // Two shards, three seconds, and the first call of each is at once.
            assert!(calls <= 2 * (1 + 3_000 / period) && bytes > 0, "{calls} {bytes}");
            assert!(bytes as f64 <= 2.0 * (rate * f64::from(1 << 20) * 3.0 + 600_000.0), "{bytes}");
        });
    }
}

/// How fast it is; printed, not asserted.
#[test]
fn throughput() {
    run(async |server| {
        server.create_stream(STREAM, 4).unwrap();
        let body = r#"{"user":"u-000017","page":"/a/page/of/the/shop","ms":1700000000123}"#;
        let count = 200_000;
        server.put_all(STREAM, (0..count).map(|index: u32| (format!("user-{}", index % 977), body))).unwrap();
        let source = source(&server).min_fetch_period(Duration::ZERO);
        let mut feed = source.open(Resume::default()).await.unwrap();
        let start = Instant::now();
        let mut records = 0;
        while records < count as usize {
            let (mut out, mut chunks) = ChunkSender::bounded(64 << 20);
            let drain = async {
                while let Some((chunk, _permit)) = chunks.recv().await {
                    records += chunk.len();
                }
            };
            let limits = eager();
            let fetch = async {
                let fetched = feed.fetch(&limits, &mut out).await;
                drop(out);
                fetched.unwrap();
            };
            tokio::join!(fetch, drain);
        }
        println!("{:.0} records/s", records as f64 / start.elapsed().as_secs_f64());
        assert_eq!(records, count as usize);
    });
}
