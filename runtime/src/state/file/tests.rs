use std::sync::Arc;

use arrow::array::{Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema};

use super::*;
use crate::store::{LocalOptions, LocalStore};

fn batch() -> RecordBatch {
    let schema = Schema::new(vec![Field::new("key", DataType::Utf8, false), Field::new("sum", DataType::Int64, true)]);
    let keys = StringArray::from_iter_values((0..5000).map(|n| format!("key {n}")));
    let sums = Int64Array::from_iter((0..5000).map(|n| (n % 7 != 0).then_some(n * n)));
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(keys), Arc::new(sums)]).unwrap()
}

#[test]
fn a_state_file_reads_back_and_every_change_of_it_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path(), LocalOptions::default()).unwrap();
    let of = Extent { lo: 0, hi: 127, epoch: 7 };
    let batch = batch();
    let file = write(&store, "s.parquet", of, &batch.schema(), std::slice::from_ref(&batch)).unwrap();
    assert_eq!((file.rows, file.epoch, file.len), (5000, 7, store.len("s.parquet").unwrap().unwrap()));
    let found = read(&store, &file).unwrap();
    assert_eq!(arrow::compute::concat_batches(&batch.schema(), &found).unwrap(), batch);

    let path = dir.path().join("s.parquet");
    let good = std::fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(97) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, bad).unwrap();
        let error = read(&store, &file).unwrap_err();
        assert_eq!(error.kind(), Kind::Io);
        assert!(error.to_string().contains("of epoch 7 (key groups 0 to 127) is corrupt (xxh3 is"), "{error}");
    }
    std::fs::write(&path, &good[..good.len() - 1]).unwrap();
    assert!(verify(&store, &file).unwrap_err().to_string().contains("bytes,"));
    std::fs::remove_file(&path).unwrap();
    assert!(read(&store, &file).unwrap_err().to_string().contains("is not there"));
}

#[test]
fn an_empty_state_file_has_a_schema() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path(), LocalOptions::default()).unwrap();
    let of = Extent { lo: 3, hi: 4, epoch: 1 };
    let file = write(&store, "c.parquet", of, &batch().schema(), &[]).unwrap();
    assert_eq!(read(&store, &file).unwrap().len(), 0);
}

#[test]
fn rows_of_much_text_are_read_in_batches_that_hold_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path(), LocalOptions::default()).unwrap();
    let of = Extent { lo: 0, hi: 127, epoch: 7 };
    let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, false)]));
    let batch = |len: usize, rows: usize| {
        let text = StringArray::from_iter_values((0..rows).map(|n| format!("{n}{}", "x".repeat(len))));
        RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(text)]).unwrap()
    };
    // Each larger than a row group, as large as one, and several that are one together.
    let written = [batch(ROW_GROUP / 2, 3), batch(ROW_GROUP, 1), batch(10, 5), batch(10, 5), batch(10, 5)];
    let file = write(&store, "t.parquet", of, &schema, &written).unwrap();
    let found = read(&store, &file).unwrap();
    assert_eq!(found.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [3, 1, 15]);
    let all = |batches: &[RecordBatch]| arrow::compute::concat_batches(&schema, batches).unwrap();
    assert_eq!(all(&found), all(&written));
}
