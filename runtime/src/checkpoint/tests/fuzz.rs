//! Slots of the log: frames, and the records in them.

use super::super::{frame, log};
use crate::testing::fuzz::fuzz;

/// What is read as a frame is one to its last byte; and whatever is in a good one, it is read or refused.
#[test]
fn fuzz_slots() {
    let header = br#"{"slot":3,"prev_slot":2,"prev_xxh3":"00","nonce":"n","generation":1,"pipeline_id":"p"}"#;
    let close = br#"{"Close":{"published_through":2,"error":null}}"#;
    let commit = br#"{"Commit":{"epoch":2,"watermark":5,"sources":{"source":{"partitions":{"p":{"to":1}}}},"counters":{"rows":1}}}"#;
    let framed: Vec<Vec<u8>> = (0..6).map(|kind| frame::encode(kind, header, close)).collect();
    let mut seeds: Vec<&[u8]> = framed.iter().map(Vec::as_slice).collect();
    seeds.extend([&close[..], &commit[..], &header[..]]);
    let words: &[&[u8]] =
        &[b"MSLG", b"GLSM", b"\"epoch\":", b"null", b"18446744073709551615", b"-1", b"{}", b"\"files\":["];
    fuzz("slots of the log", &seeds, words, |bytes| {
        let read = frame::decode(bytes).map(|read| {
            assert_eq!(frame::encode(read.kind, read.header, &read.payload), bytes);
            read.payload.len()
        });
        let parsed = (0..6).map(|kind| log::parse(3, &frame::encode(kind, header, bytes)).is_ok());
        let headed = log::parse(3, &frame::encode(3, bytes, close)).is_ok();
        (read.is_ok(), headed, parsed.collect::<Vec<_>>())
    });
}
