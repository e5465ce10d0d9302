//! `decode json(gzip)` and `json(zstd)`: payloads that the producer has compressed.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use millstream::prelude::*;

#[derive(StreamSchema, Debug, PartialEq)]
struct Row {
    n: i64,
    text: String,
}

fn row(n: i64, text: &str) -> Row {
    Row { n, text: text.into() }
}

fn json(n: i64, text: &str) -> String {
    format!(r#"{{"n":{n},"text":"{text}"}}"#)
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// With everything that a header may have.
fn gzip_with_header(text: &str) -> Vec<u8> {
    let builder = flate2::GzBuilder::new().filename("a.json").comment("a comment").extra([1, 2, 3]).mtime(7);
    let mut encoder = builder.write(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 3).unwrap()
}

/// The way to pack, and a pipeline of one document a payload, and of several.
type Case = (fn(&str) -> Vec<u8>, Pipeline, Pipeline);

fn cases() -> [Case; 3] {
    let gzip_one = || {
        pipeline! { from memory([""]) | decode json(gzip, max_record = 64kib) as Row else dead_letter(collect()) | sink collect() }
    };
    let gzip_lines = || {
        pipeline! { from memory([""]) | decode json(lines, gzip, max_record = 64kib) as Row else dead_letter(collect()) | sink collect() }
    };
    let zstd_one = pipeline! { from memory([""]) | decode json(zstd, strict, max_record = 64kib) as Row else dead_letter(collect()) | sink collect() };
    let zstd_lines = pipeline! { from memory([""]) | decode json(lines, zstd, max_record = 64kib) as Row else dead_letter(collect()) | sink collect() };
    [(gzip, gzip_one(), gzip_lines()), (gzip_with_header, gzip_one(), gzip_lines()), (zstd, zstd_one, zstd_lines)]
}

#[test]
fn payloads_are_unpacked() {
    for (pack, one, lines) in cases() {
        let mut run = one.test();
        let long = "ab".repeat(20_000);
        run.push([pack(&json(1, "a")), pack(&json(2, &long)), pack(&json(3, "c"))]).unwrap().end().unwrap();
        assert_eq!(run.rows::<Row>().unwrap(), [row(1, "a"), row(2, &long), row(3, "c")]);

        let mut run = lines.test();
        let first = format!("{}\n{}\n", json(1, "a"), json(2, "b"));
        // Members and frames one after the other are one payload.
        run.push([[pack(&first), pack(&json(3, "c"))].concat(), pack(&json(4, "d"))]).unwrap().end().unwrap();
        assert_eq!(run.rows::<Row>().unwrap(), [row(1, "a"), row(2, "b"), row(3, "c"), row(4, "d")]);
        assert!(run.dead_letters().is_empty());
    }
}

#[test]
fn what_cannot_be_unpacked_is_a_faulty_record_and_no_other() {
    for (pack, one, _) in cases() {
        let good = pack(&json(1, "good"));
        let mut cut: Vec<Vec<u8>> = (0..good.len()).map(|length| good[..length].to_vec()).collect();
        let mut changed = good.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 0xff;
        cut.push(changed);
        cut.push([good.as_slice(), b"rest"].concat());
        cut.push(json(1, "plain").into_bytes());
        let mut run = one.test();
        for broken in &cut {
            run.push([good.clone(), broken.clone(), good.clone()]).unwrap();
        }
        run.end().unwrap();
        assert_eq!(run.rows::<Row>().unwrap().len(), 2 * cut.len());
        let letters = run.dead_letters();
        let raw: Vec<_> = letters.iter().map(|letter| letter.raw.clone()).collect();
        assert_eq!(raw, cut, "the payload is in the dead letter as it came");
        for letter in &letters {
            assert!(["COMPRESSION", "JSON_SYNTAX", "UTF8"].contains(&letter.code.as_str()), "{letter:?}");
        }
        assert!(
            letters[cut.len() - 4].error.contains("found the end of the record"),
            "{}",
            letters[cut.len() - 4].error
        );
        assert_eq!((run.counts().rows, run.counts().dead), (3 * cut.len() as u64, cut.len() as u64));
    }
}

#[test]
fn f_040_a_bomb_is_a_faulty_record() {
    for (pack, one, lines) in cases() {
        let bomb = pack(&json(1, &"0".repeat(50_000_000)));
        assert!(bomb.len() < 500_000, "{} bytes", bomb.len());
        for pipeline in [one, lines] {
            let mut run = pipeline.test();
            run.push([pack(&json(1, "a")), bomb.clone(), pack(&json(2, "b"))]).unwrap().end().unwrap();
            assert_eq!(run.rows::<Row>().unwrap(), [row(1, "a"), row(2, "b")]);
            let letters = run.dead_letters();
            let [letter] = letters.as_slice() else { panic!("{} letters", letters.len()) };
            assert_eq!((letter.code.as_str(), &letter.raw), ("LIMIT", &bomb));
            let sizes = format!("more than 65536 unpacked from {}", bomb.len());
            assert!(letter.error.contains("at most 65536 bytes") && letter.error.contains(&sizes), "{}", letter.error);
        }
    }
}

/// Each payload is below the limit; all of a chunk together are not held at once.
#[test]
fn many_large_payloads() {
    let pipeline = pipeline! { from memory([""]) | decode json(gzip) as Row | select { n } | sink collect() };
    let payload = gzip(&json(1, &"0".repeat(4_000_000)));
    let mut run = pipeline.test();
    run.push(vec![payload; 40]).unwrap().end().unwrap();
    assert_eq!(run.batches().iter().map(|batch| batch.num_rows()).sum::<usize>(), 40);
}

#[test]
fn the_limit_is_exact() {
    let text = json(1, &"a".repeat(1_000));
    for (limit, fits) in [(text.len(), true), (text.len() - 1, false)] {
        let pipeline =
            pipeline! { from memory([""]) | decode json(gzip, max_record = {limit}) as Row else skip | sink collect() };
        let mut run = pipeline.test();
        run.push([gzip(&text)]).unwrap().end().unwrap();
        assert_eq!(run.counts().skipped, u64::from(!fits));
    }
}
