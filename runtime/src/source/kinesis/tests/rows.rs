//! What a consumer of Kinesis has to survive; the table in `docs/kinesis.md` names a test for each row, and these are
//! those that no other file has.

use super::super::{fail, skip};
use super::*;
use crate::testing::kinesis::Call;

/// F02: the commit that says that a parent is drained may be lost at any fetch around a reshard.
#[test]
fn f02_a_crash_before_any_commit_around_a_reshard() {
    for crash in 0..6 {
        run(async |server| {
            server.create_stream(STREAM, 1).unwrap();
            server.put_all(STREAM, (0..4).map(|index| ("k", index.to_string()))).unwrap();
            let [left, right] = server.split(STREAM, FIRST).unwrap();
            server.put_all(STREAM, (4..8).map(|index| ("k", index.to_string()))).unwrap();
            server.merge(STREAM, &left, &right).unwrap();
            server.put_all(STREAM, (8..12).map(|index| ("k", index.to_string()))).unwrap();
            let mut reading = Reading::start(source(&server)).await;
            let (mut got, mut fetches) = (Vec::new(), 0);
            let deadline = Instant::now() + PATIENCE;
            while got.len() < 12 && Instant::now() < deadline {
                let limits = Limits { rows: Some(2), ..eager() };
                let (fetched, more) = reading.peek(&limits).await.unwrap();
                if fetches % 6 == crash {
                    reading = reading.restart().await;
                } else {
                    reading.commit(&fetched);
                    got.extend(more);
                }
                fetches += 1;
            }
            assert_eq!(texts(&got), (0..12).map(|index| index.to_string()).collect::<Vec<_>>(), "{crash}");
        });
    }
}

/// F05: an iterator may be too old before anything was read with it.
#[test]
fn f05_an_iterator_that_expires_before_the_first_record() {
    run(async |server| {
        server.set_time(server.time());
        server.create_stream(STREAM, 1).unwrap();
        let mut reading = Reading::start(source(&server).start(latest)).await;
        reading.fetch(&eager()).await;
        server.advance(Duration::from_secs(301));
        server.put(STREAM, "k", "1").unwrap();
        assert_eq!(texts(&reading.take(1).await), ["1"]);
    });
}

/// F06: a shard that refuses for long has a call every now and then, and no more.
#[test]
fn f06_throttles_are_waited_out() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "1").unwrap();
        server.faults().times("GetRecords", 6, Fault::Throttle);
        let mut slow = source(&server);
        slow.tuning.backoff = [Duration::from_millis(20), Duration::from_millis(100)];
        let mut reading = Reading::start(slow).await;
        assert_eq!(texts(&reading.take(1).await), ["1"]);
        let iterators = server.calls("GetShardIterator");
        assert_eq!(iterators, 1, "the iterator is used again");
    });
}

/// F07: a key that is disabled is for an operator; the error names it.
#[test]
fn f07_a_disabled_key_stops_the_run_after_a_while() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        for (code, kind, words) in [
            ("KMSDisabledException", Kind::Unavailable, "check the encryption key"),
            ("KMSAccessDeniedException", Kind::Config, "allow the IAM action kms:Decrypt"),
            ("KMSInvalidStateException", Kind::Unavailable, "check the encryption key"),
        ] {
            let mut source = source(&server);
            source.tuning.patience = Duration::from_millis(50);
            let mut reading = Reading::start(source).await;
            server.faults().times("GetRecords", usize::MAX, Fault::error(code));
            let error = reading.failure().await;
            let text = error.to_string();
            assert!(error.kind() == kind && text.contains(code) && text.contains(words), "{text}");
            server.faults().clear();
        }
    });
}

/// F08: the token of a list is too old on the third page: the list begins again, and no shard is missed.
#[test]
fn f08_a_list_whose_token_expires_half_way() {
    run(async |server| {
        server.create_stream(STREAM, 3_500).unwrap();
        server.faults().after("ListShards", 2, Fault::error("ExpiredNextTokenException"));
        let reading = Reading::start(source(&server)).await;
        assert_eq!(server.calls("ListShards"), 3 + 4);
        drop(reading);
    });
}

/// F09: retention passes while the pipeline is down.
#[test]
fn f09_a_pause_that_is_longer_than_the_retention() {
    for policy in [fail, skip] {
        run(async |server| {
            server.set_time(server.time());
            server.create_stream(STREAM, 1).unwrap();
            server.put_all(STREAM, (0..6).map(|index| ("k", index.to_string()))).unwrap();
            let mut reading = Reading::start(source(&server).on_data_loss(policy)).await;
            reading.fetch(&Limits { rows: Some(3), ..patient() }).await;
            server.advance(Duration::from_secs(25 * 3_600));
            server.put(STREAM, "k", "new").unwrap();
            let mut reading = reading.restart().await;
            if policy == fail {
                let error = reading.failure().await;
                assert!(error.kind() == Kind::DataLoss && error.to_string().contains("for 24 hours"), "{error}");
            } else {
                assert_eq!(texts(&reading.take(1).await), ["new"]);
            }
        });
    }
}

