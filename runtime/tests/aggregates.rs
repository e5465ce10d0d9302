//! Every aggregate over every kind of column that it takes, in whole pipelines.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fmt::Debug;

use millstream::prelude::*;
use millstream::schema::StreamSchema;

#[derive(StreamSchema, Debug)]
struct Reading {
    #[stream(event_time)]
    ts: Timestamp,
    device: String,
    room: Option<String>,
    level: Option<Level>,
    temperature: Option<f64>,
    steps: i64,
    on: bool,
    since: Option<Timestamp>,
    day: Date,
    tags: Vec<String>,
}

#[derive(StreamSchema, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[stream(rename_all = "lowercase")]
enum Level {
    Low,
    Medium,
    High,
}

/// A reading of a second of the first minute; `fields` are added, and replace those of the same name.
fn reading(second: u64, fields: &str) -> String {
    let mut record = serde_json::json!({
        "ts": format!("2025-01-01T00:00:{second:02}Z"), "device": "a", "steps": second, "on": second.is_multiple_of(2),
        "day": "2025-01-01", "tags": ["x", "y"],
    });
    let fields: serde_json::Value = serde_json::from_str(&format!("{{{fields}}}")).unwrap();
    for (name, value) in fields.as_object().unwrap() {
        record[name] = value.clone();
    }
    record.to_string()
}

/// What a pipeline makes of records of one minute.
fn rows<T: StreamSchema>(pipeline: &Pipeline, records: &[String]) -> Vec<T> {
    let mut run = pipeline.test();
    run.push(records.iter().cloned()).unwrap();
    run.end().unwrap();
    run.rows().unwrap()
}

