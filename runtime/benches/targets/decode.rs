//! Decoding alone, beside serde_json over borrowed structs of the same fields.

use std::borrow::Cow;
use std::fmt::Write;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;

use millstream::decode::{Decoder, Format, json};
use millstream::prelude::*;
use millstream::schema::{Arena, Projection, StreamSchema};
use serde::Deserialize;

/// A pipeline's use of some fields.
macro_rules! uses {
    ($name:ident: $($field:literal),*) => {
        struct $name;
        impl Projection for $name {
            const NAMES: &'static [&'static str] = &[$($field),*];
            const REST: bool = false;
        }
    };
}

#[derive(StreamSchema)]
struct Envelope {
    id: u64,
    reading: Option<Inner>,
    alarm: Option<Alarm>,
    status: Option<Status>,
}

#[derive(StreamSchema)]
struct Inner {
    device: String,
    value: f64,
}

#[derive(StreamSchema)]
struct Alarm {
    device: String,
    level: i64,
}

#[derive(StreamSchema)]
struct Status {
    uptime: u64,
}

uses!(OneVariant: "id", "reading");

#[derive(Deserialize)]
struct SerdeEnvelope<'a> {
    id: u64,
    #[serde(borrow)]
    reading: Option<SerdeInner<'a>>,
}

#[derive(Deserialize)]
struct SerdeInner<'a> {
    device: &'a str,
    value: f64,
}

#[derive(StreamSchema)]
struct Note {
    id: u64,
    text: String,
    path: String,
}

uses!(WholeNote: "id", "text", "path");

#[derive(Deserialize)]
struct SerdeNote<'a> {
    id: u64,
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(borrow)]
    path: Cow<'a, str>,
}

#[derive(StreamSchema)]
struct Three {
    field_05: f64,
    field_20: i64,
    field_33: String,
}

uses!(Six: "device_id", "ts", "temperature", "country", "status", "seq");
uses!(AllThree: "field_05", "field_20", "field_33");

#[derive(Deserialize)]
struct SerdeThree<'a> {
    field_05: f64,
    field_20: i64,
    field_33: &'a str,
}

/// Records, and how they are decoded: each goes over all of them.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) ours: Box<dyn FnMut()>,
    serde: Box<dyn Fn()>,
}

impl Row {
    fn new<T, P>(name: &'static str, records: Vec<Vec<u8>>, serde: impl Fn(&[u8]) + 'static) -> Self
    where
        T: StreamSchema,
        P: Projection,
    {
        let decoder = json().decoder::<T, P>();
        let (mut arena, mut scratch) = (Arena::new(), Default::default());
        let records = Rc::new(records);
        let same = Rc::clone(&records);
        let ours = move || {
            arena.reset();
            for record in records.iter() {
                // As the engine does, a chunk at a time: it is known to be text.
                let (text, mut at) = (std::str::from_utf8(record).unwrap(), 0);
                black_box(decoder.next_known(record, Some(text), &mut at, &arena, &mut scratch).unwrap().is_some());
            }
        };
        Self { name, ours: Box::new(ours), serde: Box::new(move || same.iter().for_each(|record| serde(record))) }
    }

    /// What the decoder takes to what serde_json does; of both the best of some rounds in turns.
    pub(crate) fn ratio(&mut self) -> f64 {
        let mut best = [f64::MAX; 2];
        for _ in 0..40 {
            for (best, work) in best.iter_mut().zip([&mut self.ours as &mut dyn FnMut(), &mut self.serde]) {
                let begun = Instant::now();
                work();
                *best = best.min(begun.elapsed().as_secs_f64());
            }
        }
        best[0] / best[1]
    }
}

/// How many there are of each.
pub(crate) const RECORDS: u64 = 5_000;

/// A number below `limit` from another.
fn scatter(number: u64, limit: u64) -> u64 {
    (number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) % limit
}

fn of(record: impl Fn(u64) -> String) -> Vec<Vec<u8>> {
    (0..RECORDS).map(|number| record(number).into_bytes()).collect()
}

