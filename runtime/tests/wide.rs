//! Many columns, many keys, many aggregates: rows, groups and state have no limit.
#![cfg(feature = "parquet")]
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use millstream::prelude::*;
use millstream::sink::collect;

#[derive(StreamSchema)]
struct Wide {
    #[stream(event_time)]
    ts: Timestamp,
    a: i64,
    b: i64,
    c: Option<String>,
    d: String,
    e: bool,
    f: u8,
    g: i64,
    h: i64,
    i: i64,
    j: i64,
    k: i64,
    l: i64,
    m: i64,
    n: i64,
    o: i64,
    p: i64,
    x: f64,
}

/// Sixteen keys, forty aggregates, and a row of all of them.
fn pipeline(input: &Path, rows: &collect::Collect) -> Pipeline {
    let (input, rows) = (format!("{}/*.ndjson", input.display()), rows.clone());
    pipeline! {
        from file({input})
        | decode json as Wide
        | watermark 10s
        | group_by { a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, w = tumbling(1min) }
        | agg {
            v1 = count(), v2 = sum(a), v3 = sum(x), v4 = avg(x), v5 = min(x), v6 = max(x), v7 = first(x), v8 = last(x),
            v9 = stddev(x), v10 = count_distinct(x), v11 = collect(x), v12 = min_by(d, x), v13 = max_by(d, x),
            v14 = count_if(x > 3.0), v15 = max(c), v16 = collect(c), v17 = sum(b), v18 = sum(g), v19 = sum(h), v20 = sum(i),
            v21 = sum(j), v22 = sum(k), v23 = sum(l), v24 = sum(m), v25 = sum(n), v26 = sum(o), v27 = sum(p), v28 = min(a),
            v29 = min(b), v30 = min(g), v31 = min(h), v32 = min(i), v33 = min(j), v34 = min(k), v35 = min(l), v36 = min(m),
            v37 = min(n), v38 = min(o), v39 = min(p), v40 = count()
        }
        | select { .., w = w.start.secs(), v41 = v1 + v40, v42 = v11.len() as i64 }
        | sink rows
    }
    .max_rows_per_epoch(40)
    .progress_line(false)
}

/// The rows as text, in one order.
fn text(rows: &collect::Collect) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in rows.batches() {
        assert_eq!(batch.num_columns(), 17 + 42);
        for row in 0..batch.num_rows() {
            let cells =
                batch.columns().iter().map(|column| arrow::util::display::array_value_to_string(column, row).unwrap());
            lines.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    lines.sort();
    lines
}

#[test]
fn sixteen_keys_and_forty_aggregates_survive_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    fs::create_dir(&input).unwrap();
    let record = |row: i64| {
        let letters = ["a", "b", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];
        // Only the last key differs between some groups, so each of them counts.
        let numbers: String = letters
            .iter()
            .enumerate()
            .map(|(at, name)| format!(r#""{name}": {}, "#, i64::from(at == 11) * (row % 3)))
            .collect();
        let c = if row % 2 == 0 { "null".to_owned() } else { format!("\"c{}\"", row % 5) };
        let second = row / 4;
        format!(
            r#"{{"ts": "2026-01-01T00:{:02}:{:02}Z", {numbers}"c": {c}, "d": "d", "e": true, "f": 7, "x": {}.5}}"#,
            second / 60,
            second % 60,
            row % 11
        )
    };
    let lines: Vec<String> = (0..600).map(record).collect();
    fs::write(input.join("a.ndjson"), lines.join("\n")).unwrap();

    let whole = collect();
    let summary = pipeline(&input, &whole).checkpoint(folder.path().join("whole")).workers(1).run_blocking().unwrap();
    assert_eq!(summary.rows.rows, 600);
    let expected = text(&whole);
    // Three minutes, three values of `p`, six of `c`.
    assert_eq!(expected.len(), 3 * 3 * 6, "{expected:#?}");

    let parts = collect();
    let log = folder.path().join("parts");
    for workers in [1, 3, 2, 4] {
        pipeline(&input, &parts)
            .checkpoint(log.as_path())
            .workers(workers)
            .trigger(Trigger::Once)
            .run_blocking()
            .unwrap();
    }
    pipeline(&input, &parts)
        .checkpoint(log.as_path())
        .workers(2)
        .trigger(Trigger::AvailableNow)
        .run_blocking()
        .unwrap();
    assert_eq!(text(&parts), expected);
}

#[test]
fn one_more_than_a_tuple_has() {
    let pipeline = pipeline! {
        from memory(["{}"])
        | decode json as Wide
        | watermark 10s
        | group_by { a, w = tumbling(1min) }
        | agg {
            v0 = count(), v1 = count(), v2 = count(), v3 = count(), v4 = count(), v5 = count(), v6 = count(), v7 = count(),
            v8 = count(), v9 = count(), v10 = count(), v11 = count(), v12 = sum(b)
        }
        | sink collect()
    };
    let mut run = pipeline.test();
    let fields =
        ["b", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"].map(|name| format!(r#""{name}": 5"#)).join(", ");
    let record = format!(r#"{{"ts": "2026-01-01T00:00:00Z", "a": 1, {fields}, "d": "", "e": true, "f": 1, "x": 1}}"#);
    run.push([record.clone(), record]).unwrap().end().unwrap();
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Out {
        v0: i64,
        v11: i64,
        v12: i64,
    }
    assert_eq!(run.rows::<Out>().unwrap(), [Out { v0: 2, v11: 2, v12: 10 }]);
}
