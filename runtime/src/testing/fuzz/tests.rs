//! The parsers of foreign bytes that can be reached from here; those of checkpoints and positions are fuzzed where they are.
#![allow(clippy::unwrap_used)]

use super::fuzz;
use crate::decode::{Arena, Decoder, Format, PlainFormat, json, text};
use crate::schema::All;
use crate::store::Location;
use crate::time::{Date, Timestamp, parse_duration};
use crate::{Decimal, StreamSchema};

#[derive(StreamSchema, Debug, PartialEq)]
struct Doc {
    s: String,
    i: Option<i64>,
    f: Option<f64>,
    at: Option<Timestamp>,
    day: Option<Date>,
    data: Option<Vec<u8>>,
    money: Option<Decimal<18, 4>>,
    l: Option<Vec<i32>>,
    inner: Option<Inner>,
    kind: Option<Kind>,
}

#[derive(StreamSchema, Debug, PartialEq)]
struct Inner {
    x: f32,
    y: Option<Vec<String>>,
}

#[derive(StreamSchema, Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    One,
    Two,
}

const DOCUMENTS: &[&[u8]] = &[
    br#"{"s":"a","i":-12,"f":21.5,"l":[1,2,3],"kind":"One"}"#,
    br#"{"s":"\u00e9\ud83d\ude00\n","z":{"a":[1,{"b":[]},"x\"y"],"c":1e5},"inner":{"x":1e3,"y":["a","b\\"]}}"#,
    br#"{"at":"2026-01-02T03:04:05.678Z","day":"2026-01-02","data":"aGVsbG8=","money":12.5,"s":""}"#,
    b"{ \"s\" : \"h\xc3\xa9llo w\xc3\xb6rld, a longer one than that\" ,\r\n\t\"unknown\":[[[[null,false]]]]}\n{\"s\":\"b\"}",
];

const JSON_WORDS: &[&[u8]] = &[
    b"\"s\":",
    b"\"at\":\"",
    b"null",
    b"true",
    b"\\u",
    b"\\ud800",
    b"1e400",
    b"-0",
    b"[[[[",
    b"{\"a\":",
    b"}}}}",
    b"\"",
    b"\\",
    b"\n",
    b"\xff",
    b"\xe2\x82",
    b"9223372036854775808",
    b"0.1e-5",
    b",",
    b":",
];

/// All rows of a payload, and the fault it ends with: how many there are, and its code.
fn rows<D: Decoder>(decoder: &D, payload: &[u8]) -> (usize, Option<&'static str>) {
    let (arena, mut scratch, mut at, mut rows) = (Arena::new(), D::Scratch::default(), 0, 0);
    let payload = match decoder.unpack(payload, &arena, &mut scratch) {
        Ok(payload) => payload,
        Err(fault) => return (0, Some(fault.code())),
    };
    loop {
        let before = at;
        match decoder.next(payload, &mut at, &arena, &mut scratch) {
            Ok(Some(_)) => rows += 1,
            Ok(None) => return (rows, None),
            Err(fault) => {
                assert!(fault.offset() <= payload.len(), "a fault behind the end: {fault}");
                return (rows, Some(fault.code()));
            }
        }
        assert!(at > before, "a row of nothing");
    }
}

#[test]
fn fuzz_json() {
    let (one, lines) = (json().decoder::<Doc, All>(), json().lines().strict().decoder::<Doc, All>());
    fuzz("json", DOCUMENTS, JSON_WORDS, |bytes| {
        let single = rows(&one, bytes);
        // What is read as a document is one.
        if single == (1, None) {
            assert!(std::str::from_utf8(bytes).is_ok());
            let parsed = serde_json::from_slice::<&serde_json::value::RawValue>(bytes);
            assert!(parsed.is_ok(), "{parsed:?}");
        }
        (single, rows(&lines, bytes))
    });
}

#[test]
fn fuzz_text_lines() {
    let text = text().decoder();
    fuzz("text", &[b"a line", b"caf\xc3\xa9\r\n", b""], &[b"\xff", b"\n", b"\xed\xa0\x80"], |bytes| rows(&text, bytes));
}