/// F11: an aggregate larger than an epoch, and a crash before its commit.
#[test]
fn f11_an_aggregate_of_five_thousand_is_whole() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let texts: Vec<String> = (0..5_000).map(|index| index.to_string()).collect();
        let records: Vec<_> = texts.iter().map(|text| ("user", None, text.as_bytes())).collect();
        server.put(STREAM, "k", kpl_aggregate_with_hash_keys(&records)).unwrap();
        server.put(STREAM, "k", "after").unwrap();
        let limits = || Limits { rows: Some(100), ..patient() };
        let mut reading = Reading::start(source(&server)).await;
        assert_eq!(reading.peek(&limits()).await.unwrap().1.len(), 5_000);
        let mut reading = reading.restart().await;
        let (_, got) = reading.fetch(&limits()).await;
        assert_eq!((got.len(), got[4_999].sub), (5_000, 4_999));
        let mut reading = reading.restart().await;
        assert_eq!(super::texts(&reading.take(1).await), ["after"]);
    });
}

/// F13: a producer that has tried again has written twice: two records, which only their content tells to be one.
#[test]
fn f13_what_was_written_twice_is_read_twice() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "same").unwrap();
        server.put(STREAM, "k", "same").unwrap();
        let got = Reading::start(source(&server)).await.take(2).await;
        assert!(got[0].text == got[1].text && got[0].sequence < got[1].sequence);
    });
}

/// F14: empty pages in the middle of a shard are not its end.
#[test]
fn f14_fifty_empty_pages_and_then_data() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "1").unwrap();
        server.faults().times("GetRecords", 50, Fault::EmptyPage);
        let mut reading = Reading::start(source(&server)).await;
        reading.feed.stop_at_present();
        let mut got = Vec::new();
        loop {
            let (fetched, more) = reading.fetch(&eager()).await;
            got.extend(more);
            if fetched.exhausted {
                break;
            }
        }
        assert_eq!(texts(&got), ["1"]);
    });
}

/// F18: the largest record there is, with the smallest buffer.
#[test]
fn f18_a_record_of_ten_mebibytes() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        let large = vec![b'x'; (10 << 20) - 1];
        server.put_to_shard(STREAM, FIRST, "k", large.clone()).unwrap();
        server.put_to_shard(STREAM, &id(1), "k", large).unwrap();
        server.put_to_shard(STREAM, FIRST, "k", "small").unwrap();
        let got = Reading::start(source(&server).fetch_buffer_size(10 << 20)).await.take(3).await;
        assert_eq!(got.iter().map(|got| got.text.len()).sum::<usize>(), 2 * ((10 << 20) - 1) + 5);
    });
}

/// F18: pages of many shards that are large at once: memory holds what the buffer allows, whatever waits.
#[test]
fn f18_large_pages_of_many_shards_fit_into_the_buffer() {
    const BUFFER: u64 = 24 << 20;
    run(async |server| {
        server.create_stream(STREAM, 64).unwrap();
        for shard in 0..64 {
            server.put_to_shard(STREAM, &id(shard), "k", vec![b'x'; 2_000_000]).unwrap();
        }
        let mut reading = Reading::start(source(&server).fetch_buffer_size(BUFFER)).await;
        let (mut count, mut most) = (0, 0.0_f64);
        while count < 64 {
            // Readers have time to take what they may.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let (fetched, got) = reading.fetch(&Limits { bytes: 4_000_000, ..patient() }).await;
            most = most.max(fetched.metrics["totalPrefetchedBytes"]);
            count += got.len();
        }
        assert!(most <= BUFFER as f64, "{most}");
    });
}

/// F21: a shard that catches up does not keep the fresh one waiting.
#[test]
fn f21_a_fresh_shard_has_its_turn_in_every_fetch() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        for index in 0..5_000 {
            server.put_to_shard(STREAM, FIRST, "old", index.to_string()).unwrap();
        }
        let mut reading = Reading::start(source(&server)).await;
        let is_fresh = |call: &&Call| call.operation == "GetRecords" && call.shard.as_deref() == Some(&id(1));
        let asked = || server.log().iter().filter(is_fresh).count();
        for round in 0..10 {
            server.put_to_shard(STREAM, &id(1), "fresh", round.to_string()).unwrap();
            let (put, mut seen) = (asked(), false);
            while !seen {
                // A second call since then means that the first, which has the record, was answered.
                let there = asked() >= put + 2;
                let (_, got) = reading.fetch(&Limits { rows: Some(100), eager: false, ..eager() }).await;
                seen = got.iter().any(|got| got.key == "fresh");
                assert!(seen || !there, "round {round}");
            }
        }
    });
}

/// F22: a server that takes a call and never answers.
#[test]
fn f22_a_call_without_an_answer_is_given_up() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "1").unwrap();
        for operation in ["DescribeStreamSummary", "ListShards", "GetShardIterator", "GetRecords"] {
            server.faults().next(operation, Fault::Delay(Duration::from_secs(3_600)));
        }
        let mut source = source(&server);
        source.tuning.attempt = Duration::from_millis(200);
        assert_eq!(texts(&Reading::start(source).await.take(1).await), ["1"]);
    });
}
