//! Enhanced fan-out: what polling does, and what only subscriptions do.

use super::super::{efo, fail, polling, skip};
use super::*;
use crate::testing::kinesis::Limits as ServerLimits;

fn pushed(server: &Server) -> Kinesis {
    source(server).consumer_mode(efo).consumer_name("test")
}

pub(super) async fn consumers(server: &Server, stream: &str) -> Vec<String> {
    let arn = format!("arn:aws:kinesis:us-east-1:000000000000:stream/{stream}");
    let answer = server.client().list_stream_consumers().stream_arn(arn).send().await.unwrap();
    answer.consumers().iter().map(|consumer| consumer.consumer_arn.clone()).collect()
}

/// Fetches until something becomes true.
async fn until(reading: &mut Reading, ready: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !ready() {
        reading.fetch(&eager()).await;
        assert!(Instant::now() < deadline);
    }
}

/// Each mode goes on where the other has stopped.
#[test]
fn the_modes_share_their_positions() {
    run(async |server| {
        server.create_stream(STREAM, 3).unwrap();
        server.put_all(STREAM, (0..120).map(|index| (format!("k{index}"), index.to_string()))).unwrap();
        let mut reading = Reading::start(pushed(&server)).await;
        let mut all = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        for mode in [polling, efo].into_iter().cycle() {
            let limits = Limits { rows: Some(20), ..patient() };
            // What is not committed comes again.
            reading.peek(&limits).await.unwrap();
            reading = reading.restart().await;
            all.extend(reading.fetch(&limits).await.1);
            if all.len() >= 120 || Instant::now() > deadline {
                break;
            }
            reading.source = reading.source.consumer_mode(mode);
            reading = reading.restart().await;
        }
        let mut numbers: Vec<u32> = all.iter().map(|got| got.text.parse().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..120).collect::<Vec<_>>());
        assert!(server.calls("SubscribeToShard") > 3 && server.calls("GetRecords") > 3);
        assert_eq!(consumers(&server, STREAM).await.len(), 1);
    });
}

#[test]
fn subscriptions_end_and_go_on() {
    run(async |server| {
        server.set_time(server.time());
        server.create_stream(STREAM, 1).unwrap();
        let mut reading = Reading::start(pushed(&server)).await;
        for number in 0..5 {
            server.put(STREAM, "k", number.to_string()).unwrap();
            assert_eq!(texts(&reading.take(1).await), [number.to_string()]);
            server.advance(Duration::from_secs(300));
        }
        assert!(server.calls("SubscribeToShard") >= 5);
        assert_eq!(server.calls("GetRecords") + server.calls("GetShardIterator"), 0);
    });
}

#[test]
fn children_follow_their_parents() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let mut shard = FIRST.to_owned();
        let mut expected = Vec::new();
        for round in 0..6 {
            expected.push(round.to_string());
            server.put(STREAM, "k", round.to_string()).unwrap();
            let [left, right] = server.split(STREAM, &shard).unwrap();
            shard = server.merge(STREAM, &left, &right).unwrap();
        }
        let ways = [Fault::LateEnd, Fault::NoChildShards, Fault::EmptyPage, Fault::NoEnd];
        for fault in std::iter::once(None).chain(ways.map(Some)) {
            if let Some(fault) = fault {
                let times = if fault == Fault::NoEnd { usize::MAX } else { 4 };
                server.faults().times("SubscribeToShardEvent", times, fault);
            }
            let mut reading = Reading::start(pushed(&server)).await;
            assert_eq!(texts(&reading.take(6).await), expected);
            server.faults().clear();
        }
    });
}

