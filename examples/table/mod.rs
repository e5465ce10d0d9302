//! A look at the output of an example.

use std::fs::{File, read_dir};
use std::path::{Path, PathBuf};

use millstream::Result;
use millstream::error::{Error, Kind};
use millstream::sink::console;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

/// Prints these columns of the first rows of the parquet files below `folder`, sorted by them, and how to read them all.
///
/// # Errors
/// A file cannot be read.
pub fn show(folder: &str, columns: &'static [&'static str]) -> Result<()> {
    let mut found = Vec::new();
    files(Path::new(folder), &mut found).map_err(unreadable)?;
    let mut batches = Vec::new();
    for file in found {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).map_err(unreadable)?);
        let reader = reader.map_err(unreadable)?;
        let mask = ProjectionMask::columns(reader.parquet_schema(), columns.iter().copied());
        for batch in reader.with_projection(mask).build().map_err(unreadable)? {
            batches.push(batch.map_err(unreadable)?);
        }
    }
    let table = console().sort(columns).limit(5).table(folder, &batches)?;
    crate::say(format_args!("{table}duckdb -c \"SELECT * FROM '{folder}/**/*.parquet' LIMIT 10\""))
}

/// The column `name` of the parquet files below `folder`, which holds natural numbers.
///
/// # Errors
/// A file cannot be read.
pub fn numbers(folder: &str, name: &str) -> Result<Vec<u64>> {
    let (mut found, mut numbers) = (Vec::new(), Vec::new());
    files(Path::new(folder), &mut found).map_err(unreadable)?;
    for file in found {
        let reader = SerializedFileReader::new(File::open(file).map_err(unreadable)?).map_err(unreadable)?;
        for row in reader.get_row_iter(None).map_err(unreadable)? {
            let row = row.map_err(unreadable)?;
            numbers.extend(
                row.get_column_iter()
                    .filter(|(column, _)| *column == name)
                    .filter_map(|(_, field)| if let Field::ULong(number) = field { Some(*number) } else { None }),
            );
        }
    }
    Ok(numbers)
}

fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Kind::Io, "the output cannot be read").caused_by(error)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            found.push(path);
        }
    }
    Ok(())
}
