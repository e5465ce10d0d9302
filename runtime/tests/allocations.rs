//! In steady state an event costs no allocation: what an epoch allocates depends on its keys and chunks, not on its rows.
//!
//! A binary of its own, as it counts with the global allocator.
#![allow(missing_docs)]

use allocation_counter::measure;
use millstream::prelude::*;

/// Every kind of view that points into the record or into the arena.
#[derive(StreamSchema)]
struct Reading {
    device_id: String,
    #[stream(event_time)]
    ts: Timestamp,
    temperature: f64,
    note: Option<String>,
    tags: Vec<String>,
    price: Decimal<18, 4>,
    took: Duration,
}

const KEYS: u64 = 64;
const ROWS: u64 = 8_000;
/// What growing buffers of a chunk may take: they double.
const PER_CHUNK: u64 = 16;

/// Readings of a minute, each key's time and again; every eighth has escapes to be undone.
fn records(minute: u64, rows: u64) -> Vec<Vec<u8>> {
    let record = |row: u64| {
        let (key, second) = (row % KEYS, row * 60 / rows);
        let note = if row.is_multiple_of(8) { "a \\\"quoted\\\" word" } else { "plain" };
        format!(
            "{{\"device_id\":\"device-{key:06}\",\"ts\":\"2025-01-01T00:{minute:02}:{second:02}Z\",\
             \"temperature\":{}.5,\"note\":\"{note}\",\"tags\":[\"a\",\"b\"],\"price\":{}.25,\"took\":\"15ms\"}}",
            row % 40,
            row % 7,
        )
    };
    (0..rows).map(|row| record(row).into_bytes()).collect()
}

fn pipeline() -> Pipeline {
    pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | filter temperature > 5.0 && tags.len() == 2 && note.is_some()
        | watermark 10s
        | group_by { device_id, window = tumbling(1min) }
        | agg {
            n = count(), mean = avg(temperature), total = sum(price), took = avg(took),
            cheapest = min_by(temperature, price), prices = max(price)
        }
        | select { device_id, start = window.start, n, mean, total, took, cheapest, prices }
        | sink collect()
    }
}

#[test]
fn allocations_do_not_grow_with_the_number_of_events() {
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(1)))).count_total, 1, "the counter counts");

    let pipeline = pipeline();
    let mut run = pipeline.test();
    let mut epoch = |minute: u64, rows: u64| {
        let records = records(minute, rows);
        let pushed = measure(|| {
            run.push(records).unwrap();
        });
        let ended = measure(|| {
            run.end_epoch().unwrap();
        });
        run.batches();
        (pushed.count_total, ended.count_total)
    };
    // The largest first, so that tables and the arena have their size.
    epoch(0, 4 * ROWS);
    epoch(1, 4 * ROWS);
    let (few, few_ended) = epoch(2, ROWS);
    let (many, many_ended) = epoch(3, 4 * ROWS);
    println!("{ROWS} rows: {few} + {few_ended}, {} rows: {many} + {many_ended}", 4 * ROWS);
    assert!(many.abs_diff(few) <= PER_CHUNK, "{ROWS} rows: {few} allocations, {} rows: {many}", 4 * ROWS);
    assert_eq!(few_ended, many_ended, "at the end of an epoch");
    // A key is allocated where it is new, and its entry nowhere.
    assert!(few <= KEYS + 3 * PER_CHUNK, "{few} allocations for {KEYS} keys");
}

#[test]
fn rows_go_to_a_sink_without_allocations() {
    let pipeline = pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | filter temperature > 5.0
        | select { device_id, ts, temperature, note, fahrenheit = temperature * 1.8 + 32.0, price, took }
        | sink collect()
    };
    let mut run = pipeline.test();
    let mut push = |rows: u64| {
        let records = records(0, rows);
        let pushed = measure(|| {
            run.push(records).unwrap();
        });
        run.end_epoch().unwrap();
        run.batches();
        pushed.count_total
    };
    push(64_000);
    let (few, many) = (push(16_000), push(64_000));
    // A batch has 8192 rows: its builders, arrays and buffers, five of each at most for every column.
    let batches = (64_000 - 16_000) / 8_192 + 1;
    println!("16000 rows: {few}, 64000 rows: {many}");
    assert!(many - few <= batches * 35 + PER_CHUNK, "16000 rows: {few} allocations, 64000 rows: {many}");
}