/// All of them; `six_serde` is how serde_json decodes a line of `reading`.
pub(crate) fn rows(six_serde: fn(&[u8]) -> f64, reading: impl Fn(u64) -> Vec<String>) -> Vec<Row> {
    let mut rows = Vec::new();
    let envelopes = of(|n| {
        let device = scatter(n, 10_000);
        format!(
            "{{\"id\":{n},\"meta\":{{\"source\":\"gateway-{}\",\"tags\":[\"a\",\"b\",{{\"c\":[1,2,3]}}]}},\
             \"alarm\":{{\"device\":\"device-{device:06}\",\"level\":{}}},\"status\":{{\"uptime\":{}}},\
             \"reading\":{{\"device\":\"device-{device:06}\",\"value\":{}.{}}}}}",
            n % 7,
            n % 5,
            n * 1_000,
            n % 40,
            n % 10
        )
    });
    rows.push(Row::new::<Envelope, OneVariant>("nested, one of three variants used", envelopes, move |record| {
        let row: SerdeEnvelope<'_> = serde_json::from_slice(record).unwrap();
        black_box((row.id, row.reading.map(|inner| (inner.device.len(), inner.value))));
    }));
    let notes = of(|n| {
        format!(
            "{{\"id\":{n},\"text\":\"a \\\"quoted\\\" word\\nand a line, \\u00e4 {n}\",\"path\":\"C:\\\\data\\\\{}\\\\in.json\"}}",
            n % 100
        )
    });
    rows.push(Row::new::<Note, WholeNote>("strings with escapes", notes, move |record| {
        let row: SerdeNote<'_> = serde_json::from_slice(record).unwrap();
        black_box((row.id, row.text.len(), row.path.len()));
    }));
    let lines = reading(RECORDS);
    let shuffled = of(|n| shuffled(&lines[n as usize], n));
    rows.push(Row::new::<crate::jobs::Reading, Six>("fields in random order", shuffled, move |record| {
        black_box(six_serde(record));
    }));
    let wide = of(|n| {
        let mut record = String::from("{");
        for field in 0..40 {
            let comma = if field == 0 { "" } else { "," };
            match field % 3 {
                0 => write!(record, "{comma}\"field_{field:02}\":\"text-{}\"", scatter(n + field, 1_000)),
                1 => write!(record, "{comma}\"field_{field:02}\":{}.{}", scatter(n + field, 90), n % 100),
                _ => write!(record, "{comma}\"field_{field:02}\":{}", scatter(n + field, 100_000)),
            }
            .unwrap();
        }
        // Fields 5, 20 and 33 are an integer, an integer and text.
        record + "}"
    });
    rows.push(Row::new::<Three, AllThree>("40 fields of which 3 are used", wide, move |record| {
        let row: SerdeThree<'_> = serde_json::from_slice(record).unwrap();
        black_box((row.field_05, row.field_20, row.field_33.len()));
    }));
    let plain: Vec<Vec<u8>> = lines.iter().map(|line| line.clone().into_bytes()).collect();
    rows.push(Row::new::<crate::jobs::Reading, Six>("six fields of eleven, 1 % selected", plain, move |record| {
        black_box(six_serde(record) > 39.5);
    }));
    let spaced = lines.iter().map(|line| line.replace("\":", "\": ").replace(",\"", ", \"").into_bytes()).collect();
    rows.push(Row::new::<crate::jobs::Reading, Six>("the same, with spaces as Python writes", spaced, move |record| {
        black_box(six_serde(record));
    }));
    rows
}

/// The same record with its fields in an order of its own.
fn shuffled(line: &str, number: u64) -> String {
    let mut fields: Vec<&str> = line.trim_matches(['{', '}']).split(",\"").collect();
    for at in 0..fields.len() {
        let other = scatter(number * 31 + at as u64, fields.len() as u64) as usize;
        fields.swap(at, other);
    }
    let fields: Vec<String> = fields.iter().map(|field| format!("\"{}", field.trim_start_matches('"'))).collect();
    format!("{{{}}}", fields.join(","))
}
