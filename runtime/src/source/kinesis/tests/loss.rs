use super::super::{fail, skip};
use super::*;

#[test]
fn a_stream_that_was_made_again_is_another() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "1").unwrap();
        let mut reading = Reading::start(source(&server)).await;
        reading.take(1).await;
        // Streams are told apart by when they were made, in milliseconds.
        tokio::time::sleep(Duration::from_millis(5)).await;
        server.delete_stream(STREAM).unwrap();
        server.create_stream(STREAM, 1).unwrap();
        // While it is read, and at the next start.
        let running = reading.failure().await;
        let restarted = reading.try_restart().await.err().unwrap();
        for error in [running, restarted] {
            assert_eq!(error.kind(), Kind::Config);
            assert!(error.to_string().contains("was deleted and created again"), "{error}");
        }
    });
}

#[test]
fn a_stream_that_is_deleted_is_no_end() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        let mut reading = Reading::start(source(&server)).await;
        reading.fetch(&eager()).await;
        server.delete_stream(STREAM).unwrap();
        let error = reading.failure().await;
        assert!(error.kind() == Kind::Config && error.to_string().contains("ResourceNotFound"), "{error}");
    });
}

#[test]
fn a_checkpoint_of_another_stream() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.create_stream("other", 1).unwrap();
        let reading = Reading::start(source(&server)).await;
        let mut other = source(&server);
        other.stream = "other".to_owned();
        let error = other.open(reading.resume).await.err().unwrap();
        assert!(error.to_string().contains("a checkpoint of its own"), "{error}");
    });
}

/// Ten records, four of them read; then `trimmed` are removed, and the source is opened again.
async fn trimmed(server: &Server, trimmed: usize, policy: OnDataLoss) -> Reading {
    server.create_stream(STREAM, 1).unwrap();
    server.put_all(STREAM, (0..10).map(|index| ("k", index.to_string()))).unwrap();
    let mut reading = Reading::start(source(server).on_data_loss(policy)).await;
    let (_, got) = reading.fetch(&Limits { rows: Some(4), ..patient() }).await;
    assert_eq!(texts(&got), ["0", "1", "2", "3"]);
    assert_eq!(server.trim(STREAM, FIRST, trimmed).unwrap(), trimmed);
    reading.restart().await
}

#[test]
fn records_that_were_trimmed_before_they_were_read() {
    for count in [4, 6, 10] {
        run(async |server| {
            let mut reading = trimmed(&server, count, fail).await;
            let error = reading.failure().await;
            assert_eq!(error.kind(), Kind::DataLoss);
            let last = reading.resume.partitions[FIRST].to["sequence_number"].as_str().unwrap();
            let message = error.to_string();
            assert!(message.contains(FIRST) && message.contains(last) && message.contains("= skip"), "{message}");
        });
    }
    run(async |server| {
        let mut reading = trimmed(&server, 6, skip).await;
        assert_eq!(texts(&reading.take(4).await), ["6", "7", "8", "9"]);
        assert_eq!(reading.restart().await.fetch(&eager()).await.1, []);
    });
}

#[test]
fn records_that_were_trimmed_after_they_were_read() {
    run(async |server| {
        let mut reading = trimmed(&server, 3, fail).await;
        assert_eq!(texts(&reading.take(6).await), ["4", "5", "6", "7", "8", "9"]);
        // A shard that was empty a moment ago cannot have lost what it keeps for a day.
        let deadline = Instant::now() + PATIENCE;
        while reading.resume.partitions[FIRST].to.get("caught_up").is_none() {
            reading.fetch(&eager()).await;
            assert!(Instant::now() < deadline);
        }
        server.trim(STREAM, FIRST, 10).unwrap();
        server.put(STREAM, "k", "10").unwrap();
        assert_eq!(texts(&reading.restart().await.take(1).await), ["10"]);
    });
}

#[test]
fn a_sequence_number_that_the_service_refuses() {
    for policy in [fail, skip] {
        run(async |server| {
            let mut reading = trimmed(&server, 2, policy).await;
            let invalid = Fault::Error { code: "InvalidArgumentException".to_owned() };
            reading = reading.restart().await;
            server.faults().next("GetShardIterator", invalid);
            if policy == fail {
                assert_eq!(reading.failure().await.kind(), Kind::DataLoss);
            } else {
                // All that is left is read again; what was read before is not handed out.
                assert_eq!(texts(&reading.take(6).await), ["4", "5", "6", "7", "8", "9"]);
            }
        });
    }
}

#[test]
fn a_shard_that_expired_before_it_was_read() {
    for policy in [fail, skip] {
        run(async |server| {
            server.create_stream(STREAM, 1).unwrap();
            server.put_all(STREAM, (0..10).map(|index| ("k", index.to_string()))).unwrap();
            let mut reading = Reading::start(source(&server).on_data_loss(policy)).await;
            reading.fetch(&Limits { rows: Some(4), ..patient() }).await;
            server.split(STREAM, FIRST).unwrap();
            server.put(STREAM, "k", "child").unwrap();
            server.expire_shard(STREAM, FIRST).unwrap();
            if policy == skip {
                assert_eq!(texts(&reading.restart().await.take(1).await), ["child"]);
            } else {
                let error = reading.try_restart().await.err().unwrap();
                assert!(error.kind() == Kind::DataLoss && error.to_string().contains(FIRST), "{error}");
            }
        });
    }
}

/// The same while it is read.
#[test]
fn a_shard_that_expires_while_it_is_read() {
    for policy in [fail, skip] {
        run(async |server| {
            server.create_stream(STREAM, 1).unwrap();
            server.put_all(STREAM, (0..10).map(|index| ("k", index.to_string()))).unwrap();
            let source = source(&server).on_data_loss(policy).max_records_per_fetch(2);
            let mut reading = Reading::start(source).await;
            reading.fetch(&Limits { rows: Some(1), ..patient() }).await;
            server.split(STREAM, FIRST).unwrap();
            server.put(STREAM, "k", "child").unwrap();
            server.expire_shard(STREAM, FIRST).unwrap();
            if policy == skip {
                let mut got = Vec::new();
                while texts(&got).last() != Some(&"child") {
                    got.extend(reading.fetch(&patient()).await.1);
                }
                // What was fetched before is not lost with the rest.
                assert!(got.len() > 1 && got[0].text == "1", "{got:?}");
            } else {
                assert_eq!(reading.failure().await.kind(), Kind::DataLoss);
            }
        });
    }
}