#[test]
fn faults_of_subscriptions_lose_and_double_nothing() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        let mut reading = Reading::start(pushed(&server)).await;
        let mut number = 0;
        for fault in [
            Fault::Throttle,
            Fault::InternalFailure,
            Fault::CutConnection,
            Fault::CutAnswer,
            Fault::EmptyPage,
            Fault::Delay(Duration::from_millis(20)),
            Fault::error("KMSThrottlingException"),
            Fault::error("KMSDisabledException"),
            Fault::error("LimitExceededException"),
            Fault::error("ResourceInUseException"),
            Fault::error("ResourceNotFoundException"),
            Fault::error("InvalidArgumentException"),
            Fault::error("SomethingNewException"),
        ] {
            for operation in ["SubscribeToShard", "SubscribeToShardEvent", "ListShards", "DescribeStreamConsumer"] {
                // A position that is refused may be a loss: a test of its own.
                if operation != "SubscribeToShard" || fault != Fault::error("InvalidArgumentException") {
                    server.faults().times(operation, 2, fault.clone());
                }
            }
            reading = reading.survives(&server, &fault, &mut number).await;
        }
    });
}

/// Its place is taken by a new one of the same name.
#[test]
fn a_consumer_that_is_deregistered_is_registered_again() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let mut reading = Reading::start(pushed(&server)).await;
        server.put(STREAM, "k", "1").unwrap();
        reading.take(1).await;
        let arn = consumers(&server, STREAM).await.remove(0);
        server.client().deregister_stream_consumer().consumer_arn(arn).send().await.unwrap();
        server.put(STREAM, "k", "2").unwrap();
        assert_eq!(texts(&reading.take(1).await), ["2"]);
        assert_eq!(consumers(&server, STREAM).await.len(), 1);
    });
}

#[test]
fn a_consumer_has_a_name() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let plain = source(&server).consumer_mode(efo);
        let named = |name: &str| Resume { pipeline: Some(name.to_owned()), ..Resume::default() };
        drop(plain.open(named("my job/1")).await.unwrap());
        assert!(consumers(&server, STREAM).await[0].contains("/consumer/millstream-my_job_1:"));
        for (source, words) in [(plain.clone(), "`.name("), (plain.consumer_name("no name"), "`no name`")] {
            let error = source.open(Resume::default()).await.err().unwrap();
            assert!(error.kind() == Kind::Config && error.to_string().contains(words), "{error}");
        }
        server.set_limits(ServerLimits { consumers: 1, ..ServerLimits::default() });
        let mut second = pushed(&server);
        second.tuning.start_patience = Duration::from_millis(50);
        let error = second.open(Resume::default()).await.err().unwrap();
        assert!(error.to_string().contains("at most 20 consumers"), "{error}");
    });
}

#[test]
fn a_consumer_is_waited_for() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "1").unwrap();
        server.set_limits(ServerLimits { transition: Duration::from_millis(200), ..ServerLimits::default() });
        let start = Instant::now();
        let mut reading = Reading::start(pushed(&server)).await;
        assert!(start.elapsed() >= Duration::from_millis(190));
        assert_eq!(texts(&reading.take(1).await), ["1"]);
    });
}

#[test]
fn a_consumer_is_kept_unless_it_is_not_wanted() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.create_stream(OTHER, 1).unwrap();
        for (required, left) in [(false, 1), (true, 0)] {
            let source = pushed(&server).require_consumer_deregistration(required);
            let mut reading = Reading::start(Kinesis { more: vec![OTHER.to_owned()], ..source }).await;
            reading.fetch(&eager()).await;
            reading.feed.close().await;
            for stream in [STREAM, OTHER] {
                assert_eq!(consumers(&server, stream).await.len(), left);
            }
        }
    });
}

/// Two pipelines with one consumer take each other's subscriptions.
#[test]
fn another_reader_with_the_same_consumer_is_named() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let mut source = pushed(&server);
        source.tuning.patience = Duration::from_millis(100);
        let mut reading = Reading::start(source).await;
        reading.fetch(&eager()).await;
        for operation in ["SubscribeToShard", "SubscribeToShardEvent"] {
            server.faults().times(operation, usize::MAX, Fault::error("ResourceInUseException"));
        }
        let error = reading.failure().await;
        assert!(
            error.kind() == Kind::Unavailable && error.to_string().contains("a `consumer_name` of its own"),
            "{error}"
        );
    });
}

