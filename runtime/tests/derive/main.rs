//! `#[derive(StreamSchema)]`: what each attribute does, and the way of rows through Arrow and back.
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, unused_lifetimes, single_use_lifetimes)]
#![deny(elided_lifetimes_in_paths, missing_debug_implementations, missing_copy_implementations, unused_results)]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch, StructArray};
use bumpalo::Bump;
use millstream::operator::key::{Key, KeyRef};
use millstream::prelude::*;
use millstream::schema::{All, EventTime, Projection, Row, RowBuilder, Rows, Stored, StreamSchema as _};

#[allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::missing_errors_doc)]
mod json_tree;
use json_tree::Tree;

/// Reads a whole record and owns it.
fn read<T: millstream::schema::Column>(json: &str) -> Result<T, String> {
    read_used::<T, All>(json)
}

fn read_used<T: millstream::schema::Column, P: Projection>(json: &str) -> Result<T, String> {
    let (arena, tree) = (Bump::new(), Tree::parse(json));
    tree.read::<T, P>(&arena).map(T::own)
}

/// The fields that a pipeline uses.
macro_rules! used {
    ($name:ident, $($field:literal),*) => {
        struct $name;
        impl Projection for $name {
            const NAMES: &'static [&'static str] = &[$($field),*];
            const REST: bool = false;
        }
    };
}

pub mod quiet;

/// A row of each kind of column.
#[derive(StreamSchema, Debug, Clone, PartialEq)]
struct Reading {
    /// Which device.
    device_id: String,
    #[stream(event_time)]
    ts: Timestamp,
    temperature: f64,
    country: Option<String>,
    status: Status,
    mode: Option<Mode>,
    location: Point,
    previous: Option<Point>,
    r#type: u8,
    len: i64,
}

#[derive(StreamSchema, Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Status {
    Ok,
    #[stream(rename = "broken", alias = "bad", alias = "failed")]
    Broken,
}

#[derive(StreamSchema, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[stream(rename_all = "SCREAMING_SNAKE_CASE")]
enum Mode {
    HeatUp,
    CoolDown,
    #[stream(other)]
    Unknown,
}

#[derive(StreamSchema, Debug, Clone, PartialEq)]
struct Point {
    lat: f64,
    lon: f64,
}

const READING: &str = r#"{"device_id": "a", "ts": "2026-01-02T03:04:05Z", "temperature": 21.5, "country": "NL",
    "status": "Ok", "mode": "COOL_DOWN", "location": {"lat": 1, "lon": 2}, "previous": {"lat": 3, "lon": 4},
    "type": 7, "len": -1, "more": [1, {"x": 2}]}"#;

/// The record with one field replaced, or without it.
fn reading(field: &str, value: Option<&str>) -> String {
    let tree: serde_json::Value = serde_json::from_str(READING).unwrap();
    let mut fields: BTreeMap<String, serde_json::Value> = serde_json::from_value(tree).unwrap();
    let _ = match value {
        Some(value) => fields.insert(field.to_owned(), serde_json::from_str(value).unwrap()),
        None => fields.remove(field),
    };
    serde_json::to_string(&fields).unwrap()
}

fn point(lat: f64, lon: f64) -> Point {
    Point { lat, lon }
}

fn full() -> Reading {
    Reading {
        device_id: "a".to_owned(),
        ts: Timestamp::parse_rfc3339("2026-01-02T03:04:05Z").unwrap(),
        temperature: 21.5,
        country: Some("NL".to_owned()),
        status: Status::Ok,
        mode: Some(Mode::CoolDown),
        location: point(1.0, 2.0),
        previous: Some(point(3.0, 4.0)),
        r#type: 7,
        len: -1,
    }
}

#[test]
fn every_field_is_read() {
    assert_eq!(read::<Reading>(READING).unwrap(), full());
}

