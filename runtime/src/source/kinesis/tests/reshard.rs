use super::*;
use std::collections::BTreeMap;

/// The texts of each key, in the order they came in.
fn by_key(got: &[Got]) -> BTreeMap<&str, Vec<&str>> {
    let mut keys = BTreeMap::<&str, Vec<&str>>::new();
    for got in got {
        keys.entry(&got.key).or_default().push(&got.text);
    }
    keys
}

fn put_all_keys(server: &Server, text: &str) {
    for key in 0..20 {
        server.put(STREAM, &format!("k{key}"), text).unwrap();
    }
}

fn assert_in_order(got: &[Got], expected: &[&str]) {
    let keys = by_key(got);
    assert_eq!(keys.len(), 20);
    assert!(keys.values().all(|texts| texts == expected), "{keys:?}");
}

#[test]
fn parents_come_before_children_that_are_full_already() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        put_all_keys(&server, "1");
        let [a, b] = server.split(STREAM, FIRST).unwrap();
        let [c, d] = server.split(STREAM, &id(1)).unwrap();
        put_all_keys(&server, "2");
        server.merge(STREAM, &b, &c).unwrap();
        put_all_keys(&server, "3");
        server.merge(STREAM, &a, &id(6)).unwrap();
        server.merge(STREAM, &id(7), &d).unwrap();
        put_all_keys(&server, "4");
        for late in [false, true] {
            if late {
                server.faults().times("GetRecords", 1_000, Fault::LateEnd);
            }
            let mut reading = Reading::start(source(&server)).await;
            let mut got = Vec::new();
            while got.len() < 80 {
                let limits = Limits { rows: Some(7), ..patient() };
                let (fetched, more) = reading.fetch(&limits).await;
                // A child gives nothing in a fetch in which a parent of it does.
                for progress in &fetched.partitions {
                    let gives = |shard: &str| more.iter().any(|got| got.shard == shard);
                    assert!(!gives(&progress.id) || !progress.parents.iter().any(|parent| gives(parent)));
                }
                got.extend(more);
                reading = reading.restart().await;
            }
            assert_in_order(&got, &["1", "2", "3", "4"]);
        }
    });
}

#[test]
fn a_reshard_while_reading() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        let mut reading = Reading::start(source(&server)).await;
        put_all_keys(&server, "1");
        let mut got = reading.take(20).await;
        // Without names of children in the answers, the list tells.
        server.faults().next("GetRecords", Fault::NoChildShards);
        server.reshard(STREAM, 3).unwrap();
        put_all_keys(&server, "2");
        got.extend(reading.take(20).await);
        server.reshard(STREAM, 1).unwrap();
        put_all_keys(&server, "3");
        got.extend(reading.take(20).await);
        assert_in_order(&got, &["1", "2", "3"]);
        let (fetched, _) = reading.fetch(&eager()).await;
        let open: Vec<_> = fetched.partitions.iter().filter(|progress| !progress.drained).collect();
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].hash_range, Some(["0".to_owned(), u128::MAX.to_string()]));
        assert_eq!(open[0].parents.len(), 2);
        assert_eq!(fetched.metrics["numTotalShards"] - fetched.metrics["numClosedShards"], 1.0);
        // What is drained is not in the checkpoint, and not read again.
        assert!(reading.resume.partitions.keys().eq([&open[0].id]), "{:?}", reading.resume.partitions);
        assert!(fetched.metrics["numClosedShards"] >= 5.0, "{}", fetched.metrics["numClosedShards"]);
        server.clear_log();
        let mut reading = reading.restart().await;
        assert_eq!(reading.fetch(&eager()).await.1, []);
        let shards: std::collections::BTreeSet<_> = server.log().into_iter().filter_map(|call| call.shard).collect();
        assert_eq!(shards.into_iter().collect::<Vec<_>>(), [open[0].id.clone()]);
    });
}

/// The children may have older events than any other shard.
#[test]
fn a_parent_is_drained_once_its_children_are_there_to_hold_the_watermark() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "1").unwrap();
        let mut reading = Reading::start(source(&server)).await;
        server.faults().times("ListShards", 6, Fault::Throttle);
        server.split(STREAM, FIRST).unwrap();
        server.put(STREAM, "k", "2").unwrap();
        let mut got = Vec::new();
        while got.len() < 2 {
            let (fetched, more) = reading.fetch(&eager()).await;
            assert!(fetched.partitions.len() == 3 || !fetched.partitions[0].drained);
            got.extend(more);
            reading = reading.restart().await;
        }
        assert_eq!(texts(&got), ["1", "2"]);
    });
}

#[test]
fn a_parent_that_expired_holds_nothing_back() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "gone").unwrap();
        server.split(STREAM, FIRST).unwrap();
        server.put(STREAM, "k", "kept").unwrap();
        server.expire_shard(STREAM, FIRST).unwrap();
        let mut reading = Reading::start(source(&server)).await;
        assert_eq!(texts(&reading.take(1).await), ["kept"]);
    });
}

/// Drained shards are forgotten, whether the service forgets them or has them in its list for a year.
#[test]
fn the_shard_map_is_bounded() {
    shard_map(true);
    shard_map(false);
}

