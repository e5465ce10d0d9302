#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::source::{ChunkSender, Fetched, Limits, PartitionState};

/// What a checkpoint would hold.
#[derive(Default, Clone)]
struct Checkpoint {
    partitions: BTreeMap<String, PartitionState>,
    identity: Option<Value>,
}

impl Checkpoint {
    fn commit(&mut self, feed: &dyn Feed, fetched: &Fetched) {
        self.partitions.retain(|id, _| !fetched.forgotten.contains(id));
        for partition in &fetched.partitions {
            let state = PartitionState { to: partition.to.clone(), drained: partition.drained, parents: Vec::new() };
            self.partitions.insert(partition.id.clone(), state);
        }
        self.identity = Some(feed.identity());
    }

    fn resume(&self) -> Resume {
        Resume { partitions: self.partitions.clone(), identity: self.identity.clone(), ..Resume::default() }
    }
}

/// Path (its last part), offset and text of a record.
type Line = (String, u64, String);

fn limits(rows: Option<u64>, bytes: usize, wait: Duration) -> Limits {
    Limits { bytes, rows, until: Instant::now() + wait, eager: true }
}

async fn fetch(feed: &mut dyn Feed, limits: &Limits) -> Result<(Vec<Line>, Fetched)> {
    let (mut sender, mut receiver) = ChunkSender::bounded(1 << 30);
    let fetched = feed.fetch(limits, &mut sender).await?;
    drop(sender);
    let (mut lines, mut next) = (Vec::new(), BTreeMap::new());
    while let Some((chunk, _)) = receiver.recv().await {
        let meta = chunk.meta.downcast_ref::<FileMeta>().unwrap();
        assert!(chunk.first >= *next.get(&chunk.partition).unwrap_or(&0), "`first` grows with every record");
        next.insert(chunk.partition, chunk.first + chunk.len() as u64);
        for index in 0..chunk.len() {
            let record = File::record(&chunk, meta, index);
            let name = Path::new(record.path).file_name().unwrap().to_str().unwrap();
            lines.push((name.to_owned(), record.offset, String::from_utf8(record.data.to_vec()).unwrap()));
        }
    }
    Ok((lines, fetched))
}

async fn all(source: &File) -> Result<Vec<Line>> {
    let mut feed = source.open(Resume::default()).await?;
    let mut lines = Vec::new();
    loop {
        let (more, fetched) = fetch(&mut *feed, &limits(None, 64 << 20, Duration::from_secs(10))).await?;
        lines.extend(more);
        if fetched.exhausted {
            return Ok(lines);
        }
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|(_, _, text)| text.as_str()).collect()
}

fn folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    (folder, path)
}

fn append(path: &str, text: &str) {
    fs::OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn lines_end_in_lf_or_crlf_or_with_the_file() {
    let (_keep, dir) = folder();
    let path = format!("{dir}/a.txt");
    fs::write(&path, "one\r\ntwo\n\n\r\nth\rree\nlast").unwrap();
    let expected: Vec<Line> = [(0, "one"), (5, "two"), (9, ""), (10, ""), (12, "th\rree"), (19, "last")]
        .map(|(offset, text)| ("a.txt".to_owned(), offset, text.to_owned()))
        .into();
    for chunk in [1, 3, 7, 1 << 20] {
        assert_eq!(run(all(&file(&*path).chunk(chunk))).unwrap(), expected, "chunk {chunk}");
    }
    fs::write(&path, "").unwrap();
    assert_eq!(run(all(&file(&*path))).unwrap(), []);
}

#[test]
fn a_line_too_long_names_its_place() {
    let (_keep, dir) = folder();
    let path = format!("{dir}/a.txt");
    for (text, offset) in [("ok\n123456789\n", 3), ("ok\n123456789", 3), ("12345678\r\n12345678\r\n123456789\r\n", 20)]
    {
        fs::write(&path, text).unwrap();
        let error = run(all(&file(&*path).max_line(8))).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains(&format!("at byte {offset} of `{path}`")), "{error}");
    }
    // Far beyond what is read at once.
    fs::write(&path, vec![b'x'; 3 << 20]).unwrap();
    assert_eq!(run(all(&file(&*path))).unwrap().len(), 1);
    assert_eq!(run(all(&file(&*path).max_line(1 << 20))).unwrap_err().kind(), Kind::Data);
}

