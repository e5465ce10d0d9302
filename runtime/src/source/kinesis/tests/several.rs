//! Several streams in one source, and shards with starts of their own.

use super::super::{efo, polling};
use super::*;
use serde_json::json;

fn both(server: &Server) -> Kinesis {
    Kinesis { more: vec![OTHER.to_owned()], ..source(server) }
}

/// Fetches until there are so many records, or more. A child is read from the next fetch on, so they are short.
async fn all(reading: &mut Reading, count: usize) -> Vec<Got> {
    let (mut all, deadline) = (Vec::new(), Instant::now() + PATIENCE);
    while all.len() < count {
        assert!(Instant::now() < deadline, "{} of {count}", all.len());
        all.extend(reading.fetch(&eager()).await.1);
    }
    all
}

#[test]
fn positions_carry_the_stream() {
    for mode in [polling, efo] {
        run(async |server| {
            server.create_stream(STREAM, 2).unwrap();
            server.create_stream(OTHER, 1).unwrap();
            for (stream, count) in [(STREAM, 20), (OTHER, 10)] {
                server.put_all(stream, (0..count).map(|n| (format!("k{n}"), format!("{stream} {n}")))).unwrap();
            }
            let mut reading = Reading::start(both(&server).consumer_mode(mode).consumer_name("test")).await;
            assert_eq!(reading.feed.starts(), json!({ STREAM: "trim_horizon", OTHER: "trim_horizon" }));
            assert_eq!(
                reading.feed.identity()[OTHER]["stream_arn"],
                "arn:aws:kinesis:us-east-1:000000000000:stream/s-2"
            );
            let mut got = all(&mut reading, 30).await;
            let ids: Vec<_> = reading.resume.partitions.keys().cloned().collect();
            assert_eq!(ids, [format!("{OTHER}/{FIRST}"), format!("{STREAM}/{FIRST}"), format!("{STREAM}/{}", id(1))]);
            // Both go on where they were, also over a reshard of one of them.
            let mut reading = reading.restart().await;
            server.split(OTHER, FIRST).unwrap();
            for (stream, count) in [(STREAM, 5), (OTHER, 40)] {
                server.put_all(stream, (100..100 + count).map(|n| (format!("k{n}"), format!("{stream} {n}")))).unwrap();
            }
            got.extend(all(&mut reading, 20).await);
            let mut reading = reading.restart().await;
            let left = 75 - got.len();
            got.extend(all(&mut reading, left).await);
            assert!(got.iter().all(|got| got.text.starts_with(&format!("{} ", got.stream))));
            let mut texts: Vec<_> = got.iter().map(|got| got.text.clone()).collect();
            texts.sort();
            texts.dedup();
            assert_eq!(texts.len(), 75);
            // It was read to its end, and is forgotten when both children are begun.
            assert!(reading.resume.partitions.get(&format!("{OTHER}/{FIRST}")).is_none_or(|state| state.drained));
            let (fetched, _) = reading.fetch(&eager()).await;
            assert_eq!((fetched.metrics["numStreams"], fetched.metrics["numTotalShards"]), (2.0, 5.0));
            if mode == efo {
                // Each has a consumer of its own.
                for stream in [STREAM, OTHER] {
                    assert_eq!(super::efo::consumers(&server, stream).await.len(), 1);
                }
                assert_eq!(server.calls("GetRecords") + server.calls("GetShardIterator"), 0);
            }
            // One of them is made anew.
            server.delete_stream(OTHER).unwrap();
            // Streams are told apart by when they were made, in milliseconds.
            tokio::time::sleep(Duration::from_millis(5)).await;
            server.create_stream(OTHER, 1).unwrap();
            let error = reading.try_restart().await.err().unwrap();
            assert!(error.to_string().contains("the stream s-2 was deleted and created again"), "{error}");
        });
    }
}

#[test]
fn all_that_was_there_of_all_streams() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.create_stream(OTHER, 1).unwrap();
        server.put(OTHER, "k", "1").unwrap();
        let mut reading = Reading::start(both(&server)).await;
        reading.feed.stop_at_present();
        let mut got = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (fetched, more) = reading.fetch(&eager()).await;
            got.extend(more);
            if fetched.exhausted {
                break;
            }
            assert!(Instant::now() < deadline);
        }
        assert_eq!(texts(&got), ["1"]);
    });
}

