#![allow(clippy::unwrap_used, clippy::panic, clippy::cloned_ref_to_slice_refs)]
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields};

use super::{Console, console};
use crate::error::Kind;
use crate::operator::Window;
use crate::schema::{Builder, Stored};
use crate::sink::{Connected, Sink, Token};
use crate::time::Timestamp;

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is printed of batches of one epoch.
fn printed(console: Console, batches: &[RecordBatch]) -> String {
    let text = Text::default();
    deliver(&console.to(text.clone()), batches).unwrap();
    String::from_utf8(text.0.lock().unwrap().clone()).unwrap()
}

fn deliver(console: &Console, batches: &[RecordBatch]) -> crate::Result<()> {
    let Connected::Delivering(mut delivering) = console.connect(&batches[0].schema())? else { panic!("it delivers") };
    delivering.deliver(&Token { pipeline: "p".into(), sink: 0, epoch: 42 }, batches)
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn windows(windows: &[(&str, &str)]) -> ArrayRef {
    let mut builder = <Window as Stored>::Builder::default();
    for (start, end) in windows {
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        Window::push(Window { start: at(start), end: at(end) }, &mut builder);
    }
    builder.finish(None)
}

fn lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_table_is_aligned() {
    let rows = batch(vec![
        ("country", Arc::new(StringArray::from(vec![Some("DE"), None, Some("Österreich")]))),
        ("n", Arc::new(Int64Array::from(vec![1, 20, -300]))),
        ("mean", Arc::new(Float64Array::from(vec![1.0, f64::NAN, 1e20]))),
        ("ok", Arc::new(BooleanArray::from(vec![true, false, true]))),
    ]);
    let expected = [
        "epoch 42, 3 rows",
        " country    |    n | mean | ok",
        "------------+------+------+-------",
        " DE         |    1 |  1.0 | true",
        " null       |   20 |  NaN | false",
        " Österreich | -300 | 1e20 | true",
    ];
    assert_eq!(printed(console(), &[rows]), lines(&expected));
}

#[test]
fn every_type_has_a_text() {
    let fields = Fields::from(vec![Field::new("a", DataType::Int64, false), Field::new("b", DataType::Utf8, true)]);
    let nested = StructArray::new(
        fields,
        vec![Arc::new(Int64Array::from(vec![1, 2])), Arc::new(StringArray::from(vec![Some("x\"y"), None]))],
        Some(NullBuffer::from(vec![true, false])),
    );
    let item = Arc::new(Field::new("item", DataType::Float64, true));
    let values = Arc::new(Float64Array::from(vec![Some(0.5), None]));
    let list = ListArray::new(item, OffsetBuffer::from_lengths([2, 0]), values, None);
    let rows = batch(vec![
        ("date", Arc::new(Date32Array::from(vec![0, 20_455]))),
        ("ts", Arc::new(TimestampMicrosecondArray::from(vec![1_500_000, -1]).with_timezone("UTC"))),
        ("bytes", Arc::new(BinaryArray::from(vec![&[0u8, 255][..], &[7; 40]]))),
        ("list", Arc::new(list)),
        ("nested", Arc::new(nested)),
        ("text", Arc::new(StringArray::from(vec!["a\nb\u{1b}[31m", "tab\t"]))),
    ]);
    let text = printed(console(), &[rows]);
    let cells: Vec<Vec<&str>> =
        text.lines().skip(3).map(|line| line.split('|').map(str::trim).collect::<Vec<_>>()).collect();
    assert_eq!(
        cells,
        [
            [
                "1970-01-01",
                "1970-01-01T00:00:01.5Z",
                "0x00ff",
                "[0.5, null]",
                "{a: 1, b: \"x\\\"y\"}",
                "a\\nb\\u{1b}[31m"
            ],
            ["2026-01-02", "1969-12-31T23:59:59.999999Z", &format!("0x{}…", "07".repeat(32)), "[]", "null", "tab\\t"],
        ]
    );
}

#[test]
fn rows_are_sorted_by_windows_and_text_and_limited() {
    let one = ("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z");
    let two = ("2026-01-01T23:59:00Z", "2026-01-02T00:00:00Z");
    let rows = |window, country: &[Option<&str>], from: i64| {
        batch(vec![
            ("w", windows(window)),
            ("country", Arc::new(StringArray::from(country.to_vec()))),
            ("n", Arc::new(Int64Array::from_iter_values(from..from + country.len() as i64))),
        ])
    };
    let batches = [
        rows(&[two, one, one], &[Some("DE"), None, Some("FR")], 0),
        rows(&[one, one, two], &[Some("FR"), Some("DE"), Some("AT")], 3),
    ];
    let expected = [
        "epoch 42, 6 rows",
        " w                                            | country | n",
        "----------------------------------------------+---------+---",
        " 2026-01-01T00:00:00Z .. 00:01:00Z            | DE      | 4",
        " 2026-01-01T00:00:00Z .. 00:01:00Z            | FR      | 2",
        " 2026-01-01T00:00:00Z .. 00:01:00Z            | FR      | 3",
        " 2026-01-01T00:00:00Z .. 00:01:00Z            | null    | 1",
        " 2026-01-01T23:59:00Z .. 2026-01-02T00:00:00Z | AT      | 5",
        "… and 1 more row",
    ];
    assert_eq!(printed(console().sort(&["w", "country"]).limit(5), &batches), lines(&expected));
}

#[test]
fn twenty_rows_unless_told_otherwise() {
    let rows = batch(vec![("n", Arc::new(Int64Array::from_iter_values(0..1_000)))]);
    let text = printed(console(), &[rows.clone()]);
    assert_eq!(text.lines().count(), 3 + 20 + 1);
    assert!(text.starts_with("epoch 42, 1000 rows\n  n\n----\n  0\n"), "{text}");
    assert!(text.ends_with(" 19\n… and 980 more rows\n"), "{text}");
    assert_eq!(printed(console(), &[rows.slice(0, 0)]), "");
    assert_eq!(printed(console().limit(0), &[rows.slice(0, 1)]), "epoch 42, 1 row\n n\n---\n… and 1 more row\n");
}

#[test]
fn a_reader_that_has_gone_is_an_error_and_no_panic() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let rows = batch(vec![("n", Arc::new(Int64Array::from(vec![1])))]);
    let error = deliver(&console().to(Closed), &[rows]).unwrap_err();
    assert_eq!(error.kind(), Kind::NoReader);
    assert_eq!(error.to_string(), "printing the rows of epoch 42: broken pipe; whatever read the output has gone away");
}

#[test]
fn sorting_by_what_is_no_column_is_refused() {
    let rows = batch(vec![("n", Arc::new(Int64Array::from(vec![1])))]);
    let error = deliver(&console().sort(&["m"]), &[rows]).unwrap_err();
    assert_eq!(error.to_string(), "`sort` of sink console names `m`, which is no column; the columns are n");
}
