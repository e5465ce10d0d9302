//! Pipelines of every shape compile, and their rows have the columns they should have.
#![deny(warnings)] // What the macro writes must not warn.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod shared;

use std::collections::HashSet;
use std::time::Duration;

use millstream::{Pipeline, pipeline};
use shared::{Reading, ReadingView};

const NONE: [&str; 0] = [];

#[test]
fn the_flagship() {
    let threshold = 20.0;
    let rows = millstream::sink::collect();
    let pipeline: Pipeline = pipeline! {
        from memory(["{}"])
        | decode json as Reading else skip
        | filter temperature > {threshold}
        | watermark 10s
        | group_by { device_id, window = tumbling(1min) }
        | agg { n = count(), mean = avg(temperature), c = last(country) }
        | filter n > 1
        | select { .., date = window.start.date() }
        | sink rows.clone()
    };
    let _ = pipeline;
}

#[test]
fn a_whole_row() {
    let rows = millstream::sink::collect();
    let _ = pipeline! { from memory(NONE) | decode json as Reading | sink rows };
}

#[test]
fn rows_of_a_format() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from memory(["a", "b"])
        | decode text
        | filter line.len() > 2 || line.starts_with("a") && record.index > 0
        | select { line, length = line.len() as u64, upper = line.to_uppercase(), at = record.index }
        | sink rows
    };
}

#[test]
fn raw_records() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from memory(["a", "b"])
        | filter index > 1
        | select { data, index = index + 1, size = 64kib }
        | decode text else dead_letter(millstream::sink::collect())
        | select { line }
        | sink rows.clone()
    };
    let _ = pipeline! { from memory(["a", "b"]) | filter data.len() > 3 | select { index, length = data.len() as u64 } | sink rows };
}

#[test]
fn columns_beside_a_schema() {
    let rows = millstream::sink::collect();
    let names = HashSet::from(["a".to_owned()]);
    let fallback = String::from("none");
    let _ = pipeline! {
        from memory(NONE)
        | decode json as Reading else fail
        | filter {names}.contains(device_id) || {names}.is_empty()
        | select { .., temperature = temperature * 1.8 + 32.0, later = ts + 5min, land = country.unwrap_or(&{fallback}) }
        | drop { country }
        | filter temperature > 1.0 && later > ts && land != {fallback}
        | sink {rows.clone()}
    };
    let _ = pipeline! { from memory(NONE) | decode json as Reading | drop { ts, country } | sink {rows.clone()} };
    let _ = pipeline! {
        from memory(NONE)
        | decode json as Reading
        | select { .., a = 1, b = 2 }
        | drop { a }
        | select { b, device_id }
        | sink {rows}
    };
}

#[test]
fn windows() {
    let rows = millstream::sink::collect();
    let size = Duration::from_secs(60);
    let _ = pipeline! {
        from memory(NONE)
        | decode json as Reading
        | watermark ts {size}
        | group_by { land = country.unwrap_or("none").to_uppercase(), w = sliding(ts, 10min, every = 1min), device_id } name "per land"
        | agg { n = count(), hot = count_if(temperature > 30.0), max = max(temperature.min(100.0)) }
        | sink rows
    };
}

#[test]
fn groups_of_groups() {
    let rows = millstream::sink::collect();
    let factor = 2.0;
    let least = 3;
    let _ = pipeline! {
        from memory(NONE)
        | decode json as Reading
        | watermark 10s
        | group_by { device_id, w = tumbling(1min) } name "per minute"
        | agg { n = count(), mean = avg(temperature * {factor}) }
        | filter n > {least}
        | group_by { device = device_id, w = tumbling(1h) } name "per hour"
        | agg { n = sum(n), best = max(mean), of = count() }
        | group_by { all = tumbling(w.start, 1d) } name "per day"
        | agg { n = count(), best = max(best * {factor}) }
        | select { n, best, day = all.start.date() }
        | sink rows
    };
}