#[cfg(all(feature = "gzip", feature = "zstd"))]
#[test]
fn fuzz_packed() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(DOCUMENTS[0]).unwrap();
    let (gzip, zstd) = (gzip.finish().unwrap(), zstd::encode_all(DOCUMENTS[1], 3).unwrap());
    let decoders = [
        json().gzip().max_record(1 << 16).decoder::<Doc, All>(),
        json().zstd().max_record(1 << 16).decoder::<Doc, All>(),
    ];
    fuzz("gzip and zstd", &[&gzip, &zstd], &[b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"], |bytes| {
        decoders.iter().map(|decoder| rows(decoder, bytes)).collect::<Vec<_>>()
    });
}

/// What is read as a value is written as a text that is read as the same value.
#[test]
fn fuzz_times_and_numbers() {
    let seeds: &[&[u8]] = &[
        b"2026-01-02T03:04:05.678Z",
        b"2016-12-31T23:59:60.999999+14:00",
        b"-0001-01-01T00:00:00Z",
        b"2026-02-29",
        b"250ms",
        b"1.5s",
        b"PT1H30M",
        b"P1DT0.5S",
        b"-12.5e-3",
        b"99999999999999.9999",
        b"0.00000000000000000000000000000000000000000001",
    ];
    let words: &[&[u8]] =
        &[b"Z", b"T", b"+00:00", b"-", b".", b"e", b"E+", b"us", b"min", b"P", b"D", b"99999999", b"000000"];
    fuzz("times, durations and decimals", seeds, words, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return 0 };
        let (time, date) = (Timestamp::parse_rfc3339(text), Date::parse(text));
        if let Some(time) = time {
            assert_eq!(Timestamp::parse_rfc3339(&time.to_string()), Some(time), "{text}");
        }
        if let Some(date) = date {
            assert_eq!(Date::parse(&date.to_string()), Some(date), "{text}");
        }
        let duration = parse_duration(text);
        let (narrow, wide) = (Decimal::<18, 4>::parse(text), Decimal::<38, 38>::parse(text));
        if let Some(number) = narrow {
            assert_eq!(Decimal::parse(&number.to_string()), Some(number), "{text}");
        }
        let read = [time.is_some(), date.is_some(), duration.is_some(), narrow.is_some(), wide.is_some()];
        read.iter().fold(bytes.len() as u64, |all, read| all * 2 + u64::from(*read))
    });
}

#[test]
fn fuzz_locations() {
    let seeds: &[&[u8]] = &[
        b"s3://bucket/a/b",
        b"gs://bucket/x",
        b"az://container/path",
        b"abfss://container@account.dfs.core.windows.net/path",
        b"out/rows",
    ];
    let words: &[&[u8]] = &[b"s3://", b"/../", b"//", b"@", b"%2e", b":", b"?", b"#", b"\\"];
    fuzz("locations", seeds, words, |bytes| {
        let Ok(url) = std::str::from_utf8(bytes) else { return None };
        let checked = Location::at(url).check();
        if checked.is_ok() {
            assert!(!url.split('/').any(|part| part == ".."), "{url}");
        }
        checked.err().map(|error| error.message().len())
    });
}

/// Whatever a value is, its folder is one part of a path, and it is had back unless it is too long for one.
#[test]
fn fuzz_folders_of_values() {
    let seeds: &[&[u8]] = &[b"..", b"a/b", b"caf\xc3\xa9", b"__HIVE_DEFAULT_PARTITION__", b"~", b"%2E"];
    fuzz("folders of values", seeds, &[b"/", b"\0", b"..", b"%", b"\xe2\x80\xae", b"~"], |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let part = crate::store::safe_part(&text);
        assert!(!part.is_empty() && part.len() <= 255 && part != "." && part != "..", "{part}");
        assert!(part.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b'\\'), "{part}");
        part.len()
    });
}
