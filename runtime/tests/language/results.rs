//! An expression that is a `Result`: an `Err` sends its row to the policy of `decode`.

use std::num::ParseIntError;

use millstream::decode::Fault;
use millstream::prelude::*;

#[derive(StreamSchema)]
struct Reading {
    device: String,
    value: String,
    at: String,
    #[stream(event_time)]
    ts: Timestamp,
}

fn reading(device: &str, value: &str, at: &str) -> String {
    format!(r#"{{"device":"{device}","value":"{value}","at":"{at}","ts":"2026-01-01T00:00:00Z"}}"#)
}

fn number(text: &str) -> Result<i64, ParseIntError> {
    text.parse()
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| format!("`{text}` is no time"))
}

#[derive(StreamSchema, Debug, PartialEq)]
struct Out {
    device: String,
    value: i64,
}

fn out(device: &str, value: i64) -> Out {
    Out { device: device.into(), value }
}

const GOOD: &str = "2026-01-01T00:00:00Z";

#[test]
fn f_031_fail_says_what_where_and_why() {
    let pipeline = pipeline! {
        from memory([""]) | decode json as Reading | select { device, value = number(value) } | sink collect()
    };
    let mut run = pipeline.test();
    let error = run.push([reading("a", "1", GOOD), reading("b", "x", GOOD)]).err().unwrap().to_string();
    for part in ["a row cannot be computed", "column `value`: invalid digit found in string", "position 1", "else skip"]
    {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn f_031_skip_counts_the_row_and_keeps_the_others() {
    let pipeline = pipeline! {
        from memory([""])
        | decode json(lines) as Reading else skip
        | select { device, value = number(value) }
        | sink collect()
    };
    let mut run = pipeline.test();
    let lines = [reading("a", "1", GOOD), reading("b", "x", GOOD), reading("c", "y", GOOD), reading("d", "4", GOOD)];
    run.push([lines.join("\n"), "bad".to_owned()]).unwrap().end().unwrap();
    assert_eq!(run.rows::<Out>().unwrap(), [out("a", 1), out("d", 4)]);
    let counts = run.counts();
    assert_eq!((counts.rows, counts.skipped), (5, 3));
}

#[test]
fn f_031_a_dead_letter_has_the_record_and_the_column() {
    let pipeline = pipeline! {
        from memory([""])
        | decode json as Reading else dead_letter(collect())
        | select { .., value = number(value) }
        | filter value > 0
        | select { device, value }
        | sink collect()
    };
    let mut run = pipeline.test();
    run.push([reading("a", "1", GOOD), reading("b", "x", GOOD), reading("c", "0", GOOD)]).unwrap().end().unwrap();
    assert_eq!(run.rows::<Out>().unwrap(), [out("a", 1)]);
    let letters = run.dead_letters();
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!(letter.raw, reading("b", "x", GOOD).into_bytes());
    assert_eq!((letter.column.as_str(), letter.code.as_str()), ("value", "EXPRESSION"));
    assert_eq!(letter.error, "column `value`: invalid digit found in string (EXPRESSION)");
    assert_eq!((run.counts().dead, run.counts().filtered, run.counts().rows), (1, 1, 3));
}

#[test]
fn in_every_stage_before_the_group() {
    fn hot(value: &str) -> Result<bool, ParseIntError> {
        number(value).map(|value| value > 10)
    }
    fn parts(text: &str) -> Result<Vec<i64>, ParseIntError> {
        text.split('-').map(str::parse).collect()
    }
    fn bucket(value: i64) -> Result<i64, &'static str> {
        if value == 13 { Err("13 is in no bucket") } else { Ok(value / 10) }
    }
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Bucket {
        bucket: i64,
        n: i64,
        sum: i64,
    }
    let pipeline = pipeline! {
        from memory([""])
        | decode json as Reading else dead_letter(collect())
        | filter hot(device)
        | explode part = parts(value)
        | watermark instant(at) 10s
        | group_by { bucket = bucket(part), w = tumbling(instant(at), 1min) }
        | agg { n = count(), sum = sum(if part == 42 { Err("42 is no summand") } else { Ok(part) }) }
        | drop { w }
        | sink collect() as Bucket
    };
    let mut run = pipeline.test();
    run.push([
        reading("11", "12-19-13-20", GOOD),
        reading("x", "1", GOOD),
        reading("2", "1", GOOD),
        reading("11", "1-x", GOOD),
        reading("11", "42", GOOD),
        reading("11", "21", "noon"),
    ])
    .unwrap()
    .end()
    .unwrap();
    let mut rows = run.rows::<Bucket>().unwrap();
    rows.sort_by_key(|row| row.bucket);
    assert_eq!(rows, [Bucket { bucket: 1, n: 2, sum: 31 }, Bucket { bucket: 2, n: 1, sum: 20 }]);
    let letters: Vec<_> = run.dead_letters().into_iter().map(|letter| letter.error).collect();
    assert_eq!(
        letters,
        [
            "column `bucket`: 13 is in no bucket (EXPRESSION)",
            "invalid digit found in string (EXPRESSION)",
            "column `part`: invalid digit found in string (EXPRESSION)",
            "column `sum`: 42 is no summand (EXPRESSION)",
            "`noon` is no time (EXPRESSION)",
        ]
    );
    let counts = run.counts();
    assert_eq!((counts.rows, counts.filtered, counts.dead), (9, 1, 5), "3 rows used");
}

#[test]
fn before_decode_the_record_is_a_row() {
    fn open(data: &[u8]) -> Result<&[u8], String> {
        data.strip_prefix(b"v1 ").ok_or_else(|| "not version 1".to_owned())
    }
    let pipeline = pipeline! {
        from memory([""])
        | select { data = open(data) }
        | decode text else dead_letter(collect())
        | sink collect()
    };
    let mut run = pipeline.test();
    run.push(["v1 a", "v2 b", "v1 c"]).unwrap().end().unwrap();
    assert_eq!(run.batches().iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
    let letters = run.dead_letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].raw, b"v2 b");
    assert_eq!((run.counts().rows, run.counts().dead), (3, 1));
}

/// There is no record behind a group, so nothing could be skipped.
#[test]
fn after_a_group_the_run_ends() {
    let pipeline = pipeline! {
        from memory([""])
        | decode json as Reading else skip
        | watermark 10s
        | group_by { device, w = tumbling(1min) }
        | agg { value = last(value) }
        | select { device, value = number(value) }
        | sink collect() as Out
    };
    let mut run = pipeline.test();
    run.push([reading("a", "1", GOOD), reading("b", "x", GOOD)]).unwrap();
    let error = run.end().err().unwrap().to_string();
    assert!(error.contains("a row after `agg` cannot be computed: column `value`: invalid digit"), "{error}");
    assert!(error.contains(".unwrap_or(..)"), "{error}");
}

#[test]
fn a_fault_of_an_expression_speaks_for_itself() {
    let fault = Fault::computed("too hot").within("temperature");
    assert_eq!(fault.to_string(), "column `temperature`: too hot (EXPRESSION)");
    assert_eq!((fault.code(), fault.column(), fault.offset()), ("EXPRESSION", "temperature", 0));
}
