//! Whole pipelines, written by hand, from memory to memory.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use millstream::agg::{avg, count, last};
use millstream::operator::WindowSpec;
use millstream::operator::reduce::KeyedSpec;
use millstream::pipeline::from;
use millstream::prelude::*;
use millstream::sink::collect;
use millstream::sink::collect::Collect;
use millstream::source::memory;

#[derive(Clone, Copy)]
struct Out<A, B, C, D, E> {
    device: A,
    start: B,
    n: C,
    mean: D,
    latest: E,
}
millstream::row!(OutBuilders, Out { device: A, start: B, n: C, mean: D, latest: E });

/// Lines of `DEVICE SECOND VALUE`.
fn windows(lines: &[&str], rows: &Collect) -> Pipeline {
    from(memory(lines.iter().copied()))
        .decode_plain(millstream::decode::text())
        .watermark(secs(10))
        .keyed(
            KeyedSpec {
                name: "per device".to_owned(),
                keys: &["device"],
                window_name: "window",
                values: &["n", "mean", "latest"],
                window: WindowSpec::tumbling(mins(1)),
            },
            |record, input, out| {
                input.open(record.data);
                while let Some(row) = input.next() {
                    'row: {
                        let mut words = row.line.split(' ');
                        let (device, second, value) = (words.next(), words.next(), words.next());
                        let second = second.and_then(|text| text.parse().ok()).unwrap_or(0);
                        let value: f64 = value.and_then(|text| text.parse().ok()).unwrap_or(0.0);
                        if value < 0.0 {
                            input.filtered();
                            break 'row;
                        }
                        let at = input.watermark(Timestamp::from_micros(second * 1_000_000));
                        out.update((device.unwrap_or(""),), at, (count(), avg(value), last(row.line)));
                    }
                }
            },
        )
        .rows(|group, cx, out| {
            let ((device,), (n, mean, latest)) = (group.key, group.values);
            out.emit(Out { device, start: cx.settle(group.window.start), n, mean, latest });
        })
        .sink(rows.clone())
}

fn text(rows: &Collect) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in rows.batches() {
        for row in 0..batch.num_rows() {
            use millstream::schema::Stored;
            let text = String::load(batch.column(0), row).unwrap();
            let start = Timestamp::load(batch.column(1), row).unwrap();
            let n = i64::load(batch.column(2), row).unwrap();
            let mean = f64::load(batch.column(3), row).unwrap();
            let latest = String::load(batch.column(4), row).unwrap();
            lines.push(format!("{text} {} {n} {mean} [{latest}]", start.secs()));
        }
    }
    lines.sort();
    lines
}

#[test]
fn windows_close_and_late_rows_are_counted() {
    let lines = [
        "a 0 1", "b 1 5", "a 30 3", "a 59 -1", "a 61 10", "b 200 1", // closes the first two minutes
        "a 2 100", // late in epochs that come after, not in the same
        "b 201 3",
    ];
    for workers in [1, 3] {
        let rows = collect();
        let summary = windows(&lines, &rows).workers(workers).run_blocking().unwrap();
        assert_eq!(
            text(&rows),
            ["a 0 3 34.666666666666664 [a 30 3]", "a 60 1 10 [a 61 10]", "b 0 1 5 [b 1 5]", "b 180 2 2 [b 201 3]"]
        );
        assert_eq!((summary.rows.rows, summary.rows.filtered, summary.rows.late, summary.rows_out), (8, 1, 0, 4));
        assert!(summary.drained);

        // Cut into epochs of two rows, the row for a closed window is late.
        let rows = collect();
        let summary = windows(&lines, &rows).workers(workers).max_rows_per_epoch(2).run_blocking().unwrap();
        assert_eq!(text(&rows), ["a 0 2 2 [a 30 3]", "a 60 1 10 [a 61 10]", "b 0 1 5 [b 1 5]", "b 180 2 2 [b 201 3]"]);
        assert_eq!((summary.rows.late, summary.epochs), (1, 4));
        assert_eq!(
            summary.to_string(),
            "8 rows in = 6 used + 1 filtered + 1 late + 0 skipped + 0 dead letters; 4 rows out in 4 epochs"
        );
    }
}

#[test]
fn f_062_a_panic_in_a_closure_by_hand_is_an_error() {
    let rows = collect();
    let error = from(memory(["x"]))
        .undecoded()
        .rows(|_record, _input, out| {
            let device = if true { panic!("seven") } else { "a" };
            out.emit(Out { device, start: 1, n: 1, mean: 1, latest: 1 });
        })
        .sink(rows)
        .run_blocking()
        .unwrap_err();
    assert!(
        error.to_string().contains("an expression panicked: seven (PANIC); it is in memory, position 0"),
        "{error}"
    );
}

