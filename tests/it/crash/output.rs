//! Reading what the victim wrote: by the parquet crate while it runs and at the end, and then by others.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

/// Every file below `folder`; none if it is not there.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        // A folder of the stage may go while we look.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => found.push(entry.path()),
            }
        }
    }
    found.sort();
    found
}

fn cell(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => json!(column.as_primitive::<Float64Type>().value(row)),
        DataType::Date32 => json!(column.as_primitive::<Date32Type>().value(row)),
        DataType::Utf8 => json!(column.as_string::<i32>().value(row)),
        DataType::Binary => json!(str::from_utf8(column.as_binary::<i32>().value(row)).unwrap()),
        DataType::Timestamp(..) => json!(column.as_primitive::<TimestampMicrosecondType>().value(row)),
        DataType::Struct(_) => {
            column.as_struct().columns().iter().map(|column| cell(column, row)).collect::<Vec<_>>().into()
        }
        other => panic!("a column of type {other}"),
    }
}

/// The rows of one file, each with the values of the folders it is in.
pub(super) fn read(path: &Path) -> Vec<Value> {
    let open = || ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap())?.build();
    let reader = open().unwrap_or_else(|error| panic!("`{}` cannot be read: {error}", path.display()));
    let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let value = folder.split_once('=').map(|(_, value)| json!(value));
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.unwrap_or_else(|error| panic!("`{}` cannot be read: {error}", path.display()));
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| cell(column, row));
            rows.push(cells.chain(value.clone()).collect::<Vec<_>>().into());
        }
    }
    rows
}

pub(super) fn read_all(folder: &Path) -> Vec<Value> {
    let mut rows: Vec<Value> = files(folder).iter().flat_map(|path| read(path)).collect();
    sort(&mut rows);
    rows
}

pub(super) fn sort(rows: &mut [Value]) {
    rows.sort_by_cached_key(Value::to_string);
}

/// Reads the output of a run over and over, as somebody else would.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(u64, usize)>,
}

impl Watch {
    pub(super) fn begin(out: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut looks, mut seen) = (0, Seen::default());
            while !stopped.load(Ordering::Relaxed) {
                seen.look(&out);
                looks += 1;
                // A reader that looks again and again, and leaves the disk to the job between.
                std::thread::sleep(Duration::from_millis(20));
            }
            seen.look(&out);
            (looks, seen.keys.len())
        });
        Self { stop, thread }
    }

    /// Whether it goes on; it does not after it has seen something wrong.
    pub(super) fn goes_on(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Ends it. Gives how often it looked, and how many rows it saw.
    pub(super) fn end(self) -> (u64, usize) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the reader saw something wrong")
    }
}

#[derive(Default)]
struct Seen {
    files: HashMap<PathBuf, (u64, SystemTime)>,
    keys: HashSet<String>,
}

impl Seen {
    fn look(&mut self, out: &Path) {
        // A row that was once there stays: its file is neither deleted nor written again.
        for (path, before) in &self.files {
            let now = fs::metadata(path).map(|found| (found.len(), found.modified().unwrap()));
            assert_eq!(now.ok(), Some(*before), "`{}` has changed", path.display());
        }
        for path in files(out) {
            if self.files.contains_key(&path) {
                continue;
            }
            assert!(path.extension().is_some_and(|found| found == "parquet"), "`{}` is there", path.display());
            let found = fs::metadata(&path).unwrap();
            for row in read(&path) {
                // The first two columns are the key in both modes.
                let key = json!([row[0], row[1]]).to_string();
                assert!(self.keys.insert(key), "{row} is there twice, the second time in `{}`", path.display());
            }
            self.files.insert(path, (found.len(), found.modified().unwrap()));
        }
    }
}

/// Compares with what DuckDB and pyarrow read, if there is a Python that has both.
pub(super) fn compare_elsewhere(folder: &Path, rows: &[Value], bad: &[String]) {
    let Ok(python) = std::env::var("MILLSTREAM_PYTHON") else {
        return millstream_tests::skip::missing(
            "MILLSTREAM_PYTHON names no Python, so DuckDB and pyarrow did not read the output",
        );
    };
    let expected = folder.join("expected.json");
    fs::write(&expected, json!({ "rows": rows, "bad": bad }).to_string()).unwrap();
    let script = concat!(include_str!("../plain.py"), include_str!("compare.py"));
    let ran = Command::new(python).args(["-c", script]).arg(folder).arg(&expected).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    print!("{}", String::from_utf8_lossy(&ran.stdout));
}
