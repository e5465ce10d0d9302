use super::*;

fn packed(range: std::ops::Range<usize>) -> Vec<u8> {
    let texts: Vec<String> = range.map(|index| index.to_string()).collect();
    let records: Vec<_> = texts.iter().map(|text| ("user", None, text.as_bytes())).collect();
    kpl_aggregate_with_hash_keys(&records)
}

#[test]
fn aggregates_are_taken_apart_and_never_split() {
    run(async |server| {
        server.create_stream(STREAM, 1).unwrap();
        server.put(STREAM, "k", "plain").unwrap();
        server.put(STREAM, "k", packed(0..5)).unwrap();
        server.put(STREAM, "k", packed(5..55)).unwrap();
        server.put(STREAM, "k", "last").unwrap();
        let mut reading = Reading::start(source(&server)).await;
        let mut sizes = Vec::new();
        let mut got = Vec::new();
        while got.len() < 57 {
            let (_, more) = reading.fetch(&Limits { rows: Some(4), ..patient() }).await;
            if !more.is_empty() {
                sizes.push(more.len());
            }
            got.extend(more);
            reading = reading.restart().await;
        }
        assert_eq!(sizes, [1, 5, 50, 1]);
        assert_eq!((got[1].key.as_str(), got[1].sub, got[1].sequence == got[5].sequence), ("user", 0, true));
        assert_eq!((got[5].sub, got[6].sub, got[55].sub, got[56].text.as_str()), (4, 0, 49, "last"));
        assert!(got.iter().enumerate().all(|(index, got)| got.order == index as u64));
    });
}

/// A producer that does not know of a reshard packs records of the other child: Amazon's consumers drop them.
#[test]
fn records_of_another_shard_are_dropped() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        let half = 1_u128 << 127;
        let (low, high) = ("7".to_owned(), half.to_string());
        let records: Vec<(&str, Option<&str>, &[u8])> =
            vec![("x", Some(&low), b"low"), ("x", Some(&high), b"high"), ("x", Some(&low), b"low too")];
        let data = kpl_aggregate_with_hash_keys(&records);
        server.put_to_shard(STREAM, FIRST, "k", data.clone()).unwrap();
        server.put_to_shard(STREAM, &id(1), "k", data).unwrap();
        // By the hash of the key when none is given.
        let keyed = kpl_aggregate_with_hash_keys(&[("a", None, b"a"), ("b", None, b"b")]);
        server.put_to_shard(STREAM, FIRST, "k", keyed.clone()).unwrap();
        server.put_to_shard(STREAM, &id(1), "k", keyed).unwrap();
        let mut got = Reading::start(source(&server)).await.take(5).await;
        got.sort_by(|left, right| (&left.shard, &left.text).cmp(&(&right.shard, &right.text)));
        let got: Vec<_> = got.iter().map(|got| (got.shard.as_str(), got.text.as_str(), got.sub)).collect();
        let second = id(1);
        let first = [(FIRST, "a", 0), (FIRST, "low", 0), (FIRST, "low too", 2)];
        assert_eq!(got, [&first[..], &[(&second, "b", 1), (&second, "high", 1)]].concat());
    });
}

#[test]
fn an_aggregate_of_others_moves_the_position() {
    run(async |server| {
        server.create_stream(STREAM, 2).unwrap();
        let high = u128::MAX.to_string();
        let data = kpl_aggregate_with_hash_keys(&[("x", Some(&high), b"high")]);
        let sequence = server.put_to_shard(STREAM, FIRST, "k", data).unwrap();
        let mut reading = Reading::start(source(&server)).await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert_eq!(reading.fetch(&eager()).await.1, []);
            if reading.resume.partitions[FIRST].to["sequence_number"] == sequence.as_str() {
                break;
            }
            assert!(Instant::now() < deadline);
        }
    });
}