#[test]
fn f_038_missing_and_null() {
    for json in [reading("country", None), reading("country", Some("null"))] {
        assert_eq!(read::<Reading>(&json).unwrap(), Reading { country: None, ..full() });
    }
    for json in [reading("previous", None), reading("previous", Some("null"))] {
        assert_eq!(read::<Reading>(&json).unwrap(), Reading { previous: None, ..full() });
    }
    for field in ["device_id", "ts", "temperature", "status", "location", "type"] {
        let fault = read::<Reading>(&reading(field, None)).unwrap_err();
        assert!(fault.starts_with(&format!("column `{field}`")) && fault.contains("(MISSING)"), "{fault}");
        let fault = read::<Reading>(&reading(field, Some("null"))).unwrap_err();
        assert!(fault.starts_with(&format!("column `{field}`")) && fault.contains("(TYPE)"), "{fault}");
    }
    let fault = read::<Reading>(&reading("location", Some(r#"{"lat": 1}"#))).unwrap_err();
    assert_eq!(fault, "column `location.lon`: expected a value, found no such field at byte 0 (MISSING)");
}

#[test]
fn f_036_a_field_given_twice_is_a_fault() {
    let json = r#"{"lat": 1, "lon": 2, "lat": 3}"#;
    assert_eq!(read::<Point>(json).unwrap_err(), "column `lat`: expected one value, found `lat` at byte 0 (DUPLICATE)");
    used!(Lon, "lon");
    assert!(read_used::<Point, Lon>(json).is_ok(), "not where the field is unused");
}

#[test]
fn unused_fields_are_not_looked_at() {
    used!(Used, "location.lat", "len");
    let json = r#"{"location": {"lat": 1, "lon": "not a number"}, "len": 3, "status": "nonsense", "ts": []}"#;
    let row = read_used::<Reading, Used>(json).unwrap();
    assert_eq!((row.location.lat, row.len), (1.0, 3));
    used!(Nested, "location");
    assert!(read_used::<Reading, Nested>(json).unwrap_err().starts_with("column `location.lon`"));
    used!(Optional, "previous.lon");
    let json = r#"{"previous": {"lat": "not a number", "lon": 2}}"#;
    assert_eq!(read_used::<Reading, Optional>(json).unwrap().previous.unwrap().lon, 2.0);
    struct Time;
    impl Projection for Time {
        const NAMES: &'static [&'static str] = &[];
        const REST: bool = false;
        const EVENT_TIME: bool = true;
    }
    assert!(read_used::<Reading, Time>(r#"{"ts": "2026-01-02T03:04:05Z"}"#).is_ok());
    assert!(read_used::<Reading, Time>("{}").unwrap_err().starts_with("column `ts`"));
}

#[test]
fn schema_and_event_time() {
    assert_eq!((Reading::NAME, Reading::EVENT_TIME, Point::EVENT_TIME), ("Reading", Some("ts"), None));
    let columns =
        ["device_id", "ts", "temperature", "country", "status", "mode", "location", "previous", "type", "len"];
    assert_eq!(Reading::FIELDS, columns);
    let fields: Vec<_> = Reading::fields().iter().map(|field| format!("{}", field.data_type())).collect();
    assert_eq!(fields[4..6], ["Utf8", "Utf8"]);
    assert_eq!(Reading::fields().iter().filter(|field| field.is_nullable()).count(), 3);
    let row = full();
    let arena = millstream::schema::Arena::new();
    assert_eq!(row.view(&arena).event_time(), row.ts);
    let (copy, again) = (row.view(&arena), row.view(&arena));
    assert_eq!((copy.device_id, again.location.lat, copy.country), ("a", 1.0, Some("NL")));
}

fn batch<R: Row>(rows: impl IntoIterator<Item = R>) -> RecordBatch {
    let mut out = Rows::<R::Builders>::default();
    rows.into_iter().for_each(|row| out.emit(row));
    let mut batches = out.take(true).unwrap();
    assert_eq!(batches[0].schema(), R::Builders::schema());
    batches.remove(0)
}

#[test]
fn arrow_and_back() {
    let rows = [
        full(),
        Reading { country: None, previous: None, mode: None, ..full() },
        Reading { status: Status::Broken, mode: Some(Mode::Unknown), device_id: String::new(), ..full() },
    ];
    let arena = millstream::schema::Arena::new();
    let batch = batch(rows.iter().map(|row| row.view(&arena)));
    assert_eq!(batch.column_by_name("previous").unwrap().null_count(), 1);
    let array = StructArray::from(batch);
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(Reading::load(&array, index).as_ref(), Some(row));
    }
    assert_eq!(Reading::load(&array, 3), None);
    assert_eq!(Point::load(&array, 0), None, "an array of another schema");
    let status = array.column_by_name("status").unwrap();
    assert_eq!(String::load(status, 2).unwrap(), "broken", "the name on the wire");
    assert_eq!(Option::<Mode>::load(array.column_by_name("mode").unwrap(), 1), Some(None));
}

#[test]
fn f_037_enums() {
    assert_eq!(read::<Status>(r#""Ok""#), Ok(Status::Ok));
    for name in ["broken", "bad", "failed"] {
        assert_eq!(read::<Status>(&format!("\"{name}\"")), Ok(Status::Broken));
    }
    let fault = read::<Status>(r#""Broken""#).unwrap_err();
    assert_eq!(fault, "expected one of `Ok` or `broken`, found `Broken` at byte 0 (TYPE)");
    assert_eq!(read::<Mode>(r#""HEAT_UP""#), Ok(Mode::HeatUp));
    assert_eq!(read::<Mode>(r#""anything""#), Ok(Mode::Unknown));
    assert!(read::<Mode>("7").is_err());
}

#[test]
fn enums_as_keys() {
    let mut bytes = Vec::new();
    Status::Broken.canonical(&mut bytes);
    let mut text = Vec::new();
    "broken".to_owned().canonical(&mut text);
    assert_eq!(bytes, text, "the text, whatever the order of variants");
    assert!(Status::Ok.same(&Status::Ok) && !Status::Ok.same(&Status::Broken));
    assert!(Some(Status::Ok).to_key().equals(&Some(Status::Ok)));
}

/// Names on the wire.
#[derive(StreamSchema, Debug, PartialEq)]
#[stream(rename_all = "camelCase", deny_unknown)]
struct Device {
    device_id: String,
    #[stream(rename = "fw", alias = "firmware", alias = "v")]
    firmware: u32,
}

#[test]
fn names_on_the_wire() {
    let device = Device { device_id: "a".to_owned(), firmware: 3 };
    for name in ["fw", "firmware", "v"] {
        assert_eq!(read::<Device>(&format!(r#"{{"deviceId": "a", "{name}": 3}}"#)).as_ref(), Ok(&device));
    }
    assert_eq!(Device::FIELDS, ["device_id", "firmware"], "columns are called as in Rust");
    let twice = read::<Device>(r#"{"deviceId": "a", "fw": 3, "v": 3}"#).unwrap_err();
    assert!(twice.contains("DUPLICATE"), "{twice}");
    let missing = read::<Device>(r#"{"deviceId": "a"}"#).unwrap_err();
    assert!(missing.starts_with("column `fw`"), "{missing}");
    let wrong = read::<Device>(r#"{"deviceId": "a", "v": "x"}"#).unwrap_err();
    assert!(wrong.starts_with("column `v`"), "the name that the record has: {wrong}");
    used!(Firmware, "firmware");
    assert_eq!(read_used::<Device, Firmware>(r#"{"fw": 3}"#).unwrap().firmware, 3, "used by its name in Rust");
}

#[test]
fn f_039_deny_unknown() {
    let json = r#"{"deviceId": "a", "fw": 3, "device_id": "b"}"#;
    let fault = read::<Device>(json).unwrap_err();
    assert_eq!(fault, "column `device_id`: expected a field of `Device`, found `b` at byte 0 (TYPE)");
    used!(Nothing, "nothing");
    assert!(read_used::<Device, Nothing>(r#"{"deviceId": 1, "v": []}"#).is_ok(), "unused fields are known ones");
    assert!(read_used::<Device, Nothing>(json).is_err());
}

fn eleven() -> i64 {
    11
}

/// Values of missing fields.
#[derive(StreamSchema, Debug, PartialEq)]
struct Defaults {
    #[stream(default)]
    text: String,
    #[stream(default = "unknown")]
    country: String,
    #[stream(default = 1.5)]
    factor: f64,
    #[stream(default = eleven())]
    number: i64,
    #[stream(default = Status::Broken)]
    status: Status,
    #[stream(default = Some(3))]
    maybe: Option<u8>,
    #[stream(default = point(1.0, 2.0))]
    point: Point,
}

#[test]
fn defaults() {
    let expected = Defaults {
        text: String::new(),
        country: "unknown".to_owned(),
        factor: 1.5,
        number: 11,
        status: Status::Broken,
        maybe: Some(3),
        point: point(1.0, 2.0),
    };
    assert_eq!(read::<Defaults>("{}"), Ok(expected));
    assert_eq!(read::<Defaults>(r#"{"maybe": null}"#).unwrap().maybe, None, "null is a value");
    assert_eq!(read::<Defaults>(r#"{"number": 1}"#).unwrap().number, 1);
    assert!(read::<Defaults>(r#"{"number": null}"#).is_err());
}

/// Ways to write an instant.
#[derive(StreamSchema, Debug, PartialEq)]
struct Times {
    #[stream(event_time, format = epoch_ms)]
    ms: Timestamp,
    #[stream(format = epoch_s)]
    s: Option<Timestamp>,
    #[stream(format = epoch_us)]
    us: Option<Timestamp>,
    #[stream(format = rfc3339)]
    text: Option<Timestamp>,
    #[stream(format = days::EpochDays)]
    day: Option<Timestamp>,
    #[stream(format = Percent)]
    share: Option<f64>,
}

mod days {
    use millstream::decode::{Fault, Reader};
    use millstream::prelude::*;
    use millstream::schema::format::ReadAs;

    pub(crate) struct EpochDays;

    impl ReadAs<Timestamp> for EpochDays {
        fn read_as<'a, R: Reader<'a>>(&self, reader: &mut R) -> Result<Timestamp, Fault> {
            let days = i32::try_from(reader.i64()?).map_err(|_| reader.out_of_range("a day"))?;
            Ok(Date::from_days(days).start())
        }
    }
}

struct Percent;

impl millstream::schema::format::ReadAs<f64> for Percent {
    fn read_as<'a, R: millstream::decode::Reader<'a>>(&self, reader: &mut R) -> Result<f64, millstream::decode::Fault> {
        let text = reader.str()?;
        text.trim_end_matches('%').parse().map_err(|_| reader.unexpected("a percentage"))
    }
}

#[test]
fn f_046_formats() {
    let at = |micros| Some(Timestamp::from_micros(micros));
    let json =
        r#"{"ms": 1500, "s": 1700000000.123456, "us": -1, "text": "1970-01-01T00:00:01Z", "day": 1, "share": "7%"}"#;
    let times = read::<Times>(json).unwrap();
    assert_eq!(Some(times.ms), at(1_500_000));
    assert_eq!((times.s, times.us, times.text), (at(1_700_000_000_123_456), at(-1), at(1_000_000)));
    assert_eq!((times.day, times.share), (at(86_400_000_000), Some(7.0)));
    let times = read::<Times>(r#"{"ms": 0, "s": null, "us": null}"#).unwrap();
    assert_eq!((times.s, times.us, times.day), (None, None, None));
    for json in [r#"{"ms": 9223372036854775807}"#, r#"{"ms": 0, "s": 1e30}"#, r#"{"ms": 0, "s": -1e13}"#] {
        let fault = read::<Times>(json).unwrap_err();
        assert!(fault.contains("expected a Timestamp") && fault.contains("(RANGE)"), "{fault}");
    }
    for json in [r#"{"ms": "1970-01-01T00:00:01Z"}"#, r#"{"ms": 0, "s": "1"}"#, r#"{"ms": 0, "text": 1}"#] {
        assert!(read::<Times>(json).unwrap_err().contains("(TYPE)"), "{json}");
    }
}

/// The user's own names stand in nobody's way.
mod hygiene {
    #![allow(dead_code, non_camel_case_types, missing_docs)]
    use ::millstream::StreamSchema;
    use ::millstream::time::Timestamp as Time;
    use ::std::option::Option as Maybe;
    use ::std::string::String as Text;

    struct Option;
    struct Result;
    struct Some;
    struct None;
    struct Ok;
    struct Err;
    struct String;
    struct Vec;
    struct Fields;
    struct Reader;
    struct Column;
    struct str;
    struct bool;
    struct usize;
    trait Default {}
    trait Clone {}
    trait Copy {}
    mod millstream {}
    mod std {}
    mod core {}

    #[derive(StreamSchema)]
    pub(crate) struct Row {
        reader: Text,
        key: Maybe<i64>,
        #[stream(event_time, default)]
        row: Time,
        column0: u8,
        #[stream(default = "x")]
        array: Text,
        kind: Kind,
    }

    #[derive(
        StreamSchema, ::std::clone::Clone, ::std::marker::Copy, ::std::cmp::PartialEq, ::std::cmp::Eq, ::std::hash::Hash,
    )]
    pub(crate) enum Kind {
        None,
        Some,
        Ok,
    }
}

#[test]
fn hygiene() {
    assert!(read::<hygiene::Row>(r#"{"reader": "a", "column0": 1, "kind": "None"}"#).is_ok());
}

/// A schema made by a macro of the user.
macro_rules! schema {
    ($name:ident, $field:ident: $type:ty) => {
        #[derive(StreamSchema)]
        struct $name {
            $field: $type,
            fixed: i64,
        }
    };
}
schema!(Made, value: f64);