#[cfg(feature = "parquet")]
#[test]
fn f_049_a_run_goes_on_where_the_last_one_stopped() {
    use millstream::engine::Trigger;
    let lines: Vec<String> = (0..200).map(|n| format!("d{} {} {n}", n % 7, n * 3)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let whole = collect();
    windows(&lines, &whole).max_rows_per_epoch(5).run_blocking().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let rows = collect();
    let mut runs = 0;
    loop {
        // One epoch a run, with another number of workers each time.
        let pipeline = windows(&lines, &rows).max_rows_per_epoch(5).trigger(Trigger::Once).workers(1 + runs % 4);
        let summary = pipeline.checkpoint(folder.path().join("checkpoint")).run_blocking().unwrap();
        runs += 1;
        if summary.drained {
            break;
        }
        assert!(runs < 100, "{summary}");
    }
    assert_eq!((text(&rows), runs), (text(&whole), 40));

    // What was drained cannot go on with more.
    let more: Vec<&str> = lines.iter().copied().chain(["d1 9999 1"]).collect();
    let error =
        windows(&more, &rows).checkpoint(folder.path().join("checkpoint")).run_blocking().unwrap_err().to_string();
    assert!(error.contains("this checkpoint was drained"), "{error}");
}

/// Two keyed stages: the mean of each device's minutes, under these names.
fn twice(lines: &[&str], rows: &Collect, names: [&str; 2]) -> Pipeline {
    let spec = |name: &str, values: &'static [&'static str], size| KeyedSpec {
        name: name.to_owned(),
        keys: &["device"],
        window_name: "window",
        values,
        window: WindowSpec::tumbling(size),
    };
    from(memory(lines.iter().copied()))
        .decode_plain(millstream::decode::text())
        .watermark(secs(10))
        .keyed(spec(names[0], &["n"], mins(1)), |record, input, out| {
            input.open(record.data);
            while let Some(row) = input.next() {
                let (device, second) = row.line.split_once(' ').unwrap();
                let at = input.watermark(Timestamp::from_micros(second.parse::<i64>().unwrap() * 1_000_000));
                out.update((device,), at, (count(),));
            }
        })
        // By the hour before that of the window, so that its groups are late once that has closed.
        .keyed(spec(names[1], &["n", "mean", "latest"], mins(60)), |group, cx, out| {
            let ((device,), (n,)) = (group.key, group.values);
            let hour_before = cx.time(Timestamp::from_micros(group.window.start.micros() - 3_600_000_000));
            out.update((device,), hour_before, (count(), avg(n), last("x")));
        })
        .rows(|group, cx, out| {
            let ((device,), (n, mean, latest)) = (group.key, group.values);
            out.emit(Out { device, start: cx.settle(group.window.start), n, mean, latest });
        })
        .sink(rows.clone())
}

#[test]
fn groups_that_are_late_for_a_later_stage_are_counted_there() {
    use std::sync::{Arc, Mutex};
    let late = Arc::new(Mutex::new(vec![0, 0]));
    let into = Arc::clone(&late);
    let rows = collect();
    // The second epoch closes the first minute of the second hour; its group falls into the first hour, which is closed.
    let summary = twice(&["a 3600", "b 8000", "b 9000", "b 9001"], &rows, ["first", "second"])
        .max_rows_per_epoch(1)
        .on_progress(move |progress| {
            for (sum, stage) in into.lock().unwrap().iter_mut().zip(&progress.state_operators) {
                *sum += stage.num_rows_dropped_by_watermark;
            }
        })
        .run_blocking()
        .unwrap();
    assert_eq!((summary.rows.rows, summary.rows.late, summary.used()), (4, 0, 4));
    let late = late.lock().unwrap().clone();
    assert_eq!(late[0], 0);
    assert!(late[1] > 0, "{late:?}");
}

#[cfg(feature = "parquet")]
#[test]
fn two_keyed_stages_of_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = twice(&["a 1"], &collect(), ["same", "same"]).checkpoint(folder.path().join("checkpoint"));
    let error = pipeline.run_blocking().unwrap_err().to_string();
    assert!(error.contains("two keyed stages are named `same`"), "{error}");
}

