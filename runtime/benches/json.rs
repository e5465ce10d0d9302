//! Nanoseconds per record of decoding JSON, here and with serde_json: `cargo bench -p millstream --bench json`.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/json/schema.rs"]
mod schema;

use std::hint::black_box;
use std::time::Instant;

use millstream::decode::{Decoder, Format, json};
use millstream::schema::Arena;
use millstream::schema::{All, Projection};
use millstream::time::Timestamp;

schema!(Reading ReadingView {
    0 "device_id" device_id: String,
    1 "ts" ts: Timestamp,
    2 "temperature" temperature: f64,
    3 "humidity" humidity: f64,
    4 "country" country: Option<String>,
    5 "status" status: String,
    6 "battery" battery: i64,
    7 "firmware" firmware: String,
    8 "seq" seq: u64,
    9 "lat" lat: f64,
    10 "lon" lon: f64,
});

struct Used;
impl Projection for Used {
    const NAMES: &'static [&'static str] = &["device_id", "ts", "temperature", "country", "status", "seq"];
    const REST: bool = false;
}

#[derive(serde::Deserialize)]
#[allow(dead_code)]
struct SixFields<'a> {
    device_id: &'a str,
    ts: &'a str,
    temperature: f64,
    country: Option<&'a str>,
    status: &'a str,
    seq: u64,
}

#[derive(serde::Deserialize)]
#[allow(dead_code)]
struct AllFields<'a> {
    device_id: &'a str,
    ts: &'a str,
    temperature: f64,
    humidity: f64,
    country: Option<&'a str>,
    status: &'a str,
    battery: i64,
    firmware: &'a str,
    seq: u64,
    lat: f64,
    lon: f64,
}

fn records() -> Vec<Vec<u8>> {
    let mut state = 42u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    (0..4_000)
        .map(|seq| {
            format!(
                "{{\"device_id\":\"dev-{:05}\",\"ts\":\"2026-01-02T{:02}:{:02}:{:02}.{:03}Z\",\"temperature\":{}.{},\
                 \"humidity\":0.{:03},\"country\":\"{}\",\"status\":\"ok\",\"battery\":{},\"firmware\":\"1.4.{}\",\
                 \"seq\":{},\"lat\":{}.{:06},\"lon\":{}.{:06}}}",
                random(100_000),
                random(24),
                random(60),
                random(60),
                random(1_000),
                random(40),
                random(10),
                random(1_000),
                ["US", "DE", "FR", "JP"][random(4) as usize],
                random(101),
                random(30),
                seq * 1_000 + random(1_000),
                random(90),
                random(1_000_000),
                random(180),
                random(1_000_000),
            )
            .into_bytes()
        })
        .collect()
}

/// The best of several rounds, in nanoseconds per record.
fn measure(name: &str, records: &[Vec<u8>], mut round: impl FnMut(&[Vec<u8>])) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..60 {
        let start = Instant::now();
        round(black_box(records));
        best = best.min(start.elapsed().as_nanos() as f64 / records.len() as f64);
    }
    println!("{name:<44} {best:>8.1} ns");
    best
}

fn ours<D: Decoder>(decoder: &D, records: &[Vec<u8>], arena: &mut Arena) {
    let mut scratch = D::Scratch::default();
    arena.reset();
    for record in records {
        let (payload, mut at) = (record.as_slice(), 0);
        while let Some(row) = decoder.next(payload, &mut at, arena, &mut scratch).unwrap() {
            black_box(row);
        }
    }
}

fn main() {
    let records = records();
    let bytes: usize = records.iter().map(Vec::len).sum();
    println!("{} records of {} bytes on average, 11 fields", records.len(), bytes / records.len());
    let mut arena = Arena::new();
    let used = json().decoder::<Reading, Used>();
    let all = json().decoder::<Reading, All>();

    let serde = measure("serde_json, borrowed, 6 of 11 fields", &records, |records| {
        for record in records {
            black_box(serde_json::from_slice::<SixFields<'_>>(record).unwrap());
        }
    });
    let serde_time = measure("serde_json, the same, and the time parsed", &records, |records| {
        for record in records {
            let row = serde_json::from_slice::<SixFields<'_>>(record).unwrap();
            black_box(Timestamp::parse_rfc3339(row.ts).unwrap());
            black_box(row);
        }
    });
    let six = measure("millstream, 6 of 11 fields, time parsed", &records, |records| ours(&used, records, &mut arena));
    println!("{:>53.2} times as fast ({:.2} with the time parsed by both)", serde / six, serde_time / six);

    let serde = measure("serde_json, borrowed, 11 fields", &records, |records| {
        for record in records {
            let row = serde_json::from_slice::<AllFields<'_>>(record).unwrap();
            black_box(Timestamp::parse_rfc3339(row.ts).unwrap());
            black_box(row);
        }
    });
    let eleven = measure("millstream, 11 fields", &records, |records| ours(&all, records, &mut arena));
    println!("{:>53.2} times as fast", serde / eleven);
}