/// Files of 0, 7, 14 .. lines, some with a last line that has no end.
fn numbered(dir: &str, files: usize) -> Vec<String> {
    let mut expected = Vec::new();
    for number in 0..files {
        let mut text = String::new();
        for line in 0..number * 7 {
            let words = format!("{number}:{line}{}", "x".repeat(line % 5));
            text.push_str(&words);
            if number % 2 == 0 || line + 1 < number * 7 {
                text.push_str(if line % 3 == 0 { "\r\n" } else { "\n" });
            }
            expected.push(words);
        }
        fs::write(format!("{dir}/{number:02}.txt"), text).unwrap();
    }
    expected.sort();
    expected
}

/// The epochs of a run that starts anew from the checkpoint every `life` epochs.
fn epochs(source: &File, rows: Option<u64>, bytes: usize, life: usize) -> Vec<Vec<Line>> {
    run(async {
        let (mut checkpoint, mut epochs) = (Checkpoint::default(), Vec::new());
        'start: loop {
            let mut feed = source.open(checkpoint.resume()).await.unwrap();
            for _ in 0..life {
                let (lines, fetched) = fetch(&mut *feed, &limits(rows, bytes, Duration::from_secs(10))).await.unwrap();
                checkpoint.commit(&*feed, &fetched);
                epochs.push(lines);
                if fetched.exhausted {
                    break 'start;
                }
            }
        }
        assert!(checkpoint.partitions.values().all(|state| state.drained));
        epochs
    })
}

#[test]
fn limits_of_rows_are_exact_and_cut_alike_in_every_run() {
    let (_keep, dir) = folder();
    let expected = numbered(&dir, 6);
    for order in [together, one_after_another] {
        for rows in [1, 4, 10, 1_000] {
            let source = file(format!("{dir}/*.txt")).order(order);
            let epochs_of = |chunk, life| {
                let mut epochs = epochs(&source.clone().chunk(chunk), Some(rows), 1 << 30, life);
                epochs.iter_mut().for_each(|epoch| epoch.sort());
                epochs
            };
            let reference = epochs_of(1 << 20, usize::MAX);
            let mut seen: Vec<String> = reference.iter().flatten().map(|(_, _, text)| text.clone()).collect();
            seen.sort();
            assert_eq!(seen, expected);
            if order == one_after_another {
                assert!(reference.iter().rev().skip(1).all(|epoch| epoch.len() as u64 == rows));
            } else {
                let first = reference.first().unwrap();
                let share = rows.div_ceil(6) as usize;
                for number in 0..6 {
                    let name = format!("{number:02}.txt");
                    let given = first.iter().filter(|(path, _, _)| *path == name).count();
                    assert_eq!(given, share.min(number * 7), "{name}");
                }
            }
            for (chunk, life) in [(1, usize::MAX), (13, 1), (1 << 20, 1), (50, 2)] {
                assert_eq!(epochs_of(chunk, life), reference, "{order:?}, {rows} rows, chunk {chunk}, life {life}");
            }
        }
    }
}

#[test]
fn limits_of_bytes_cut_alike_in_every_run() {
    let (_keep, dir) = folder();
    let expected = numbered(&dir, 6);
    for order in [together, one_after_another] {
        let source = file(&*dir).order(order).chunk(20);
        let reference = epochs(&source, None, 100, usize::MAX);
        let mut seen: Vec<String> = reference.iter().flatten().map(|(_, _, text)| text.clone()).collect();
        seen.sort();
        assert_eq!(seen, expected);
        assert!(reference.len() > 5);
        assert_eq!(epochs(&source, None, 100, 1), reference, "{order:?}");
    }
}

#[test]
fn more_files_than_may_be_open() {
    let (_keep, dir) = folder();
    let expected = numbered(&dir, 45);
    let reference = epochs(&file(&*dir).chunk(64), Some(90), 1 << 30, usize::MAX);
    assert_eq!(texts(&reference.concat()).len(), expected.len());
    assert_eq!(epochs(&file(&*dir).chunk(64), Some(90), 1 << 30, 3), reference);
}