#[cfg(feature = "parquet")]
#[test]
fn outputs_and_checkpoints_that_lie_in_each_other_are_refused() {
    use millstream::sink::parquet;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let run = |out: &str, dead: &str, checkpoint: &str| {
        from(memory(["a"]))
            .decode_plain(millstream::decode::text())
            .else_dead_letter(parquet(at(dead)))
            .rows(|_, _, out| out.emit(Out { device: 1, start: 1, n: 1, mean: 1, latest: 1 }))
            .sink(parquet(at(out)))
            .checkpoint(at(checkpoint))
            .run_blocking()
            .map_err(|error| error.message().to_owned())
    };
    for (out, dead, checkpoint) in [
        ("out", "out/bad", "checkpoint"),
        ("out/good", "out", "checkpoint"),
        ("out", "out.stage/bad", "checkpoint"),
        ("out", "bad", "out/checkpoint"),
        ("checkpoint/out", "bad", "checkpoint"),
    ] {
        let error = run(out, dead, checkpoint).unwrap_err();
        assert!(error.contains("lie in each other"), "{error}");
    }
    assert!(run("out", "out", "checkpoint").unwrap_err().contains("write to one folder"));
    assert!(run("out", "out-bad", "checkpoint").is_ok());
}

#[cfg(feature = "parquet")]
#[test]
fn dead_letters_that_were_not_delivered_are_not_lost_with_their_sink() {
    use millstream::sink::{Batch, foreach_batch};
    #[derive(millstream::StreamSchema)]
    #[allow(dead_code)]
    struct Number {
        n: i64,
    }
    let folder = tempfile::tempdir().unwrap();
    let decoded = || from(memory(["bad"])).decode::<Number, millstream::schema::All, _>(millstream::decode::json());
    let run = |decoded: millstream::pipeline::Decoded<_, _>| {
        decoded
            .rows(|record: millstream::source::memory::MemoryRecord<'_>, input, out| {
                input.open(record.data);
                while let Some(row) = input.next() {
                    out.emit(row);
                }
            })
            .sink(collect())
            .checkpoint(folder.path().join("checkpoint"))
            .run_blocking()
    };
    let failing = foreach_batch(|_: Batch<arrow::array::RecordBatch>| {
        Err(millstream::Error::new(millstream::error::Kind::Io, "no"))
    });
    assert_eq!(run(decoded().else_dead_letter(failing)).unwrap_err().message(), "no");
    let error = run(decoded().else_skip()).unwrap_err();
    assert!(error.message().contains("rows for a sink that is not in the pipeline"), "{error}");
    let working = foreach_batch(|_: Batch<arrow::array::RecordBatch>| Ok(()));
    assert!(run(decoded().else_dead_letter(working)).is_ok());
    assert!(run(decoded().else_skip()).is_ok());
}

/// One key has most of the rows: each worker adds them up before the exchange, so that no more than one part of the key per
/// worker and epoch goes to the one that owns it.
#[test]
fn f_057_rows_of_a_hot_key_are_added_up_before_they_are_exchanged() {
    const ROWS: u64 = 200_000;
    let (parts, seen) = (Arc::new(AtomicU64::new(0)), collect());
    let pipeline = pipeline! {
        from rate(1_000_000, count = {ROWS}, partitions = 4, pace = unpaced)
        | select { key = (if value % 20 == 0 { value % 1_000 } else { 1 }) as i64, value = value as i64 }
        | group_by { key } ttl never
        | agg { n = count(), total = sum(value) }
        | sink seen.clone() mode = complete
    };
    let counted = Arc::clone(&parts);
    let pipeline = pipeline.workers(4).on_progress(move |progress| {
        let updated: u64 = progress.state_operators.iter().map(|state| state.num_rows_updated).sum();
        counted.fetch_max(updated, Ordering::Relaxed);
    });
    let summary = pipeline.run_blocking().unwrap();
    // Fifty other keys, and four workers.
    let parts = parts.load(Ordering::Relaxed);
    assert!((51..=4 * 51).contains(&parts), "{parts} parts of 51 groups");
    assert_eq!(summary.rows.rows, ROWS);
    let groups: Vec<Hot> = seen.rows().unwrap();
    let hot = groups.iter().rev().find(|group| group.key == 1).unwrap();
    let (n, total) =
        (0..ROWS).filter(|value| value % 20 != 0).fold((0, 0), |(n, total), value| (n + 1, total + value as i64));
    assert_eq!((hot.n, hot.total), (n, total));
}

#[derive(StreamSchema)]
struct Hot {
    key: i64,
    n: i64,
    total: i64,
}
