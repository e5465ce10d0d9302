//! Rows as a whole: checked against a struct, and of records that nothing has decoded.

use millstream::prelude::*;
use millstream::sink::collect;

#[derive(StreamSchema)]
struct Order {
    id: i64,
    country: Option<String>,
    #[stream(event_time)]
    ts: Timestamp,
    tags: Vec<String>,
    price: f64,
}

const ORDER: &str = r#"{"id":1,"country":"de","ts":"2026-01-01T00:00:00Z","tags":["a"],"price":2.5}"#;

/// The fields of a declared struct may stand in any order.
#[derive(StreamSchema, Debug, PartialEq)]
struct Dated {
    date: Date,
    price: i64,
    tags: Vec<String>,
    ts: Timestamp,
    country: Option<String>,
    id: i64,
}

#[derive(StreamSchema, Debug, PartialEq)]
struct Brief {
    price: f64,
    id: i64,
    tags: Vec<String>,
}

fn dated(row: &Dated) -> (i64, i64, Option<&str>, &[String], String) {
    (row.id, row.price, row.country.as_deref(), &row.tags, row.date.to_string())
}

#[test]
fn a_schema_with_columns_beside_it_is_what_was_declared() {
    let pipeline = pipeline! {
        from memory([""])
        | decode json as Order
        | select { .., date = ts.date(), price = (price * 100.0) as i64 } as Dated
        | sink collect() as Dated
    };
    let mut run = pipeline.test();
    run.push([ORDER]).unwrap().end().unwrap();
    let rows = run.rows::<Dated>().unwrap();
    let tags = ["a".to_owned()];
    assert_eq!(rows.iter().map(dated).collect::<Vec<_>>(), [(1, 250, Some("de"), &tags[..], "2026-01-01".to_owned())]);
}