#[test]
fn new_files_and_appended_lines_are_followed() {
    let (_keep, dir) = folder();
    for order in [together, one_after_another] {
        let path = |name: &str| format!("{dir}/{order:?}-{name}");
        let source = file(path("*.txt")).order(order).follow(Duration::from_millis(10));
        assert!(!source.describe().finite);
        run(async {
            let mut checkpoint = Checkpoint::default();
            let mut feed = source.open(Resume::default()).await.unwrap();
            let short = || limits(None, 1 << 20, Duration::from_millis(40));
            let (lines, fetched) = fetch(&mut *feed, &short()).await.unwrap();
            assert!(lines.is_empty() && !fetched.exhausted);

            append(&path("a.txt"), "one\ntwo\nthr");
            let (lines, fetched) = fetch(&mut *feed, &short()).await.unwrap();
            assert_eq!(texts(&lines), ["one", "two"]);
            let partition = fetched.partitions.first().unwrap();
            assert!(partition.idle && !partition.drained);
            checkpoint.commit(&*feed, &fetched);

            // Another run goes on after what was committed; an incomplete line is one when it has its end.
            let mut feed = source.open(checkpoint.resume()).await.unwrap();
            let (lines, _) = fetch(&mut *feed, &short()).await.unwrap();
            assert!(lines.is_empty());
            append(&path("a.txt"), "ee\nfo");
            let (lines, _) = fetch(&mut *feed, &short()).await.unwrap();
            assert_eq!(texts(&lines), ["three"]);

            append(&path("b.txt"), "five\n");
            let (mut lines, _) = fetch(&mut *feed, &short()).await.unwrap();
            // One after another, a later file says that this one is complete.
            let whole = order == one_after_another;
            if whole && lines.len() < 2 {
                lines.extend(fetch(&mut *feed, &short()).await.unwrap().0);
            }
            assert_eq!(texts(&lines), if whole { vec!["fo", "five"] } else { vec!["five"] });
            if !whole {
                append(&path("a.txt"), "ur\n");
                let (lines, fetched) = fetch(&mut *feed, &short()).await.unwrap();
                assert_eq!(texts(&lines), ["four"]);
                assert_eq!(fetched.partitions.len(), 2);
                // A file that has gone after it was read has no more to come.
                fs::remove_file(path("b.txt")).unwrap();
                let (_, fetched) = fetch(&mut *feed, &short()).await.unwrap();
                assert!(fetched.partitions.iter().any(|partition| partition.drained));
                let (_, fetched) = fetch(&mut *feed, &short()).await.unwrap();
                assert_eq!(fetched.partitions.len(), 1);
            } else {
                append(&path("a2.txt"), "late\n");
                let error = fetch(&mut *feed, &short()).await.unwrap_err();
                assert_eq!(error.kind(), Kind::Config);
                assert!(error.to_string().contains("a2.txt"), "{error}");
            }
        });
    }
}

#[test]
fn files_one_after_another_need_growing_names() {
    let (_keep, dir) = folder();
    let source = file(&*dir).order(one_after_another);
    for name in ["b", "c", "d"] {
        fs::write(format!("{dir}/{name}"), format!("{name}1\n{name}2")).unwrap();
    }
    run(async {
        let mut checkpoint = Checkpoint::default();
        let mut feed = source.open(Resume::default()).await.unwrap();
        let (lines, fetched) = fetch(&mut *feed, &limits(Some(3), 1 << 20, Duration::ZERO)).await.unwrap();
        assert_eq!(texts(&lines), ["b1", "b2", "c1"]);
        let position = &fetched.partitions.first().unwrap().to;
        assert_eq!(position.get("file").unwrap(), &json!(format!("{dir}/c")));
        checkpoint.commit(&*feed, &fetched);

        fs::write(format!("{dir}/a"), "").unwrap();
        let error = source.open(checkpoint.resume()).await.err().unwrap();
        assert!(error.to_string().contains("2 files come before it by name, but only 1"), "{error}");
        // Files that have been read may be taken away.
        fs::remove_file(format!("{dir}/a")).unwrap();
        fs::remove_file(format!("{dir}/b")).unwrap();
        fs::write(format!("{dir}/e"), "e1").unwrap();
        let mut feed = source.open(checkpoint.resume()).await.unwrap();
        let (lines, fetched) = fetch(&mut *feed, &limits(Some(9), 1 << 20, Duration::ZERO)).await.unwrap();
        assert_eq!(texts(&lines), ["c2", "d1", "d2", "e1"]);
        assert!(fetched.exhausted);
        checkpoint.commit(&*feed, &fetched);
        let mut feed = source.open(checkpoint.resume()).await.unwrap();
        let (lines, fetched) = fetch(&mut *feed, &limits(None, 1 << 20, Duration::ZERO)).await.unwrap();
        assert!(lines.is_empty() && fetched.exhausted);
    });
}

