use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int64Array, ListArray, MapBuilder, StringArray, StringBuilder, StructArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::array::{Float64Builder, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type};

use super::*;

fn text(columns: Vec<(&str, ArrayRef)>) -> Vec<String> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)));
    let batch = batch.unwrap();
    json.check(&batch.schema()).unwrap();
    let mut out = Payloads::default();
    json.encode(&batch, &mut out).unwrap();
    json.encode(&batch.slice(batch.num_rows() - 1, 1), &mut out).unwrap();
    assert_eq!(out.get(out.len()), b"");
    let all: Vec<_> = (0..out.len()).map(|row| String::from_utf8(out.get(row).to_vec()).unwrap()).collect();
    let (last, all) = all.split_last().unwrap();
    assert_eq!(Some(last), all.last(), "a slice is written as what it is a slice of");
    for row in all {
        serde_json::from_str::<serde_json::Value>(row).unwrap();
    }
    all.to_vec()
}

#[test]
fn every_type_and_null() {
    let utc = TimestampMicrosecondArray::from(vec![Some(1_767_225_600_000_001), None]).with_timezone("UTC");
    let rows = text(vec![
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("i", Arc::new(Int8Array::from(vec![Some(-128), None]))),
        ("u", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]))),
        ("f", Arc::new(Float32Array::from(vec![Some(0.1), None]))),
        ("d", Arc::new(Float64Array::from(vec![f64::NAN, 1e300]))),
        ("t", Arc::new(StringArray::from(vec![Some("a\"\n\u{1}é"), None]))),
        ("y", Arc::new(BinaryArray::from(vec![Some(&b"\xff\xfe"[..]), None]))),
        ("ts", Arc::new(utc)),
        ("day", Arc::new(Date32Array::from(vec![Some(20_454), None]))),
    ]);
    let first = r#"{"b":true,"i":-128,"u":18446744073709551615,"f":0.1,"d":null,"t":"a\"\n\u0001é","y":"//4=","ts":"2026-01-01T00:00:00.000001Z","day":"2026-01-01"}"#;
    let second = r#"{"b":null,"i":null,"u":null,"f":null,"d":1e+300,"t":null,"y":null,"ts":null,"day":null}"#;
    assert_eq!(rows, [first, second]);
}

#[test]
fn what_holds_others() {
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), Some(vec![]), None]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Float64Builder::new());
    for entries in [&[("x", 1.5), ("\"", 2.0)][..], &[], &[]] {
        for (key, value) in entries {
            map.keys().append_value(key);
            map.values().append_value(*value);
        }
        map.append(true).unwrap();
    }
    let inner: ArrayRef = Arc::new(Int64Array::from(vec![7, 8, 9]));
    let field = Arc::new(Field::new("in", DataType::Int64, true));
    let nested = StructArray::new(vec![field].into(), vec![inner], Some(vec![true, false, true].into()));
    let rows = text(vec![("l", Arc::new(list)), ("m", Arc::new(map.finish())), ("s", Arc::new(nested))]);
    assert_eq!(
        rows,
        [
            r#"{"l":[1,null],"m":{"x":1.5,"\"":2.0},"s":{"in":7}}"#,
            r#"{"l":[],"m":{},"s":null}"#,
            r#"{"l":null,"m":{},"s":{"in":9}}"#
        ]
    );
}

#[test]
fn base64_of_all_lengths() {
    for (bytes, words) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
        assert_eq!(
            text(vec![("y", Arc::new(BinaryArray::from(vec![bytes.as_bytes()])))]),
            [format!(r#"{{"y":"{words}"}}"#)]
        );
    }
}

#[test]
fn a_type_without_a_form_is_named() {
    let batch = RecordBatch::try_from_iter([("price", Arc::new(Decimal128Array::from(vec![1])) as ArrayRef)]).unwrap();
    let error = json.check(&batch.schema()).unwrap_err();
    assert!(error.to_string().contains("format json: column `price` is Decimal128"), "{error}");
    assert!(json.encode(&batch, &mut Payloads::default()).is_err());
}
