//! Whether two outputs hold the same rows, in whatever order and files.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The number of rows and the sum of their hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    rows: u64,
    hashes: u64,
}

impl Sum {
    fn add(&mut self, row: impl Hash) {
        let mut hasher = DefaultHasher::new();
        row.hash(&mut hasher);
        self.rows += 1;
        self.hashes = self.hashes.wrapping_add(hasher.finish());
    }
}

/// Goes over the batches of a file, or of all files of a folder.
fn batches(path: &Path, mut batch: impl FnMut(&RecordBatch)) {
    let files = if path.is_dir() {
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
    } else {
        vec![path.to_owned()]
    };
    for file in files {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap().build().unwrap();
        reader.for_each(|read| batch(&read.unwrap()));
    }
}

fn text(batch: &RecordBatch, column: usize, row: usize) -> &str {
    batch.column(column).as_string::<i32>().value(row)
}

fn float(batch: &RecordBatch, column: usize, row: usize) -> f64 {
    batch.column(column).as_primitive::<Float64Type>().value(row)
}

fn integer(batch: &RecordBatch, column: usize, row: usize) -> i64 {
    batch.column(column).as_primitive::<Int64Type>().value(row)
}

fn time(batch: &RecordBatch, column: usize, row: usize) -> i64 {
    batch.column(column).as_primitive::<TimestampMicrosecondType>().value(row)
}

pub(crate) fn etl(path: &Path) -> Sum {
    let mut sum = Sum::default();
    batches(path, |batch| {
        for row in 0..batch.num_rows() {
            let country = batch.column(3).is_valid(row).then(|| text(batch, 3, row));
            let seq = batch.column(5).as_primitive::<UInt64Type>().value(row);
            let temperature = float(batch, 2, row).to_bits();
            sum.add((text(batch, 0, row), time(batch, 1, row), temperature, country, text(batch, 4, row), seq));
        }
    });
    sum
}

pub(crate) fn minutes(path: &Path) -> Sum {
    let mut sum = Sum::default();
    batches(path, |batch| {
        for row in 0..batch.num_rows() {
            // Sums may differ in their last bits; no mean is near a multiple of a millionth plus 0.3 of it.
            let mean = (float(batch, 3, row) * 1e6 + 0.3).floor() as i64;
            let hottest = float(batch, 4, row).to_bits();
            sum.add((text(batch, 0, row), time(batch, 1, row), integer(batch, 2, row), mean, hottest));
        }
    });
    sum
}

pub(crate) fn words(path: &Path) -> Sum {
    let mut sum = Sum::default();
    batches(path, |batch| {
        for row in 0..batch.num_rows() {
            sum.add((text(batch, 0, row), integer(batch, 1, row)));
        }
    });
    sum
}