#[test]
fn files_that_appear_between_runs_are_read_and_drained_ones_are_not() {
    let (_keep, dir) = folder();
    let source = file(&*dir);
    fs::write(format!("{dir}/a"), "a1").unwrap();
    fs::write(format!("{dir}/b"), "b1\nb2\nb3").unwrap();
    run(async {
        let mut checkpoint = Checkpoint::default();
        let mut feed = source.open(Resume::default()).await.unwrap();
        let (lines, fetched) = fetch(&mut *feed, &limits(Some(4), 1 << 20, Duration::ZERO)).await.unwrap();
        assert_eq!(texts(&lines), ["a1", "b1", "b2"]);
        checkpoint.commit(&*feed, &fetched);
        fs::write(format!("{dir}/c"), "c1").unwrap();
        let mut feed = source.open(checkpoint.resume()).await.unwrap();
        let (lines, fetched) = fetch(&mut *feed, &limits(Some(4), 1 << 20, Duration::ZERO)).await.unwrap();
        assert_eq!(texts(&lines), ["c1", "b3"]);
        assert!(fetched.exhausted && fetched.partitions.len() == 2);
    });
}

#[test]
fn available_now_ends_at_what_is_there() {
    let (_keep, dir) = folder();
    let path = format!("{dir}/a.txt");
    fs::write(&path, "one\ntwo\nthree\nfo").unwrap();
    run(async {
        let source = file(&*path).follow(Duration::from_millis(10));
        let mut feed = source.open(Resume::default()).await.unwrap();
        feed.stop_at_present();
        let (lines, fetched) = fetch(&mut *feed, &limits(Some(1), 1 << 20, Duration::from_secs(10))).await.unwrap();
        assert_eq!((texts(&lines), fetched.exhausted), (vec!["one"], false));
        append(&path, "ur\nfive\n");
        fs::write(format!("{dir}/b.txt"), "later\n").unwrap();
        let (lines, fetched) = fetch(&mut *feed, &limits(Some(2), 1 << 20, Duration::from_secs(10))).await.unwrap();
        assert_eq!((texts(&lines), fetched.exhausted), (vec!["two", "three"], false));
        let (lines, fetched) = fetch(&mut *feed, &limits(Some(2), 1 << 20, Duration::from_secs(10))).await.unwrap();
        assert_eq!((lines.len(), fetched.exhausted), (0, true));
        assert!(fetched.partitions.iter().all(|partition| !partition.drained));
    });
}

#[test]
fn a_file_that_was_cut_or_replaced_or_taken_away_is_noticed() {
    let (_keep, dir) = folder();
    let path = format!("{dir}/a.txt");
    let source = file(&*path).follow(Duration::from_millis(10));
    let wait = || limits(None, 1 << 20, Duration::from_millis(40));
    type Spoil = fn(&str);
    let spoils: [(Spoil, &str); 3] = [
        (|path| fs::write(path, "one\n").unwrap(), "only 4 bytes"),
        (|path| fs::write(path, "eno\nowt\neerht\n").unwrap(), "another file"),
        (|path| fs::remove_file(path).unwrap(), "is gone"),
    ];
    for (spoil, words) in spoils {
        run(async {
            fs::write(&path, "one\ntwo\nthr").unwrap();
            let mut feed = source.open(Resume::default()).await.unwrap();
            let (_, fetched) = fetch(&mut *feed, &wait()).await.unwrap();
            let mut checkpoint = Checkpoint::default();
            checkpoint.commit(&*feed, &fetched);
            spoil(&path);
            let running = fetch(&mut *feed, &wait()).await.unwrap_err();
            let mut feed = source.open(checkpoint.resume()).await.unwrap();
            let started = fetch(&mut *feed, &wait()).await.unwrap_err();
            for error in [running, started] {
                assert_eq!(error.kind(), Kind::DataLoss);
                let text = error.to_string();
                assert!(text.contains(words) && text.contains("byte 8") && text.contains(&path), "{text}");
            }
        });
    }
}