/// The only row.
fn row<T: StreamSchema + Debug>(pipeline: &Pipeline, records: &[String]) -> T {
    let mut rows = rows(pipeline, records);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

/// Such as `agg!(a = min(x), b = max(x))`.
macro_rules! agg {
    ($($items:tt)*) => {
        pipeline! {
            from memory(["{}"])
            | decode json as Reading
            | watermark 10s
            | group_by { device, w = tumbling(1min) }
            | agg { $($items)* }
            | drop { w }
            | sink collect()
        }
    };
}

#[test]
fn extremes_of_every_plain_type() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Out {
        room: Option<String>,
        highest: Option<Level>,
        lowest: Option<Level>,
        on: bool,
        since: Option<Timestamp>,
        day: Date,
        before: Option<Level>,
        after: Option<String>,
    }
    let pipeline = agg!(
        room = max(room),
        highest = max(level),
        lowest = min(level),
        on = max(on),
        since = min(since),
        day = max(day),
        before = first(level),
        after = last(room)
    );
    let found: Out = row(
        &pipeline,
        &[
            reading(1, r#""room": "b", "level": "medium", "since": "2024-01-01T00:00:00Z""#),
            reading(3, r#""room": "c", "day": "2025-02-01""#),
            reading(5, r#""level": "high", "since": "2023-01-01T00:00:00Z""#),
            reading(7, r#""room": "a", "level": "low""#),
        ],
    );
    // Enums are ordered as declared, not by their text.
    let expected = Out {
        room: Some("c".to_owned()),
        highest: Some(Level::High),
        lowest: Some(Level::Low),
        on: false,
        since: Timestamp::parse_rfc3339("2023-01-01T00:00:00Z"),
        day: Date::parse("2025-02-01").unwrap(),
        before: Some(Level::Medium),
        after: Some("a".to_owned()),
    };
    assert_eq!(found, expected);
}

#[test]
fn extremes_by_another_column() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Out {
        coldest: Option<i64>,
        hottest: Option<i64>,
        room: Option<String>,
        earliest: i64,
    }
    let pipeline = agg!(
        coldest = min_by(steps, temperature),
        hottest = max_by(steps, temperature),
        room = max_by(room, steps),
        earliest = min_by(steps, on)
    );
    let found: Out = row(
        &pipeline,
        &[
            // Rows without `by` are skipped; equal ones go by event time, whatever the order of arrival.
            reading(9, r#""temperature": 1.0, "on": true"#),
            reading(8, r#""temperature": 1.0, "room": "x", "on": true"#),
            reading(7, r#""temperature": 5.5, "on": true"#),
            reading(6, r#""room": "y", "on": false"#),
            reading(5, r#""temperature": 2.0, "on": false"#),
        ],
    );
    // The value may be null: the row of most steps has no room.
    assert_eq!(found, Out { coldest: Some(8), hottest: Some(7), room: None, earliest: 5 });
}

#[test]
fn nothing_but_nulls() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Out {
        least: Option<i64>,
        rooms: i64,
        list: Vec<f64>,
        mean: Option<f64>,
        total: Option<f64>,
    }
    let pipeline = agg!(
        least = min_by(steps, temperature),
        rooms = count_distinct(room),
        list = collect(temperature),
        mean = avg(temperature),
        total = sum(temperature)
    );
    let found: Out = row(&pipeline, &[reading(1, ""), reading(2, "")]);
    assert_eq!(found, Out { least: None, rooms: 0, list: Vec::new(), mean: None, total: None });
}

#[test]
fn distinct_values() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Out {
        rooms: i64,
        levels: i64,
        temperatures: i64,
        lengths: i64,
        days: i64,
    }
    let pipeline = agg!(
        rooms = count_distinct(room),
        levels = count_distinct(level),
        // The zeros are one value, and so are all NaN.
        temperatures = count_distinct(temperature.map(|t| if t > 90.0 { f64::NAN } else { t })),
        lengths = count_distinct(tags.len() as u64),
        days = count_distinct(day)
    );
    let found: Out = row(
        &pipeline,
        &[
            reading(1, r#""room": "a", "temperature": 0.0, "level": "low""#),
            reading(2, r#""room": "b", "temperature": -0.0, "tags": []"#),
            reading(3, r#""room": "a", "temperature": 91.0"#),
            reading(4, r#""room": "", "temperature": 92.0, "level": "low", "day": "2025-03-01""#),
        ],
    );
    assert_eq!(found, Out { rooms: 3, levels: 1, temperatures: 2, lengths: 2, days: 2 });
}

#[test]
fn lists_are_in_the_order_of_events() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Out {
        steps: Vec<i64>,
        rooms: Vec<String>,
        levels: Vec<Level>,
        first: String,
        n: i64,
    }
    let pipeline = pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | watermark 10s
        | group_by { w = tumbling(1min) }
        | agg { steps = collect(steps), rooms = collect(room), levels = collect(level) }
        | select { steps, rooms, levels, first = rooms[0], n = rooms.iter().filter(|room| room.len() > 1).count() as i64 }
        | sink collect()
    };
    let found: Out = row(
        &pipeline,
        &[
            reading(5, r#""room": "five""#),
            reading(3, r#""room": "three", "level": "high""#),
            reading(4, r#""level": "low""#),
            reading(3, r#""room": "3", "steps": 33"#),
        ],
    );
    let rooms = ["three", "3", "five"].map(str::to_owned).to_vec();
    let expected =
        Out { steps: vec![3, 33, 4, 5], rooms, levels: vec![Level::High, Level::Low], first: "three".to_owned(), n: 2 };
    assert_eq!(found, expected);
}

#[test]
fn rows_of_one_record_keep_their_order() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Out {
        all: Vec<String>,
        first: String,
        last: String,
    }
    let pipeline = pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | watermark 10s
        | explode tag = tags.iter().copied()
        | group_by { w = tumbling(1min) }
        | agg { all = collect(tag), first = first(tag), last = last(tag) }
        | drop { w }
        | sink collect()
    };
    let found: Out = row(&pipeline, &[reading(1, r#""tags": ["z", "b", "y", "a"]"#)]);
    let all = ["z", "b", "y", "a"].map(str::to_owned).to_vec();
    assert_eq!(found, Out { all, first: "z".to_owned(), last: "a".to_owned() });
}

#[test]
fn aggregates_of_aggregates() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Out {
        devices: i64,
        busiest: String,
        lists: i64,
        total: i64,
        names: Vec<String>,
    }
    let pipeline = pipeline! {
        from memory(["{}"])
        | decode json as Reading
        | watermark 10s
        | group_by { device, w = tumbling(1min) } name "per minute"
        | agg { n = count(), list = collect(steps), least = min_by(device, steps) }
        | group_by { hour = tumbling(1h) } name "per hour"
        | agg {
            devices = count_distinct(least), busiest = max_by(device, n), lists = sum(list.len() as i64),
            total = sum(list.iter().sum::<i64>()), names = collect(device)
        }
        | drop { hour }
        | sink collect()
    };
    let records: Vec<String> =
        (0..30).map(|second| reading(second, &format!(r#""device": "d{}""#, second % 7))).collect();
    let mut found: Out = row(&pipeline, &records);
    let again: Out = row(&pipeline, &records.iter().rev().cloned().collect::<Vec<_>>());
    assert_eq!(found.names, again.names, "groups of one window have one order");
    found.names.sort();
    let names = (0..7).map(|device| format!("d{device}")).collect();
    // d0 and d1 have five rows each; which of them comes first is in the numbers of the groups.
    assert!(["d0", "d1"].contains(&found.busiest.as_str()) && found.busiest == again.busiest);
    found.busiest.clear();
    assert_eq!(found, Out { devices: 7, busiest: String::new(), lists: 30, total: 435, names });
}

#[test]
fn too_long_a_list_is_an_error() {
    let pipeline = agg!(all = collect(steps));
    let records = vec![reading(1, ""); 1_000];
    let mut run = pipeline.test();
    for _ in 0..101 {
        run.push(records.iter().cloned()).unwrap();
    }
    let Err(error) = run.end() else { panic!("there is a list of 101000 values") };
    assert!(error.to_string().contains("`collect` has 101000 values"), "{error}");
    assert!(error.to_string().contains("window from 2025-01-01T00:00:00Z"), "{error}");
}

#[test]
fn integers_have_exact_means() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Out {
        mean: f64,
    }
    let pipeline = agg!(mean = avg(steps));
    let steps = [i64::MAX, i64::MAX, 1 - i64::MAX, 2 - i64::MAX];
    let records: Vec<String> =
        steps.iter().enumerate().map(|(at, steps)| reading(at as u64, &format!(r#""steps": {steps}"#))).collect();
    let found: Out = row(&pipeline, &records);
    assert_eq!(found, Out { mean: 0.75 });
}

/// Keys that are numbers in the table, those too long for it, and several that are or are not together.
#[test]
fn keys_of_every_length_are_groups_of_their_own() {
    #[derive(StreamSchema, Debug)]
    struct Group {
        device: String,
        room: Option<String>,
        n: i64,
    }
    let pipelines = [
        pipeline! {
            from memory(["{}"]) | decode json as Reading | watermark 10s
            | group_by { device, room, w = tumbling(1min) } | agg { n = count() }
            | select { device, room, n } | sink collect()
        },
        pipeline! {
            from memory(["{}"]) | decode json as Reading | watermark 10s
            | group_by { device, room } ttl 1h | agg { n = count() }
            | select { device, room, n } | sink collect()
        },
    ];
    let rooms = ["null", "\"\"", "\"a\"", "\"aa\"", "\"aaaaaaaaaaaaaaaaaaaaaaaa\""];
    let mut records = Vec::new();
    for second in 0..3 {
        for len in 0..20 {
            for room in rooms {
                let device = "a".repeat(len);
                records.push(reading(second, &format!("\"device\": \"{device}\", \"room\": {room}")));
            }
        }
    }
    for pipeline in &pipelines {
        let groups: Vec<Group> = rows(pipeline, &records);
        let names: BTreeSet<_> = groups.iter().map(|group| (&group.device, &group.room)).collect();
        assert_eq!((groups.len(), names.len()), (100, 100));
        assert!(groups.iter().all(|group| group.n == 3), "{groups:?}");
    }
}
