//! Positions of shards as a checkpoint has them, and aggregates.

use super::super::kpl;
use super::super::position::{Origin, Position, compare};
use super::*;
use crate::testing::fuzz::fuzz;

#[test]
fn fuzz_positions_of_shards() {
    let start = Position::start(Origin::TrimHorizon).value().to_string();
    let seeds: &[&[u8]] = &[
        start.as_bytes(),
        br#"{"sequence_number":"49590338271490256608559692538361571095921575989136588898","n":17,"caught_up":4}"#,
        br#"{"start":"2026-01-01T00:00:00.5Z"}"#,
    ];
    let words: &[&[u8]] =
        &[b"\"n\":", b"\"seen\":{}", b"null", b"-1", b"99999999999999999999", b"trim_horizon", b"\"\""];
    fuzz("positions of shards", seeds, words, |bytes| {
        let Ok(value) = serde_json::from_slice(bytes) else { return 0 };
        let Ok(position) = Position::parse(&value, STREAM, FIRST) else { return 1 };
        assert_eq!(Position::parse(&position.value(), STREAM, FIRST).unwrap(), position);
        let number = position.sequence_number.as_deref().unwrap_or_default();
        assert_eq!(compare(number, number), std::cmp::Ordering::Equal);
        2 + number.len()
    });
}

/// With and without a seal that is right: nothing hides behind it.
#[test]
fn fuzz_aggregates() {
    use md5::{Digest, Md5};
    let message: &[u8] = b"\x0a\x03key\x12\x012\x1a\x09\x08\x00\x10\x00\x1a\x03one\x1a\x07\x08\x00\x1a\x03two";
    let words: &[&[u8]] = &[b"\xf3\x89\x9a\xc2", b"\x1a", b"\x08\x00", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"];
    fuzz("aggregates", &[message], words, |bytes| {
        let bare = kpl::open(bytes).is_some();
        let sealed = [b"\xf3\x89\x9a\xc2", bytes, Md5::digest(bytes).as_slice()].concat();
        let opened = kpl::open(&sealed).map(|aggregate| {
            let records = aggregate.records().count();
            assert_eq!(records, aggregate.len());
            records
        });
        (bare, opened)
    });
}