#[test]
fn names_that_do_not_do() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let arn = |region: &str| format!("arn:aws:kinesis:{region}:000000000000:stream/s");
        let streams =
            |first: &str, second: &str| Kinesis { stream: first.into(), more: vec![second.into()], ..source(&server) };
        for (source, words) in [
            (streams(STREAM, STREAM), "the stream `s` is named twice"),
            (streams(STREAM, ""), "kinesis stream ``: this is no stream"),
            (Kinesis { more: vec![OTHER.into(); 300], ..source(&server) }, "`s-2` is named twice"),
            (
                source(&server).start_of([("shardId-000000000009", latest)]),
                "start_of names `shardId-000000000009`, but",
            ),
            (both(&server).start_of([(FIRST, latest)]), "which is in none of the streams"),
            (source(&server).start(after("12")), "the start is after the record 12; a sequence number is of one shard"),
            (source(&server).start_of([(FIRST, after("x"))]), "`x` is no sequence number"),
            (source(&server).max_shards_per_describe(0), "max_shards_per_describe is 0"),
        ] {
            let error = source.open(Resume::default()).await.err().unwrap();
            assert!(error.kind() == Kind::Config && error.to_string().contains(words), "{error}");
        }
        // The same name in two regions: the ARN tells them apart.
        let both = streams(&arn("us-east-1"), &arn("eu-west-1"));
        server.put(STREAM, "k", "x").unwrap();
        let feed = both.open(Resume::default()).await.unwrap();
        assert_eq!(
            feed.identity().as_object().unwrap().keys().collect::<Vec<_>>(),
            [&arn("eu-west-1"), &arn("us-east-1")]
        );
    });
}

#[test]
fn a_start_of_its_own() {
    run(async |server| {
        server.create_stream(STREAM, 3).unwrap();
        let mut last = String::new();
        for second in 0..6 {
            for shard in 0..3 {
                let key = (0..).map(|n| format!("k{n}")).find(|key| {
                    let hash = u128::from_be_bytes(<md5::Md5 as md5::Digest>::digest(key.as_bytes()).into());
                    let range = &server.shards(STREAM).unwrap()[shard];
                    (range.starting_hash_key..=range.ending_hash_key).contains(&hash)
                });
                let arrival = 1_700_000_000_000 + second * 1_000;
                let (_, number) = server.put_at(STREAM, &key.unwrap(), format!("{shard}:{second}"), arrival).unwrap();
                if shard == 0 && second == 3 {
                    last = number;
                }
            }
        }
        let source = source(&server).start(latest).max_shards_per_describe(2);
        let source = source.start_of([(FIRST, after(&last)), (&id(1), at("2023-11-14T22:13:22Z"))]);
        let reading = Reading::start(source).await;
        let starts = reading.feed.starts();
        assert_eq!(starts["shards"][FIRST], json!({ "sequence_number": last }));
        // The starts are kept until there is a commit, and do not matter any more after it.
        let mut reading = reading.restart().await;
        assert_eq!(reading.feed.starts(), starts);
        let mut got = reading.take(6).await;
        got.sort_by(|left, right| left.text.cmp(&right.text));
        assert_eq!(texts(&got), ["0:4", "0:5", "1:2", "1:3", "1:4", "1:5"]);
        let mut reading = reading.restart().await;
        assert_eq!(reading.fetch(&eager()).await.1, []);
    });
}

/// What follows a record that is gone may be gone, too.
#[test]
fn a_start_after_a_record_that_is_gone() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let (_, number) = server.put(STREAM, "k", "1").unwrap();
        server.put(STREAM, "k", "2").unwrap();
        server.put(STREAM, "k", "3").unwrap();
        server.trim(STREAM, FIRST, 2).unwrap();
        let source = source(&server).start_of([(FIRST, after(&number))]);
        let error = Reading::start(source.clone()).await.failure().await;
        assert_eq!(error.kind(), Kind::DataLoss);
        let mut reading = Reading::start(source.on_data_loss(OnDataLoss(true))).await;
        assert_eq!(texts(&reading.take(1).await), ["3"]);
    });
}

#[test]
fn figures_of_each_shard() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        for index in 0..7 {
            server.put_to_shard(STREAM, &id(index % 2), "k", "four").unwrap();
        }
        server.faults().on_shard("GetRecords", FIRST, 2, Fault::Throttle);
        server.faults().on_shard("GetRecords", &id(1), 1, Fault::ExpiredIterator);
        let mut reading = Reading::start(source(&server)).await;
        let mut metrics = crate::source::Metrics::default();
        let mut count = 0;
        while count < 7 {
            let (fetched, got) = reading.fetch(&patient()).await;
            metrics.add(fetched.metrics);
            count += got.len();
        }
        let of = |metrics: &crate::source::Metrics| {
            ["numProcessedRecords", "numProcessedBytes", "throttles", "expiredIterators", "closed"]
                .map(|name| metrics[name])
        };
        assert_eq!(of(&metrics.partitions[FIRST]), [4.0, 16.0, 2.0, 0.0, 0.0]);
        assert_eq!(of(&metrics.partitions[&id(1)]), [3.0, 12.0, 0.0, 1.0, 0.0]);
        let names = ["numProcessedRecords", "numProcessedBytes", "numAwsRateLimitErrors", "expiredIterators"];
        assert_eq!(names.map(|name| metrics[name]), [7.0, 28.0, 2.0, 1.0]);
        // A shard that is closed says so once.
        server.split(STREAM, FIRST).unwrap();
        let mut said = 0;
        for _ in 0..20 {
            let (fetched, _) = reading.fetch(&eager()).await;
            said += usize::from(fetched.metrics.partitions.get(FIRST).is_some_and(|shard| shard["closed"] == 1.0));
        }
        assert!((1..=2).contains(&said), "{said}");
    });
}