#[test]
fn a_schema_without_some_columns_is_what_was_declared() {
    let pipeline = pipeline! {
        from memory([""]) | decode json as Order | drop { ts, country } | sink collect() as Brief
    };
    let mut run = pipeline.test();
    // What was dropped is not used, so a record need not have it.
    run.push([ORDER, r#"{"id":2,"tags":[],"price":1,"ts":"noon"}"#]).unwrap().end().unwrap();
    let row = |id, price, tags: &[&str]| Brief { id, price, tags: tags.iter().map(|&tag| tag.into()).collect() };
    assert_eq!(run.rows::<Brief>().unwrap(), [row(1, 2.5, &["a"]), row(2, 1.0, &[])]);
}

#[test]
fn what_is_replaced_is_not_read() {
    #[derive(StreamSchema)]
    struct Places {
        id: i64,
        from: Place,
        to: Place,
    }
    #[derive(StreamSchema)]
    struct Place {
        lat: f64,
        lon: f64,
    }
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Lats {
        id: i64,
        from: f64,
        to: i32,
    }
    let pipeline = pipeline! {
        from memory([""])
        | decode json as Places
        | select { .., from = from.lat, to = 0 }
        | sink collect()
    };
    let mut run = pipeline.test();
    run.push([r#"{"id":1,"from":{"lat":1.5,"lon":"east"},"to":null}"#]).unwrap().end().unwrap();
    assert_eq!(run.rows::<Lats>().unwrap(), [Lats { id: 1, from: 1.5, to: 0 }]);
    assert!(run.push([r#"{"id":1,"from":{"lat":"north"},"to":null}"#]).is_err(), "what is used is read");
}

#[test]
fn another_struct_with_the_same_columns_is_what_was_declared() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Same {
        price: f64,
        tags: Vec<String>,
        id: i64,
        ts: Timestamp,
        country: Option<String>,
    }
    let pipeline = pipeline! { from memory([""]) | decode json as Order | sink collect() as Same };
    let mut run = pipeline.test();
    run.push([ORDER]).unwrap().end().unwrap();
    assert_eq!(run.rows::<Same>().unwrap().len(), 1);
}

#[derive(StreamSchema, Debug, PartialEq)]
struct Record {
    index: u64,
    data: Vec<u8>,
}

#[test]
fn records_that_nothing_has_decoded() {
    let pipeline = pipeline! { from memory([""]) | sink collect() };
    let mut run = pipeline.test();
    run.push([b"a".as_slice(), b"\xff"]).unwrap().end().unwrap();
    let record = |index, data: &[u8]| Record { index, data: data.into() };
    assert_eq!(run.rows::<Record>().unwrap(), [record(0, b"a"), record(1, b"\xff")]);

    #[derive(StreamSchema, Debug, PartialEq)]
    struct Long {
        index: u64,
        length: u64,
        data: Vec<u8>,
    }
    let pipeline = pipeline! {
        from memory([""]) | filter data.len() > 1 | select { .., length = data.len() as u64 } | sink collect()
    };
    let mut run = pipeline.test();
    run.push(["a", "bb"]).unwrap().end().unwrap();
    assert_eq!(run.rows::<Long>().unwrap(), [Long { index: 1, length: 2, data: b"bb".into() }]);
    assert_eq!((run.counts().rows, run.counts().filtered), (2, 1));
}

#[test]
fn every_stage_works_on_records() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Word {
        word: String,
        n: i64,
    }
    fn text(data: &[u8]) -> Result<&str, std::str::Utf8Error> {
        std::str::from_utf8(data)
    }
    let pipeline = pipeline! {
        from memory([""])
        | select { .., line = text(data) }
        | drop { data }
        | explode word = line.split(' ')
        | filter !word.is_empty()
        | watermark Timestamp::from_micros(index as i64) 10s
        | group_by { word, w = tumbling(1min) }
        | agg { n = count() }
        | drop { w }
        | sink collect() as Word
    };
    let mut run = pipeline.test();
    run.push(["a b", "a  c"]).unwrap().end().unwrap();
    let mut rows = run.rows::<Word>().unwrap();
    rows.sort_by(|a, b| a.word.cmp(&b.word));
    let word = |word: &str, n| Word { word: word.into(), n };
    assert_eq!(rows, [word("a", 2), word("b", 1), word("c", 1)]);
    let error = pipeline.test().push([b"\xff"]).err().unwrap().to_string();
    assert!(error.contains("a row cannot be computed: column `line`: invalid utf-8"), "{error}");
}

#[test]
fn rows_of_a_format_without_a_schema() {
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Line {
        line: String,
    }
    #[derive(StreamSchema, Debug, PartialEq)]
    struct Data {
        data: Vec<u8>,
    }
    let pipeline = pipeline! { from memory([""]) | decode text | sink collect() };
    let mut run = pipeline.test();
    run.push(["a", ""]).unwrap().end().unwrap();
    assert_eq!(run.rows::<Line>().unwrap(), [Line { line: "a".into() }, Line { line: String::new() }]);
    let pipeline = pipeline! { from memory([""]) | decode bytes | sink collect() };
    let mut run = pipeline.test();
    run.push([b"\xff"]).unwrap().end().unwrap();
    assert_eq!(run.rows::<Data>().unwrap(), [Data { data: vec![0xff] }]);
}

/// The records of every source, into parquet.
#[cfg(feature = "parquet")]
#[test]
fn records_of_files_and_of_a_rate_are_written() {
    use std::fs;

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("in.txt"), "one\ntwo\n").unwrap();
    let (input, out, bad) = (at("in.txt"), at("out"), at("bytes"));
    let raw = pipeline! { from file({input.clone()}) | sink parquet({out.clone()}) };
    raw.checkpoint(at("c1")).run_blocking().unwrap();
    let bytes = pipeline! { from file({input.clone()}) | decode bytes | sink parquet({bad.clone()}) };
    bytes.checkpoint(at("c2")).run_blocking().unwrap();

    #[derive(StreamSchema, Debug, PartialEq)]
    struct FileLine {
        data: Vec<u8>,
        path: String,
        offset: u64,
    }
    let read = |folder: &str| {
        let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let file = files.find(|path| path.extension().is_some_and(|end| end == "parquet")).unwrap();
        let reader =
            parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(fs::File::open(file).unwrap());
        reader.unwrap().build().unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    let lines = millstream::schema::batch::read_rows::<FileLine>(&read(&out)).unwrap();
    let line = |data: &[u8], offset| FileLine { data: data.into(), path: input.clone(), offset };
    assert_eq!(lines, [line(b"one", 0), line(b"two", 4)]);
    assert_eq!(read(&bad)[0].schema().field(0).name(), "data");

    #[derive(StreamSchema, Debug, PartialEq)]
    struct Tick {
        value: u64,
        data: Vec<u8>,
        random: u64,
        timestamp: Timestamp,
    }
    let ticks = collect();
    let rate = pipeline! { from rate(1000, count = 3) | sink ticks.clone() };
    rate.run_blocking().unwrap();
    let values: Vec<u64> = ticks.rows::<Tick>().unwrap().iter().map(|tick| tick.value).collect();
    assert_eq!(values, [0, 1, 2]);
}

#[cfg(feature = "kinesis")]
#[test]
fn records_of_a_stream() {
    #[derive(StreamSchema, Debug)]
    struct Raw {
        data: Vec<u8>,
        partition_key: String,
        stream: String,
        shard_id: String,
        sequence_number: String,
        approximate_arrival_timestamp: Timestamp,
        explicit_hash_key: Option<String>,
        sub_sequence_number: u64,
    }
    let pipeline = pipeline! { from kinesis("s", region = "eu-west-1") | sink collect() };
    let mut run = pipeline.test();
    run.push([b"\x00a"]).unwrap().end().unwrap();
    let rows = run.rows::<Raw>().unwrap();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.data.as_slice(), row.partition_key.as_str(), row.stream.as_str()), (&b"\x00a"[..], "test", "s"));
    assert_eq!((row.shard_id.as_str(), row.sequence_number.as_str()), ("shardId-000000000000", "0"));
    assert_eq!((row.explicit_hash_key.as_deref(), row.sub_sequence_number), (None, 0));
    assert_eq!(row.approximate_arrival_timestamp.to_string(), "2026-01-01T00:00:00Z");
}
