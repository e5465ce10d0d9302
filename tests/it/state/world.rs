//! A folder with a checkpoint and an output, the program that works in it, and what has to come out.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

/// What is in the folder of a run of `stateful`.
pub(super) struct World {
    pub(super) folder: TempDir,
    /// Keys, numbers if they end, and rows in an epoch.
    pub(super) keys: u64,
    pub(super) count: Option<u64>,
    pub(super) epoch: u64,
}

impl World {
    pub(super) fn new(keys: u64, count: Option<u64>, epoch: u64) -> Self {
        Self { folder: TempDir::new().unwrap(), keys, count, epoch }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program; `KEPT` in its command line is the checkpoint.
    pub(super) fn program(&self, line: &str) -> Command {
        let kept = self.path("kept").display().to_string();
        let mut program = Command::new(env!("CARGO_BIN_EXE_stateful"));
        program.args(line.split_whitespace().map(|word| word.replace("KEPT", &kept)));
        program.env("STATEFUL_FOLDER", self.folder.path()).env("STATEFUL_KEYS", self.keys.to_string());
        program.env("STATEFUL_EPOCH", self.epoch.to_string());
        self.count.map(|count| program.env("STATEFUL_COUNT", count.to_string()));
        program
    }

    /// Runs it to its end, which is to have this exit code; gives what it said on both outputs.
    pub(super) fn run(&self, line: &str, code: i32) -> (String, String) {
        let Output { status, stdout, stderr } = self.program(line).output().unwrap();
        let (said, errors) =
            (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned());
        assert_eq!(status.code(), Some(code), "{errors}");
        (said, errors)
    }

    /// That every key is in the output once, with its count and its sum.
    pub(super) fn compare(&self) {
        let count = self.count.unwrap();
        let found = read(&self.path("out"));
        assert_eq!(found.len() as u64, self.keys.min(count));
        for (key, found) in found {
            let key: u64 = key.trim_start_matches("the key ").parse().unwrap();
            let n = (count - key).div_ceil(self.keys);
            let total = n * key + self.keys * (n * n.saturating_sub(1) / 2);
            assert_eq!(found, (n as i64, total as i64), "key {key}");
        }
    }
}

/// The rows of an output by their keys; none may be there twice.
pub(super) fn read(out: &Path) -> BTreeMap<String, (i64, i64)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(out).unwrap() {
        let file = File::open(entry.unwrap().path()).unwrap();
        for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let number = |name: &str| {
                let numbers = arrow::compute::cast(batch.column_by_name(name).unwrap(), &DataType::Int64).unwrap();
                numbers.as_primitive::<Int64Type>().clone()
            };
            let (keys, n, total) =
                (batch.column_by_name("key").unwrap().as_string::<i32>(), number("n"), number("total"));
            for row in 0..batch.num_rows() {
                let before = found.insert(keys.value(row).to_owned(), (n.value(row), total.value(row)));
                assert_eq!(before, None, "{} is there twice", keys.value(row));
            }
        }
    }
    found
}