#[test]
fn a_checkpoint_is_bound_to_the_path_and_order() {
    let (_keep, dir) = folder();
    fs::write(format!("{dir}/a.txt"), "one\n").unwrap();
    let identity = run(file(&*dir).open(Resume::default())).unwrap().identity();
    let resume = || Resume { identity: Some(identity.clone()), ..Resume::default() };
    assert!(run(file(&*dir).open(resume())).is_ok());
    let error = run(file(&*dir).order(one_after_another).open(resume())).err().unwrap();
    assert!(error.to_string().contains("order"), "{error}");
    assert_eq!(run(file(format!("{dir}/*")).open(resume())).err().unwrap().kind(), Kind::Config);
}

#[test]
fn paths_that_lead_nowhere() {
    let (_keep, dir) = folder();
    for (path, words) in [
        (format!("{dir}/*.json"), "no file matches"),
        ("s3://bucket/in/*.json".to_owned(), "object stores are not supported yet"),
        (format!("file://{dir}"), "write the path itself"),
        (String::new(), "empty"),
    ] {
        let error = run(file(path).open(Resume::default())).err().unwrap();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(run(file(format!("{dir}/no/*.json")).follow(Duration::from_secs(1)).open(Resume::default())).is_ok());
}

#[test]
fn patterns() {
    let (_keep, dir) = folder();
    for name in ["b.json", "a.json", "c.txt", ".hidden.json", "_temporary.json", "d/e.json", "d/f/g.json", "_d/h.json"]
    {
        let path = Path::new(&dir).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let list = |pattern: &str| -> Vec<String> {
        let found = glob::list(&format!("{dir}/{pattern}")).unwrap();
        found.iter().map(|(path, _)| path.strip_prefix(&format!("{dir}/")).unwrap().to_owned()).collect()
    };
    assert_eq!(list("*.json"), ["a.json", "b.json"]);
    assert_eq!(list("?.json"), ["a.json", "b.json"]);
    assert_eq!(list(""), ["a.json", "b.json", "c.txt"]);
    assert_eq!(list("*"), ["a.json", "b.json", "c.txt"]);
    assert_eq!(list("*/*.json"), ["d/e.json"]);
    assert_eq!(list("**/*.json"), ["a.json", "b.json", "d/e.json", "d/f/g.json"]);
    assert_eq!(list("d/**"), ["d/e.json", "d/f/g.json"]);
    assert_eq!(list("**/f/**/*.json"), ["d/f/g.json"]);
    assert_eq!(list("_*.json"), ["_temporary.json"]);
    assert_eq!(list("_d/*"), ["_d/h.json"]);
    assert_eq!(list(".hidden.json"), [".hidden.json"]);
    assert_eq!(list("no/*"), [""; 0]);
    for (part, name, same) in
        [("a*c*e", "abcde", true), ("a*c*e", "abcd", false), ("*", "", true), ("a?", "a", false), ("ä?", "äö", true)]
    {
        assert_eq!(glob::matches(part, name), same, "{part} {name}");
    }
}

#[cfg(all(feature = "gzip", feature = "zstd"))]
mod compressed;
mod fuzz;
mod past;

#[cfg(not(feature = "gzip"))]
#[test]
fn a_feature_that_is_missing_is_named() {
    let (_keep, dir) = folder();
    fs::write(format!("{dir}/a.gz"), "").unwrap();
    let error = run(file(&*dir).open(Resume::default())).err().unwrap();
    assert!(error.to_string().contains("features = [\"gzip\"]"), "{error}");
}

#[test]
fn a_fetch_says_whether_a_limit_kept_lines_back() {
    let (_keep, dir) = folder();
    append(&format!("{dir}/short"), "1\n");
    append(&format!("{dir}/long"), "1\n2\n3\n4\n");
    run(async {
        let mut feed = file(dir).open(Resume::default()).await.unwrap();
        let mut fetches = Vec::new();
        for _ in 0..2 {
            let (lines, fetched) = fetch(&mut *feed, &limits(Some(4), 1 << 20, Duration::ZERO)).await.unwrap();
            fetches.push((lines.len(), fetched.full, fetched.exhausted));
        }
        // The share of the short file is not given to the long one, however much time there is.
        assert_eq!(fetches, [(3, true, false), (2, false, true)]);
    });
}
