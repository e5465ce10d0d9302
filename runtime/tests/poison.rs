//! The user's own code goes wrong: it panics, it does not come back, or most of the input is of no use to it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use millstream::DeadLetter;
use millstream::agg::{Arena, Finish, Update};
use millstream::engine::summary::Summary;
use millstream::prelude::*;
use millstream::schema::At;

/// A number, unless it is the one that nobody thought of.
fn careful(n: i64) -> i64 {
    assert_ne!(n, 13, "thirteen");
    n * 2
}

#[derive(StreamSchema, Debug, PartialEq)]
struct Number {
    n: i64,
}

#[derive(StreamSchema, Debug, PartialEq)]
struct Doubled {
    n: i64,
    twice: i64,
}

fn json(n: i64) -> String {
    format!(r#"{{"n":{n}}}"#)
}

/// The record that panics is given up, at any place among the others and in any stage; nothing else is.
#[test]
fn f_062_a_panic_gives_up_its_record_and_no_other() {
    let select = pipeline! {
        from memory([""]) | decode json as Number else dead_letter(collect())
        | select { n, twice = careful(n) } | sink collect()
    };
    let filter = pipeline! {
        from memory([""]) | decode json as Number else dead_letter(collect())
        | filter careful(n) < 1_000 | select { n, twice = n * 2 } | sink collect()
    };
    for pipeline in [select, filter] {
        for bad in 0..5 {
            let records: Vec<String> = (0..5).map(|at| json(if at == bad { 13 } else { at })).collect();
            let mut run = pipeline.test();
            run.push(records).unwrap();
            let letters = run.dead_letters();
            assert_eq!(letters.len(), 1);
            assert_eq!((letters[0].code.as_str(), letters[0].raw.as_slice()), ("PANIC", json(13).as_bytes()));
            assert!(letters[0].error.contains("thirteen"), "{}", letters[0].error);
            assert_eq!((letters[0].source.as_str(), letters[0].sequence_number.clone()), ("memory", bad.to_string()));
            let counts = run.counts();
            assert_eq!((counts.rows, counts.dead), (5, 1));
            run.end().unwrap();
            let good = (0..5).filter(|at| *at != bad).map(|n| Doubled { n, twice: 2 * n });
            assert_eq!(run.rows::<Doubled>().unwrap(), good.collect::<Vec<_>>());
        }
    }
}

/// Of several rows in a record, that row.
#[test]
fn f_062_a_panic_gives_up_its_line_and_no_other() {
    let pipeline = pipeline! {
        from memory([""]) | decode json(lines) as Number else dead_letter(collect())
        | select { n, twice = careful(n) } | sink collect()
    };
    for bad in 0..4 {
        let lines: Vec<String> = (0..4).map(|at| json(if at == bad { 13 } else { at })).collect();
        let mut run = pipeline.test();
        run.push([json(7), lines.join("\n"), json(8)]).unwrap();
        let letters = run.dead_letters();
        assert_eq!(letters.len(), 1);
        assert_eq!((letters[0].code.as_str(), letters[0].raw.as_slice()), ("PANIC", json(13).as_bytes()));
        assert_eq!((run.counts().rows, run.counts().dead), (6, 1));
        run.end().unwrap();
        let rows: Vec<i64> = run.rows::<Doubled>().unwrap().into_iter().map(|row| row.n).collect();
        let lines = (0..4).filter(|at| *at != bad);
        assert_eq!(rows, [7].into_iter().chain(lines).chain([8]).collect::<Vec<_>>());
    }
}

/// In groups, too: what the panic came before is not half in one.
#[test]
fn f_062_a_panic_leaves_groups_as_they_were() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Sum {
        even: bool,
        n: i64,
        total: i64,
    }
    let pipeline = pipeline! {
        from memory([""]) | decode json as Number else skip
        | group_by { even = n % 2 == 0 } ttl never | agg { n = count(), total = sum(careful(n)) } | sink collect()
        mode = update
    };
    let mut run = pipeline.test();
    run.push([2, 13, 3, 13, 5].map(json)).unwrap();
    assert_eq!((run.counts().rows, run.counts().skipped), (5, 2));
    run.end_epoch().unwrap();
    let mut rows = run.rows::<Sum>().unwrap();
    rows.sort_by_key(|row| row.even);
    assert_eq!(rows, [Sum { even: false, n: 2, total: 16 }, Sum { even: true, n: 1, total: 4 }]);
}

#[derive(StreamSchema, Debug, PartialEq)]
struct List {
    ns: Vec<i64>,
}

