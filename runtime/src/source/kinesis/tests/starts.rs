use super::*;
use serde_json::json;

#[test]
fn trim_horizon_and_earliest_read_all() {
    run(async |server| {
        server.create_stream(STREAM, 3).unwrap();
        for index in 0..10 {
            server.put(STREAM, &format!("k{index}"), index.to_string()).unwrap();
        }
        for start in [trim_horizon, earliest] {
            let mut reading = Reading::start(source(&server).start(start)).await;
            assert_eq!(reading.feed.starts(), json!("trim_horizon"));
            let mut got = reading.take(10).await;
            got.sort_by(|left, right| left.text.cmp(&right.text));
            assert_eq!(texts(&got), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
            assert_eq!((got[3].key.as_str(), got[3].sequence.len(), got[3].sub), ("k3", 56, 0));
        }
    });
}

#[test]
fn at_a_time() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        for second in 0..5 {
            server.put_at(STREAM, "k", second.to_string(), 1_700_000_000_000 + second * 1_000).unwrap();
        }
        let mut reading = Reading::start(source(&server).start(at("2023-11-14T22:13:23Z"))).await;
        assert_eq!(texts(&reading.take(2).await), ["3", "4"]);
        for (start, part) in [(at("2999-01-01T00:00:00Z"), "in the future"), (at("tomorrow"), "RFC 3339")] {
            let error = source(&server).start(start).open(Resume::default()).await.err().unwrap();
            assert!(error.kind() == Kind::Config && error.to_string().contains(part), "{error}");
        }
    });
}

/// `latest` is a time from the first start on: what comes between a start that fails and the next is read.
#[test]
fn latest_is_frozen() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        server.put_at(STREAM, "a", "old", now() - 1_000).unwrap();
        server.put_at(STREAM, "b", "old", now() - 1_000).unwrap();
        let reading = Reading::start(source(&server).start(latest)).await;
        let frozen = reading.feed.starts();
        server.put_at(STREAM, "a", "new", now() + 1).unwrap();
        // Children of a shard that is split before the first fetch are read from their beginning.
        server.split(STREAM, FIRST).unwrap();
        server.split(STREAM, &id(1)).unwrap();
        for key in ["a", "b", "c", "d"] {
            server.put_at(STREAM, key, "newer", now() + 2).unwrap();
        }
        // Let the time of the newer records come.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut reading = reading.restart().await;
        assert_eq!(reading.feed.starts(), frozen);
        let mut got = reading.take(5).await;
        got.sort_by(|left, right| left.text.cmp(&right.text));
        assert_eq!(texts(&got), ["new", "newer", "newer", "newer", "newer"]);
        // After a commit, the option does not matter any more.
        reading.source = reading.source.start(trim_horizon);
        let mut reading = reading.restart().await;
        assert_eq!(reading.fetch(&eager()).await.1, []);
    });
}

#[test]
fn an_arn_is_a_name() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "x").unwrap();
        let mut source = source(&server);
        source.stream = format!("arn:aws:kinesis:us-east-1:000000000000:stream/{STREAM}");
        let mut reading = Reading::start(source).await;
        let got = reading.take(1).await;
        assert_eq!(got[0].text, "x");
        let identity = reading.feed.identity();
        assert_eq!(identity["stream_arn"], "arn:aws:kinesis:us-east-1:000000000000:stream/s");
        assert!(identity["creation"].as_i64().unwrap() > 1_700_000_000_000);
    });
}

/// Restarts after every commit, and after fetches that were not committed.
#[test]
fn each_record_once_over_restarts() {
    run(async |server| {
        server.create_stream(STREAM, 3).unwrap();
        server.put_all(STREAM, (0..300).map(|index| (format!("k{index}"), index.to_string()))).unwrap();
        let mut reading = Reading::start(source(&server)).await;
        let mut all = Vec::new();
        for round in 0..200 {
            let limits = Limits { rows: Some(20), ..patient() };
            if round % 3 == 0 {
                let _ = reading.peek(&limits).await.unwrap();
                reading = reading.restart().await;
            }
            all.extend(reading.fetch(&limits).await.1);
            reading = reading.restart().await;
            if all.len() >= 300 {
                break;
            }
        }
        let mut numbers: Vec<u32> = all.iter().map(|got| got.text.parse().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..300).collect::<Vec<_>>());
        // The number of a record goes on over restarts.
        for shard in 0..3 {
            let orders: Vec<u64> = all.iter().filter(|got| got.shard == id(shard)).map(|got| got.order).collect();
            assert_eq!(orders, (0..orders.len() as u64).collect::<Vec<_>>());
        }
        assert_eq!(reading.fetch(&eager()).await.1, []);
    });
}

/// The service refuses a start in its future: it is waited for.
#[test]
fn a_clock_of_the_service_that_is_behind() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.set_time(now() - 10_000);
        let mut reading = Reading::start(source(&server).start(latest)).await;
        assert_eq!(reading.fetch(&eager()).await.1, []);
        server.set_time(now() + 10_000);
        server.put(STREAM, "k", "x").unwrap();
        assert_eq!(texts(&reading.take(1).await), ["x"]);
    });
}
