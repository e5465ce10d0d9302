//! Shards that are far ahead of others wait.

use super::super::{efo, polling};
use super::*;
use crate::testing::kinesis::Limits as ServerLimits;

const START: i64 = 1_700_000_000_000;

/// Two shards with a record each second; the first one is slow.
async fn read(server: &Server, source: Kinesis, seconds: i64) -> Vec<(usize, i64)> {
    server.create_stream(STREAM, 2).unwrap();
    for second in 0..seconds {
        server.set_time(START + second * 1_000);
        for shard in 0..2 {
            server.put_to_shard(STREAM, &id(shard), "k", second.to_string()).unwrap();
        }
    }
    server.set_time(START + seconds * 1_000);
    // What is handed out together is a page, or an event.
    server.set_limits(ServerLimits { page_records: 4, ..ServerLimits::default() });
    for operation in ["GetRecords", "SubscribeToShardEvent"] {
        server.faults().on_shard(operation, FIRST, 10, Fault::Delay(Duration::from_millis(60)));
    }
    let mut reading = Reading::start(source.consumer_name("test").max_records_per_fetch(4)).await;
    let all = reading.take(2 * seconds as usize).await;
    all.iter()
        .map(|got| (got.shard.as_str() == id(1)).into())
        .zip(all.iter().map(|got| got.text.parse().unwrap()))
        .collect()
}

/// How far the second shard was ahead of the next record of the first, at most.
fn lead(order: &[(usize, i64)]) -> i64 {
    let (mut next, mut lead) = (0, 0);
    for (shard, second) in order {
        match shard {
            0 => next = second + 1,
            _ => lead = lead.max(second - next),
        }
    }
    lead
}

#[test]
fn a_shard_that_is_ahead_waits() {
    for mode in [polling, efo] {
        run(async |server| {
            let source = source(&server).consumer_mode(mode).max_shard_skew(Duration::from_secs(10));
            let order = read(&server, source, 60).await;
            assert!(lead(&order) <= 10 + 4, "{order:?}");
            assert!(order.iter().filter(|(shard, _)| *shard == 0).map(|(_, second)| *second).eq(0..60));
        });
        run(async |server| {
            let order = read(&server, source(&server).consumer_mode(mode), 60).await;
            assert!(lead(&order) > 14, "without the option nobody waits");
        });
    }
}

/// One that is caught up holds nobody back, and a buffer without room for the slow shard does not stop all.
#[test]
fn nobody_waits_for_ever() {
    for mode in [polling, efo] {
        run(async |server| {
            server.create_stream(STREAM, 4).unwrap();
            for second in 0..40 {
                for shard in 1..3 {
                    server.put_at(STREAM, &format!("k{shard}"), vec![b'x'; 500_000], START + second * 1_000).unwrap();
                }
            }
            let source = source(&server).consumer_mode(mode).consumer_name("test").max_records_per_fetch(3);
            let source = source.max_shard_skew(Duration::from_secs(1)).fetch_buffer_size(10 << 20);
            Reading::start(source).await.take(80).await;
        });
    }
}
