//! Slots of the log: frames, and the records in them.

use super::super::record::{Close, Commit, Header, Record};
use super::super::{frame, log};
use crate::testing::fuzz::fuzz;

/// What is read as a frame is one to its last byte; and whatever is in a good one, it is read or refused.
#[test]
fn fuzz_slots() {
    let header = Header {
        slot: 3,
        prev_slot: 2,
        prev_xxh3: "00ff".to_owned(),
        generation: 1,
        nonce: "n".to_owned(),
        fingerprint: "f".to_owned(),
    };
    let header = serde_json::to_vec(&header).unwrap();
    let close = Record::Close(Close { published_through: Some(2), error: Some("why".to_owned()) });
    let commit = Record::Commit(Box::new(Commit { epoch: 2, watermark: Some(5), drained: true, ..Commit::default() }));
    let records = [&close, &commit].map(|record| serde_json::to_vec(record).unwrap());
    let framed = frame::encode(4, &header, &records[0]);
    assert!(log::parse(3, &framed).is_ok());
    let words: &[&[u8]] =
        &[b"MSLG", b"GLSM", b"\"epoch\":", b"null", b"18446744073709551615", b"-1", b"{}", b"[]", b"1.5"];
    fuzz("slots of the log", &[&framed, &records[0], &records[1], &header], words, |bytes| {
        let read = frame::decode(bytes).map(|read| {
            assert_eq!(frame::encode(read.kind, read.header, &read.payload), bytes);
            read.payload.len()
        });
        let parsed = [3, 4]
            .map(|kind| log::parse(3, &frame::encode(kind, &header, bytes)).map(|slot| format!("{slot:?}").len()));
        let headed = log::parse(3, &frame::encode(4, bytes, &records[0])).is_ok();
        (read.is_ok(), headed, parsed.map(Result::ok))
    });
}