#[test]
fn a_subscription_that_falls_silent_is_given_up() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "1").unwrap();
        let mut source = pushed(&server);
        source.tuning.silence = Duration::from_millis(100);
        server.faults().next("SubscribeToShardEvent", Fault::Delay(Duration::from_secs(3_600)));
        assert_eq!(texts(&Reading::start(source).await.take(1).await), ["1"]);
        assert!(server.calls("SubscribeToShard") >= 2);
    });
}

#[test]
fn losses_are_noticed_here_too() {
    for policy in [fail, skip] {
        run(async |server| {
            server.create_stream(STREAM, 1).unwrap();
            server.put_all(STREAM, (0..10).map(|index| ("k", index.to_string()))).unwrap();
            let mut reading = Reading::start(pushed(&server).on_data_loss(policy)).await;
            let (_, got) = reading.fetch(&Limits { rows: Some(4), ..patient() }).await;
            assert_eq!(texts(&got), ["0", "1", "2", "3"]);
            // The last record that was read is still there.
            server.trim(STREAM, FIRST, 3).unwrap();
            let mut reading = reading.restart().await;
            let (_, got) = reading.fetch(&Limits { rows: Some(1), ..patient() }).await;
            assert_eq!(texts(&got), ["4"]);
            server.trim(STREAM, FIRST, 4).unwrap();
            let mut reading = reading.restart().await;
            if policy == fail {
                let error = reading.failure().await;
                assert!(error.kind() == Kind::DataLoss && error.to_string().contains(FIRST), "{error}");
            } else {
                assert_eq!(texts(&reading.take(3).await), ["7", "8", "9"]);
                // A number that the service does not know any more: all that is left is read, and what is known dropped.
                server.faults().next("SubscribeToShard", Fault::error("InvalidArgumentException"));
                let mut reading = reading.restart().await;
                server.put(STREAM, "k", "10").unwrap();
                assert_eq!(texts(&reading.take(1).await), ["10"]);
            }
        });
    }
}

/// What nobody takes is not sent.
#[test]
fn pressure_goes_back_to_the_service() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put_all(STREAM, (0..100).map(|_| ("k", vec![b'x'; 1_000_000]))).unwrap();
        let mut reading = Reading::start(pushed(&server).fetch_buffer_size(10 << 20)).await;
        reading.fetch(&Limits { bytes: 1, ..patient() }).await;
        // Time in which more would be pushed than there is room for.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let sent = server.calls("SubscribeToShardEvent");
        // Two events wait, and the rest is in the buffers of the connection, which the system lets grow to some 40 MB.
        assert!(sent < 70, "{sent}");
        assert_eq!(reading.take(99).await.len(), 99);
    });
}

#[test]
fn what_is_there_at_the_present() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        for index in 0..20 {
            server.put_at(STREAM, &format!("k{index}"), index.to_string(), now() - 1_000).unwrap();
        }
        server.split(STREAM, FIRST).unwrap();
        let mut reading = Reading::start(pushed(&server)).await;
        reading.feed.stop_at_present();
        let (mut count, deadline) = (0, Instant::now() + PATIENCE);
        loop {
            let limits = Limits { until: Instant::now() + Duration::from_secs(5), eager: false, ..eager() };
            let (fetched, got) = reading.fetch(&limits).await;
            count += got.len();
            if fetched.exhausted {
                break;
            }
            assert!(Instant::now() < deadline);
        }
        assert_eq!(count, 20);
    });
}

#[test]
fn idle_and_lag_are_known() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "1").unwrap();
        let mut reading = Reading::start(pushed(&server).idle_after(Duration::from_millis(50))).await;
        reading.take(1).await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (fetched, _) = reading.fetch(&eager()).await;
            assert_eq!(fetched.metrics.to_json()["mode"], "efo");
            assert_eq!(fetched.metrics["numRegisteredConsumers"], 1.0);
            if fetched.partitions[0].idle && fetched.partitions[0].ms_behind == Some(0) {
                break;
            }
            assert!(Instant::now() < deadline);
        }
        let before = server.calls("SubscribeToShardEvent");
        until(&mut reading, || server.calls("SubscribeToShardEvent") > before + 3).await;
        assert_eq!(server.calls("SubscribeToShard"), 1);
    });
}