#[test]
fn modes_and_groups_without_a_window() {
    let rows = millstream::sink::collect();
    let ttl = Duration::from_secs(60);
    let _ = pipeline! {
        from memory(NONE) | decode json as Reading | watermark 10s
        | group_by { device_id } ttl {ttl} else dead_letter(millstream::sink::collect()) name "per device"
        | agg { n = count(), mean = avg(temperature) }
        | filter n > 1
        | sink {rows.clone()}
    };
    let _ = pipeline! {
        from memory(NONE) | decode json as Reading
        | group_by { ttl = country, never = device_id } ttl never
        | agg { name = count(), mode = last(temperature) }
        | sink {rows.clone()} mode = update
    };
    let _ = pipeline! {
        from memory(NONE) | decode json as Reading
        | group_by { w = tumbling(ts, 1min) }
        | agg { n = count() }
        | sink console() mode = complete
    };
    let _ = pipeline! {
        from memory(NONE) | decode text | agg { n = count(), longest = max(line.len() as u64) } name "all lines"
        | select { .., twice = n * 2 }
        | sink {rows.clone()} mode = update
    };
    let _ = pipeline! { from memory(["a"]) | agg { n = count(), last = last(index) } | sink {rows.clone()} mode = complete };
    // After groups with a time to live, time is where that has run out.
    let _ = pipeline! {
        from memory(NONE) | decode json as Reading | watermark 10s
        | group_by { device_id } ttl 1h else fail name "visits" | agg { n = count() }
        | group_by { w = tumbling(1d) } name "per day" | agg { visits = count(), rows = sum(n) }
        | sink rows
    };
}

#[test]
fn items_of_lists() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from memory(NONE)
        | decode text
        | explode word = line.split(' ')
        | filter !word.is_empty()
        | explode outer letter = word.chars().map(u32::from)
        | select { word, letter }
        | sink rows.clone()
    };
    let _ = pipeline! {
        from memory(NONE)
        | decode json as Reading
        | explode part = device_id.split('-')
        | watermark 10s
        | group_by { part, w = tumbling(1min) } | agg { n = count() }
        | sink rows
    };
}

#[test]
fn a_declared_row() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from memory(NONE)
        | decode json as Reading
        | select { temperature = 1.0, ts, country, device_id } as Reading
        | sink {rows.clone()} as Reading mode = append
    };
    let _ = pipeline! { from memory(NONE) | decode json as Reading | sink rows as Reading };
}

#[test]
fn streams_with_names() {
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        let readings = from memory(NONE) | decode json as Reading | watermark 10s;
        from readings | filter temperature > 1.0 | select { device_id, ts } | sink rows
    };
}

#[test]
fn names_of_a_users_own() {
    fn nats(records: [&str; 2]) -> millstream::source::memory::Memory {
        millstream::source::memory(records)
    }
    fn hotter<T>(value: T) -> T {
        value
    }
    // An argument's name is the user's, although there is an aggregate of that name.
    fn max(a: f64, b: f64) -> f64 {
        if a > b { a } else { b }
    }
    mod own {
        pub(super) use millstream::agg::avg as mean;
    }
    let rows = millstream::sink::collect();
    let _ = pipeline! {
        from nats(["a", "b"])
        | decode json as Reading
        | watermark 10s
        | group_by { device_id, w = tumbling(1min) }
        | agg { a = own::mean(max(temperature, 1.0)), b = max(hotter(max(temperature, 2.0))) }
        | sink rows
    };
}

#[test]
fn a_pipeline_is_a_value() {
    fn build(rows: &millstream::sink::collect::Collect, least: f64) -> Pipeline {
        pipeline! { from memory(["{}"]) | decode json as Reading | filter temperature >= {least} | select { ts } | sink {rows.clone()} }
    }
    let rows = millstream::sink::collect();
    let _ = [build(&rows, 1.0), build(&rows, 2.0)];
    let _: Option<ReadingView<'_>> = None;
}

/// Rows in are rows used and rows left out, also where one record has many rows.
#[test]
fn the_account_adds_up() {
    let rows = millstream::sink::collect();
    let account = |pipeline: Pipeline| {
        let summary = pipeline.run_blocking().unwrap();
        let counts = summary.rows;
        let sum = summary.used() + counts.filtered + counts.late + counts.skipped + counts.dead;
        assert_eq!(counts.rows, sum, "{summary}");
        (counts.rows, counts.filtered, counts.skipped)
    };
    let exploded = pipeline! {
        from memory(["a b a", "", "b"])
        | decode text
        | explode word = line.split(' ')
        | filter word == "b"
        | explode outer letter = word.chars().map(u32::from)
        | select { letter }
        | sink {rows.clone()}
    };
    assert_eq!((account(exploded), rows.len()), ((5, 3, 0), 2));
    let good = r#"{"device_id":"a","ts":"2026-01-01T00:00:00Z","temperature":1}"#;
    let lines = format!("{good}\n{good}\nbad");
    let several = pipeline! {
        from memory([lines.clone(), lines])
        | decode json(lines) as Reading else skip
        | filter temperature > 2.0
        | sink {rows}
    };
    assert_eq!(account(several), (6, 4, 2));
}