fn shard_map(expires: bool) {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        let mut reading = Reading::start(source(&server)).await;
        let mut shard = FIRST.to_owned();
        let mut expected = Vec::new();
        let mut got = Vec::new();
        let (mut most, mut forgotten) = (0, 0);
        for round in 0..40 {
            let [left, right] = server.split(STREAM, &shard).unwrap();
            let text = format!("{round:03}");
            server.put(STREAM, "k", text.as_str()).unwrap();
            expected.push(text);
            let child = server.merge(STREAM, &left, &right).unwrap();
            // Until only the last child is not drained.
            let mut open = 0;
            while got.len() < expected.len() || open != 1 {
                let (fetched, more) = reading.fetch(&eager()).await;
                got.extend(more);
                forgotten += fetched.forgotten.len();
                let child_is_known = fetched.partitions.iter().any(|progress| progress.id == child);
                open = fetched.partitions.iter().filter(|progress| !progress.drained || !child_is_known).count();
            }
            for old in [&shard, &left, &right].into_iter().filter(|_| expires) {
                server.expire_shard(STREAM, old).unwrap();
            }
            shard = child;
            let (fetched, none) = reading.fetch(&eager()).await;
            assert_eq!(none, []);
            assert!(fetched.forgotten.iter().all(|id| fetched.partitions.iter().all(|known| known.id != *id)));
            forgotten += fetched.forgotten.len();
            most = most.max(fetched.partitions.len());
            if round % 10 == 0 {
                reading = reading.restart().await;
            }
        }
        assert_eq!(texts(&got), expected);
        assert!(most <= 20, "{most}");
        assert!(forgotten > 100, "{forgotten}");
    });
}

/// Only a child that has given a record says at the next start that its parent was read.
#[test]
fn a_drained_shard_is_known_until_its_children_are_begun() {
    run(async |server| {
        let split = |stream| {
            server.create_stream(stream, 1).unwrap();
            server.put(stream, "k", "1").unwrap();
            server.split(stream, FIRST).unwrap()
        };
        let ([left, right], _) = (split(STREAM), split(OTHER));
        // The other stream says where a key is.
        let key = |shard: &str| {
            let mut keys = (0..).map(|number| format!("k{number}"));
            keys.find(|key| server.put(OTHER, key, "").unwrap().0 == shard).unwrap()
        };
        let known = |reading: &Reading| reading.resume.partitions.keys().cloned().collect::<Vec<_>>();
        let mut reading = Reading::start(source(&server)).await;
        let mut got = reading.take(1).await;
        for begun in [None, Some((&left, "2"))] {
            if let Some((shard, text)) = begun {
                server.put(STREAM, &key(shard), text).unwrap();
                got.extend(reading.take(1).await);
            }
            for _ in 0..3 {
                reading.fetch(&eager()).await;
                assert_eq!(known(&reading), [FIRST.to_owned(), left.clone(), right.clone()], "{begun:?}");
                reading = reading.restart().await;
            }
        }
        server.put(STREAM, &key(&right), "3").unwrap();
        got.extend(reading.take(1).await);
        for _ in 0..3 {
            reading.fetch(&eager()).await;
            reading = reading.restart().await;
        }
        assert_eq!(known(&reading), [left.clone(), right.clone()]);
        server.put(STREAM, &key(&left), "4").unwrap();
        got.extend(reading.take(1).await);
        assert_eq!(texts(&got), ["1", "2", "3", "4"], "nothing is read again");
    });
}

/// The list comes in pages, and its token may be too old by the time of the next.
#[test]
fn thousands_of_shards() {
    run(async |server| {
        server.create_stream(STREAM, 2_500).unwrap();
        for code in ["LimitExceededException", "ExpiredNextTokenException"] {
            server.faults().next("ListShards", Fault::Error { code: code.to_owned() });
        }
        let mut reading = Reading::start(source(&server)).await;
        assert_eq!(server.calls("ListShards"), 5);
        let (fetched, _) = reading.fetch(&eager()).await;
        assert_eq!((fetched.partitions.len(), fetched.partitions[2_499].id.as_str()), (2_500, id(2_499).as_str()));
        assert_eq!(fetched.partitions[0].to, serde_json::json!({ "start": "trim_horizon" }));
    });
}

/// A merged shard that was split again before it got a record says nothing at the next start until the commit has it as
/// drained, for which its children have to be listed.
#[test]
fn parents_of_an_empty_shard_are_known_until_it_is_drained_in_a_commit() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        put_all_keys(&server, "1");
        let mut reading = Reading::start(source(&server)).await;
        let mut got = reading.take(20).await;
        let merged = server.merge(STREAM, FIRST, &id(1)).unwrap();
        while reading.resume.partitions.values().filter(|state| state.drained).count() < 2 {
            got.extend(reading.fetch(&eager()).await.1);
        }
        server.faults().times("ListShards", 1_000, Fault::Throttle);
        server.split(STREAM, &merged).unwrap();
        for _ in 0..20 {
            got.extend(reading.fetch(&eager()).await.1);
        }
        assert!(!reading.resume.partitions[&merged].drained, "its children are not known");
        server.faults().clear();
        put_all_keys(&server, "2");
        let mut reading = reading.restart().await;
        while got.len() < 40 {
            got.extend(reading.fetch(&eager()).await.1);
        }
        assert_in_order(&got, &["1", "2"]);
        got.extend(reading.fetch(&eager()).await.1);
        reading = reading.restart().await;
        got.extend(reading.fetch(&eager()).await.1);
        assert_in_order(&got, &["1", "2"]);
    });
}
