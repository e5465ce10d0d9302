//! Checkpoints that earlier versions have written, which every later one reads and goes on from with the exact result.
//!
//! `golden/v1` is of the first format. A version with a new format adds a folder by
//! `cargo test -p millstream --all-features --test change -- --ignored makes_golden`, and keeps the older ones.

use std::fs;
use std::path::{Path, PathBuf};

use millstream::checkpoint::{Place, savepoint};
use millstream::prelude::*;
use millstream::sink::{collect, collect::Collect};
use millstream::testing::kinesis::Server;

use super::{Tick, tree, windows};

/// The format that this version writes.
const FORMAT: &str = "v1";
const ROWS: usize = 200;
/// Those that a golden checkpoint has read.
const READ: usize = 120;
const BAD: [usize; 2] = [50, 150];

fn golden(name: &str) -> PathBuf {
    // Tests run in the folder of their package; the path of the source is a part of what a checkpoint remembers.
    Path::new("tests/change/golden").join(name)
}

fn line(n: usize) -> String {
    if BAD.contains(&n) {
        return format!("{{\"key\": {n}");
    }
    let (key, other, at, value) = (key(n), n % 3, super::at(n), n * 31 % 17);
    format!(r#"{{"key":"{key}","other":"o{other}","at":{at},"value":{value}}}"#)
}

fn key(n: usize) -> String {
    format!("k{}", n % 4)
}

fn good() -> impl Iterator<Item = usize> {
    (0..ROWS).filter(|n| !BAD.contains(n))
}

fn by_window(rows: &Collect, letters: &Collect, follow: Option<Duration>) -> Pipeline {
    pipeline! {
        from file("tests/change/golden/in/*.ndjson", follow = {follow})
        | decode json as Tick else dead_letter(letters.clone())
        | watermark 1min
        | group_by { key, w = tumbling(10min) } name "per key"
        | agg {
            n = count(), total = sum(value), mean = avg(value), most = max(value), kinds = count_distinct(other),
            opening = first(value), spread = stddev(value)
        }
        | select {
            key = format!("{key}/{total}/{}/{most}/{kinds}/{opening}/{}", (mean * 1e6) as i64, (spread.unwrap_or(0.0) * 1e6) as i64),
            start = w.start.secs(), n
        }
        | sink rows.clone()
    }
}

/// What the windows come to.
fn expected() -> Vec<String> {
    let lines = windows(good(), key).into_iter().map(|line| {
        let mut words = line.split(' ');
        let (key_is, start, n) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let of_window = |n: &usize| key(*n) == key_is && super::at(*n) / 600 * 600 == start.parse::<i64>().unwrap();
        let values: Vec<i64> = good().filter(of_window).map(|n| (n * 31 % 17) as i64).collect();
        let kinds = good().filter(of_window).map(|n| n % 3).collect::<std::collections::BTreeSet<_>>().len();
        let (total, count) = (values.iter().sum::<i64>(), values.len() as f64);
        let mean = total as f64 / count;
        let squares: f64 = values.iter().map(|value| (*value as f64 - mean).powi(2)).sum();
        let spread = if values.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
        let (most, opening) = (values.iter().max().unwrap(), values[0]);
        format!(
            "{key_is}/{total}/{}/{most}/{kinds}/{opening}/{} {start} {n}",
            (mean * 1e6) as i64,
            (spread * 1e6) as i64
        )
    });
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

fn by_ttl(rows: &Collect, follow: Option<Duration>) -> Pipeline {
    pipeline! {
        from file("tests/change/golden/in/*.ndjson", follow = {follow})
        | decode json as Tick else skip
        | watermark 1min
        | group_by { key, other } ttl 3h name "per pair"
        | agg { n = count(), latest = last(value) }
        | select { key = format!("{key}/{other}/{latest}"), start = 0i64, n }
        | sink rows.clone()
    }
}

fn expected_by_ttl() -> Vec<String> {
    let mut groups = std::collections::BTreeMap::new();
    for n in good() {
        let group = groups.entry((key(n), n % 3)).or_insert((0, 0));
        *group = (group.0 + 1, n * 31 % 17);
    }
    let lines = groups.into_iter().map(|((key, other), (n, latest))| format!("{key}/o{other}/{latest} 0 {n}"));
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

fn by_shard(server: &Server, rows: &Collect) -> Pipeline {
    pipeline! {
        from kinesis("golden", endpoint = {server.endpoint()}, start = trim_horizon, min_fetch_period = 10ms, max_shard_skew = 1d)
        | decode json as Tick else skip
        | watermark 1min
        | group_by { key, w = tumbling(10min) } name "per key"
        | agg { n = count() }
        | select { key, start = w.start.secs(), n }
        | sink rows.clone()
    }
}

/// The stream, made at the same moment each time.
fn stream() -> Server {
    let server = Server::start().unwrap();
    server.set_time(1_767_225_600_000);
    server.create_stream("golden", 2).unwrap();
    server.put_all("golden", (0..READ).map(|n| (key(n), line(n)))).unwrap();
    server
}

fn run(pipeline: Pipeline, checkpoint: &Path, rows: u64) -> Summary {
    let pipeline = pipeline.checkpoint(checkpoint).max_rows_per_epoch(rows).trigger(Trigger::AvailableNow);
    pipeline.progress_line(false).run_blocking().unwrap()
}

fn found(rows: &Collect) -> Vec<String> {
    if rows.is_empty() { Vec::new() } else { super::found(rows) }
}

#[test]
#[ignore = "makes the golden checkpoints of a new format"]
fn makes_golden() {
    let write = |name: &str, lines: std::ops::Range<usize>| {
        let text: String = lines.map(|n| line(n) + "\n").collect();
        fs::write(golden("in").join(name), text).unwrap();
    };
    fs::create_dir_all(golden("in")).unwrap();
    fs::remove_file(golden("in/b.ndjson")).ok();
    write("a.ndjson", 0..READ);
    let keep = |name: &str, rows: &Collect| fs::write(golden(FORMAT).join(name), found(rows).join("\n")).unwrap();
    let follow = Some(Duration::from_millis(20));
    let (rows, letters) = (collect(), collect());
    run(by_window(&rows, &letters, follow), &golden(FORMAT).join("windows"), 40);
    assert_eq!(letters.len(), 1);
    keep("windows.txt", &rows);
    let rows = collect();
    run(by_ttl(&rows, follow), &golden(FORMAT).join("ttl"), 40);
    keep("ttl.txt", &rows);
    let rows = collect();
    run(by_shard(&stream(), &rows), &golden(FORMAT).join("kinesis"), 40);
    keep("kinesis.txt", &rows);
    let (rows, long) = (collect(), tempfile::tempdir().unwrap());
    run(by_window(&rows, &collect(), follow), &long.path().join("log"), 5);
    let place = |path: &Path| Place::Local(path.to_owned());
    savepoint::write(&place(&long.path().join("log")), &place(&golden(FORMAT).join("savepoint"))).unwrap();
    keep("savepoint.txt", &rows);
    for name in ["windows", "ttl", "kinesis"] {
        fs::remove_file(golden(FORMAT).join(name).join("LOCK")).ok();
    }
    write("b.ndjson", READ..ROWS);
}

/// A copy of a golden checkpoint, and the rows that had come out before it.
fn copy(format: &str, name: &str) -> (tempfile::TempDir, PathBuf, Vec<String>) {
    let (folder, from) = (tempfile::tempdir().unwrap(), golden(format).join(name));
    for (path, bytes) in tree(&from) {
        let to = folder.path().join("log").join(Path::new(&path).strip_prefix(&from).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, bytes).unwrap();
    }
    let before = fs::read_to_string(golden(format).join(format!("{name}.txt"))).unwrap();
    let log = folder.path().join("log");
    (folder, log, before.lines().map(str::to_owned).collect())
}

fn all(before: Vec<String>, rows: &Collect) -> Vec<String> {
    let mut all = [before, found(rows)].concat();
    all.sort();
    all
}

fn formats() -> Vec<String> {
    let entries = fs::read_dir(golden("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let formats: Vec<String> = entries.filter(|name| name.starts_with('v')).collect();
    assert!(formats.iter().any(|format| format == FORMAT), "there is no golden checkpoint of this version's format");
    formats
}

#[test]
fn golden_windows_with_dead_letters_and_files_go_on() {
    for format in formats() {
        let (_folder, log, before) = copy(&format, "windows");
        let (rows, letters) = (collect(), collect());
        let summary = run(by_window(&rows, &letters, None), &log, 7);
        assert_eq!((summary.rows.rows, summary.rows.dead, letters.len()), ((ROWS - READ) as u64, 1, 1), "{format}");
        assert_eq!(all(before, &rows), expected(), "{format}");
    }
}

#[test]
fn golden_groups_with_a_ttl_go_on() {
    for format in formats() {
        let (_folder, log, before) = copy(&format, "ttl");
        let rows = collect();
        run(by_ttl(&rows, None), &log, 7);
        assert_eq!(all(before, &rows), expected_by_ttl(), "{format}");
    }
}

#[test]
fn golden_positions_of_kinesis_go_on() {
    for format in formats() {
        let (_folder, log, before) = copy(&format, "kinesis");
        let (server, rows) = (stream(), collect());
        server.put_all("golden", (READ..ROWS).map(|n| (key(n), line(n)))).unwrap();
        for shard in server.shards("golden").unwrap() {
            // So that windows end in both.
            let last = r#"{"key":"end","other":"","at":1000000,"value":0}"#;
            server.put_to_shard("golden", &shard.id, "end", last).unwrap();
        }
        let summary = run(by_shard(&server, &rows), &log, 7);
        assert_eq!(summary.rows.rows, (ROWS - READ + 2) as u64, "{format}");
        assert_eq!(all(before, &rows), windows(good(), key), "{format}");
    }
}

#[test]
fn golden_savepoints_begin_a_pipeline() {
    for format in formats() {
        let (folder, saved, before) = copy(&format, "savepoint");
        let rows = collect();
        let pipeline = by_window(&rows, &collect(), None).from_savepoint(saved);
        run(pipeline, &folder.path().join("fresh"), 7);
        assert_eq!(all(before, &rows), expected(), "{format}");
    }
}