/// A list that is not whole: it gives what is before the number that nobody thought of.
fn broken(ns: &[i64]) -> impl Iterator<Item = i64> + '_ {
    ns.iter().map(|n| careful(*n) / 2)
}

fn parts(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == b'|')
}

/// Whether a part is one of those that nobody is afraid of.
fn is_long(data: &[u8]) -> bool {
    assert_ne!(data, b"thirteen");
    data.len() > 3
}

/// Runs over one record: the numbers in the rows, the letters, and rows, filtered and dead in the account, which adds up.
fn account(pipeline: &Pipeline, record: impl Into<Vec<u8>>) -> (Vec<i64>, Vec<DeadLetter>, [u64; 3]) {
    let mut run = pipeline.test();
    run.push([record.into()]).unwrap();
    let (counts, letters) = (run.counts(), run.dead_letters());
    run.end().unwrap();
    let rows: Vec<i64> = run.rows::<Doubled>().unwrap().into_iter().map(|row| row.n).collect();
    assert_eq!(counts.rows, rows.len() as u64 + counts.filtered + counts.late + counts.skipped + counts.dead);
    (rows, letters, [counts.rows, counts.filtered, counts.dead])
}

/// Of a list, what is before it stays; it and what is behind it is given up as one.
#[test]
fn f_062_a_panic_gives_up_the_rest_of_its_list() {
    let in_a_row = pipeline! {
        from memory([""]) | decode json(lines) as List else dead_letter(collect()) | explode n = ns
        | select { n, twice = careful(n) } | sink collect()
    };
    let in_the_list = pipeline! {
        from memory([""]) | decode json(lines) as List else dead_letter(collect()) | explode n = broken(ns)
        | select { n, twice = n } | sink collect()
    };
    let filtered = pipeline! {
        from memory([""]) | decode json(lines) as List else dead_letter(collect()) | explode outer n = broken(ns)
        | filter n > Some(100) | select { n, twice = 2 } | sink collect()
    };
    for pipeline in [&in_a_row, &in_the_list] {
        let (rows, letters, counts) = account(pipeline, "{\"ns\":[1,2,13,4,5]}\n{\"ns\":[6]}");
        assert_eq!((rows, counts), (vec![1, 2, 6], [4, 0, 1]));
        assert_eq!((letters.len(), letters[0].raw.as_slice()), (1, b"{\"ns\":[1,2,13,4,5]}".as_slice()));
        let (rows, letters, counts) = account(pipeline, r#"{"ns":[13,4,5]}"#);
        assert_eq!((rows, counts, letters.len()), (vec![], [1, 0, 1], 1));
    }
    let mut run = filtered.test();
    run.push([r#"{"ns":[1,13,4]}"#]).unwrap();
    assert_eq!((run.counts().rows, run.counts().filtered, run.counts().dead), (2, 1, 1));
}

/// Before `decode`, too: the letter is the whole record, once, and nothing is counted again.
#[test]
fn f_062_a_panic_gives_up_the_rest_of_a_record_in_parts() {
    let pipeline = pipeline! {
        from memory([""]) | explode data = parts(data) | filter is_long(data)
        | decode json(lines) as Number else dead_letter(collect()) | select { n, twice = careful(n) } | sink collect()
    };
    for (record, rows, counts) in [
        ("x|{\"n\":12}\n{\"n\":1}\n", vec![12, 1], [3, 1, 0]),
        ("x|{\"n\":13}\n{\"n\":1}\n", vec![], [2, 1, 1]),
        ("{\"n\":1}\n{\"n\":13}\n{\"n\":2}|{\"n\":3}", vec![1], [2, 0, 1]),
        ("{\"n\":1}|{\"n\":13}|{\"n\":2}", vec![1], [2, 0, 1]),
        ("{\"n\":1}|x|thirteen|{\"n\":2}", vec![1], [3, 1, 1]),
        ("thirteen|{\"n\":2}", vec![], [1, 0, 1]),
    ] {
        let (got, letters, counted) = account(&pipeline, record);
        assert_eq!((got, counted), (rows, counts), "{record}");
        assert_eq!(letters.len() as u64, counts[2], "{record}");
        assert!(letters.iter().all(|letter| letter.code == "PANIC" && letter.raw == record.as_bytes()), "{record}");
    }
}

/// A payload that must be unpacked again to go on: a few times, not for each of its rows.
#[cfg(feature = "zstd")]
#[test]
fn f_062_panics_in_a_packed_payload_do_not_cost_the_square() {
    let pipeline = pipeline! {
        from memory([""]) | decode json(zstd, lines) as Number else dead_letter(collect())
        | select { n, twice = careful(n) } | sink collect()
    };
    let pack = |numbers: &[i64]| {
        let lines: Vec<String> = numbers.iter().copied().map(json).collect();
        zstd::encode_all(lines.join("\n").as_bytes(), 3).unwrap()
    };
    let (rows, letters, counts) = account(&pipeline, pack(&[1, 13, 2, 13, 3]));
    assert_eq!((rows, counts), (vec![1, 2, 3], [5, 0, 2]));
    assert!(letters.iter().all(|letter| letter.raw == json(13).as_bytes()));
    let (rows, letters, counts) = account(&pipeline, pack(&[[1].as_slice(), &[13; 5_000]].concat()));
    assert_eq!((rows, counts), (vec![1], [10, 0, 9]));
    // The last has all that is given up.
    let bytes: usize = letters.iter().map(|letter| letter.raw.len()).sum();
    assert_eq!((letters.len(), bytes), (9, 5_000 * (json(13).len() + 1) - 9));
}

#[derive(StreamSchema, Debug, PartialEq)]
struct Timed {
    #[stream(event_time)]
    ts: Timestamp,
    n: i64,
}

/// A record that is taken up again behind a panic is still one letter for its late rows.
#[test]
fn f_062_a_panic_between_late_rows_leaves_one_letter_of_them() {
    let pipeline = pipeline! {
        from memory([""]) | decode json(lines) as Timed else dead_letter(collect()) | watermark 0s
        | group_by { k = 1, window = tumbling(1s) } else dead_letter(collect())
        | agg { total = sum(careful(n)) } | select { total } | sink collect()
    };
    let row = |ts: &str, n: i64| format!(r#"{{"ts":"2026-01-01T00:00:{ts}Z","n":{n}}}"#);
    for (middle, codes, dead) in [(1, vec!["late"], 2), (13, vec!["PANIC", "late"], 3)] {
        let mut run = pipeline.test();
        run.push([row("30", 1)]).unwrap();
        run.end_epoch().unwrap();
        // The second of two records is not silenced by the first.
        for _ in 0..2 {
            run.push([[row("01", 1), row("31", middle), row("02", 1)].join("\n")]).unwrap();
            let letters = run.dead_letters();
            assert_eq!(letters.iter().map(|letter| letter.code.as_str()).collect::<Vec<_>>(), codes);
        }
        assert_eq!((run.counts().rows, run.counts().dead, run.counts().late), (7, 2 * dead, 0));
    }
}

/// A record without a byte is a letter, as every other: in a chunk that has no byte at all, too.
#[test]
fn f_062_an_empty_record_is_a_dead_letter() {
    for records in [vec![""], vec!["", ""], vec!["", "{}"]] {
        let bad = millstream::sink::collect();
        let (count, kept) = (records.len(), bad.clone());
        let pipeline = pipeline! {
            from memory(records) | decode json as Number else dead_letter({kept}) | select { n } | sink collect()
        };
        assert_eq!(pipeline.run_blocking().unwrap().rows.dead, count as u64);
        assert_eq!(bad.rows::<DeadLetter>().unwrap().len(), count);
    }
}

/// Without a policy the run ends, and says where.
#[test]
fn f_062_a_panic_without_a_policy_is_70_and_names_the_record() {
    let pipeline = pipeline! {
        from memory([json(1), json(13)]) | decode json as Number | select { n, twice = careful(n) } | sink collect()
    };
    let error = pipeline.run_blocking().unwrap_err();
    assert_eq!(error.kind().exit_code(), 70);
    for words in ["an expression panicked: ", "thirteen", "memory, position 1", "else dead_letter"] {
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// The last number, unless it is thirteen.
fn superstitious(n: i64) -> Superstitious {
    Superstitious(n)
}

struct Superstitious(i64);

#[derive(StreamSchema, Clone, Default)]
struct Last {
    n: i64,
}

impl Update for Superstitious {
    type State = Last;
    fn apply(self, last: &mut Last, _at: At) {
        last.n = careful(self.0);
    }
}

impl Finish for Last {
    type Out<'a> = i64;
    fn finish(&self, _arena: &Arena) -> millstream::Result<i64> {
        Ok(self.n)
    }
    fn merge(&mut self, other: Self) {
        self.n = other.n;
    }
}

/// An accumulator that a panic left half changed is not to be trusted: no policy takes that.
#[test]
fn f_062_a_panic_inside_of_an_aggregate_ends_the_run() {
    let pipeline = pipeline! {
        from memory([json(1), json(13)]) | decode json as Number else skip
        | group_by { n } ttl never | agg { odd = superstitious(n) } | sink collect() mode = update
    };
    let error = pipeline.run_blocking().unwrap_err();
    assert_eq!(error.kind().exit_code(), 70);
    for words in ["an aggregate or the type of a column panicked: ", "thirteen", "memory, position 1"] {
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// Half of the records are bad.
fn half(count: usize) -> Vec<String> {
    (0..count).map(|at| if at % 2 == 0 { json(1) } else { "{}".to_owned() }).collect()
}

fn numbers(records: Vec<String>) -> Pipeline {
    pipeline! { from memory(records) | decode json as Number else skip | select { n } | sink collect() }
}

#[test]
fn f_038_too_many_bad_records_end_the_run_if_asked() {
    let error = numbers(half(400)).max_error_rate(0.05).run_blocking().unwrap_err();
    assert_eq!(error.kind().exit_code(), 65);
    for words in ["200 of the 400 rows", "50.0 %, more than 5 %", "column `n`", "memory, position 1", "max_error_rate"]
    {
        assert!(error.to_string().contains(words), "{error}");
    }
    // Few records, a higher limit, or none.
    let skipped = |ended: millstream::Result<Summary>| ended.unwrap().rows.skipped;
    assert_eq!(skipped(numbers(half(98)).max_error_rate(0.05).run_blocking()), 49);
    assert_eq!(skipped(numbers(half(400)).max_error_rate(0.5).run_blocking()), 200);
    assert_eq!(skipped(numbers(half(400)).run_blocking()), 200);
}

/// What passed the limit is not committed: the next start reads it again, and dead letters of it are not there.
#[cfg(feature = "parquet")]
#[test]
fn f_038_the_epoch_that_passes_the_limit_is_not_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let job = |bad: String, out: String| {
        pipeline! {
            from memory(half(400)) | decode json as Number else dead_letter(parquet({bad}))
            | select { n } | sink parquet({out})
        }
    };
    let job = || job(path("bad"), path("out")).checkpoint(path("kept"));
    job().max_error_rate(0.05).run_blocking().unwrap_err();
    let files = |name: &str| std::fs::read_dir(path(name)).unwrap().count();
    assert_eq!((files("bad"), files("out")), (0, 0));
    let summary = job().run_blocking().unwrap();
    assert_eq!((summary.rows.rows, summary.rows.dead), (400, 200));
    assert_eq!((files("bad"), files("out")), (1, 1));
}

/// Comes back when it is much too late.
fn slow(n: i64) -> i64 {
    std::thread::sleep(Duration::from_secs(if n == 13 { 20 } else { 0 }));
    n
}

/// Takes its time.
fn brief(n: i64) -> i64 {
    std::thread::sleep(Duration::from_millis(25));
    n
}

#[test]
fn f_063_what_does_not_come_back_ends_the_run() {
    let begun = Instant::now();
    let pipeline = pipeline! {
        from memory([1, 2, 13, 4].map(json)) | decode json as Number | select { n, twice = slow(n) } | sink collect()
    };
    let error = pipeline.max_record_time(Duration::from_millis(400)).run_blocking().unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(10), "it waited for it");
    assert_eq!(error.kind().exit_code(), 70);
    for words in ["record 3 of those from memory, position 0 to memory, position 3", "in epoch 1", "max_record_time"] {
        assert!(error.to_string().contains(words), "{error}");
    }
    // Time is that of one record, not of all.
    let pipeline = pipeline! {
        from memory((0..40).map(json)) | decode json as Number
        | select { n, twice = brief(n) } | sink collect()
    };
    assert_eq!(pipeline.max_record_time(Duration::from_millis(400)).run_blocking().unwrap().rows_out, 40);
}

#[test]
fn f_063_so_does_what_comes_after_a_group() {
    let pipeline = pipeline! {
        from memory([13].map(json)) | decode json as Number
        | group_by { n } ttl never | agg { rows = count() } | select { n = slow(n), rows } | sink collect() mode = update
    };
    let error = pipeline.max_record_time(Duration::from_millis(200)).run_blocking().unwrap_err();
    assert_eq!(error.kind().exit_code(), 70);
    assert!(error.to_string().contains("keyed stage"), "{error}");
}
