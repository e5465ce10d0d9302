#![allow(clippy::unwrap_used, reason = "a test that fails is meant to panic")]

mod fuzz;

use super::*;
use crate::testing::kinesis::{kpl_aggregate, kpl_aggregate_with_hash_keys};

fn sealed(message: &[u8]) -> Vec<u8> {
    [&MAGIC, message, Md5::digest(message).as_slice()].concat()
}

/// An aggregate that uses every field: two keys, an explicit hash key, an empty record and a tag.
fn sample() -> Vec<u8> {
    let keyed = kpl_aggregate_with_hash_keys(&[
        ("a", None, b"one"),
        ("bc", Some("340282366920938463463"), b""),
        ("a", None, b"three"),
    ]);
    let message = &keyed[4..keyed.len() - 16];
    // A record with a tag, which has to be skipped: { 1: 0, 3: "t", 4: { 1: "k" } }.
    let tagged = [message, &[0x1A, 0x0A, 0x08, 0x00, 0x1A, 0x01, b't', 0x22, 0x03, 0x0A, 0x01, b'k']].concat();
    sealed(&tagged)
}

type Owned = (String, Option<String>, Vec<u8>);

fn read(data: &[u8]) -> Option<Vec<Owned>> {
    let aggregate = open(data)?;
    let records: Vec<_> = aggregate
        .records()
        .map(|record| {
            (record.partition_key.to_owned(), record.explicit_hash_key.map(str::to_owned), record.data.to_vec())
        })
        .collect();
    assert_eq!(records.len(), aggregate.len());
    Some(records)
}

#[test]
fn every_field_is_read() {
    let records = read(&sample()).unwrap();
    let expected: [(&str, Option<&str>, &[u8]); 4] =
        [("a", None, b"one"), ("bc", Some("340282366920938463463"), b""), ("a", None, b"three"), ("a", None, b"t")];
    assert_eq!(records, expected.map(|(key, hash, data)| (key.to_owned(), hash.map(str::to_owned), data.to_vec())));
}

#[test]
fn plain_records_stay_plain() {
    for plain in [
        b"".as_slice(),
        b"{\"a\":1}",
        &MAGIC,
        &[MAGIC.as_slice(), &[0; 16]].concat(),
        &[MAGIC.as_slice(), &[7; 40]].concat(),
    ] {
        assert!(open(plain).is_none(), "{plain:?}");
    }
    assert_eq!(read(&sealed(b"")).unwrap(), []);
}

#[test]
fn a_truncated_aggregate_is_a_plain_record() {
    let whole = sample();
    for length in 0..whole.len() {
        assert!(open(&whole[..length]).is_none(), "{length}");
    }
    // The same for a message that was cut before it was sealed. A cut between two fields is a shorter message: it must
    // then hold the first records only, unchanged.
    let (message, records) = (&whole[4..whole.len() - 16], read(&whole).unwrap());
    for length in 0..message.len() {
        if let Some(fewer) = read(&sealed(&message[..length])) {
            assert_eq!(records[..fewer.len()], fewer, "{length}");
        }
    }
}

#[test]
fn a_flipped_byte_makes_a_plain_record() {
    let whole = sample();
    for position in 0..whole.len() {
        for mask in 1..=u8::MAX {
            let mut flipped = whole.clone();
            flipped[position] ^= mask;
            assert!(open(&flipped).is_none(), "{position} {mask}");
        }
    }
}

#[test]
fn a_sealed_but_senseless_message_never_panics() {
    let whole = sample();
    let message = &whole[4..whole.len() - 16];
    for position in 0..message.len() {
        for mask in 1..=u8::MAX {
            let mut flipped = message.to_vec();
            flipped[position] ^= mask;
            let _ = read(&sealed(&flipped));
        }
    }
}

#[test]
fn what_protobuf_forbids_is_refused() {
    let cases: [(&str, &[u8]); 9] = [
        ("an index outside the table", &[0x1A, 0x04, 0x08, 0x00, 0x1A, 0x00]),
        ("no partition key", &[0x0A, 0x00, 0x1A, 0x02, 0x1A, 0x00]),
        ("no data", &[0x0A, 0x00, 0x1A, 0x02, 0x08, 0x00]),
        ("a key that is no UTF-8", &[0x0A, 0x01, 0xFF]),
        ("a length over the end", &[0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
        ("a number of eleven bytes", &[0x40, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
        ("a number of 65 bits", &[0x40, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02]),
        ("a group", &[0x43]),
        ("field number 0", &[0x00, 0x00]),
    ];
    for (what, message) in cases {
        assert!(open(&sealed(message)).is_none(), "{what}");
    }
}

#[test]
fn there_is_a_limit() {
    let records = |count| kpl_aggregate(&vec![("k", b"".as_slice()); count]);
    assert_eq!(open(&records(RECORD_LIMIT)).unwrap().len(), RECORD_LIMIT);
    assert!(open(&records(RECORD_LIMIT + 1)).is_none());
}

#[test]
fn tables_may_follow_the_records() {
    assert_eq!(
        read(&sealed(&[0x1A, 0x04, 0x08, 0x00, 0x1A, 0x00, 0x0A, 0x01, b'k'])).unwrap(),
        [("k".to_owned(), None, vec![])]
    );
}
