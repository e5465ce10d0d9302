//! A look at the output of an example.

use std::fs::{File, read_dir};
use std::path::{Path, PathBuf};

use millstream::Result;
use millstream::error::{Error, Kind};
use millstream::sink::{Connected, Sink, Token, console};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Prints the first rows of the parquet files below `folder`, sorted by the columns `sort`, and how to read them all.
///
/// # Errors
/// A file cannot be read.
pub fn show(folder: &str, sort: &'static [&'static str]) -> Result<()> {
    let mut found = Vec::new();
    files(Path::new(folder), &mut found).map_err(unreadable)?;
    let mut batches = Vec::new();
    for file in found {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).map_err(unreadable)?);
        for batch in reader.and_then(ParquetRecordBatchReaderBuilder::build).map_err(unreadable)? {
            batches.push(batch.map_err(unreadable)?);
        }
    }
    let Some(first) = batches.first() else { return Ok(()) };
    if let Connected::Delivering(mut console) = console().sort(sort).limit(5).connect(&first.schema())? {
        console.deliver(&Token { pipeline: String::new(), sink: 0, epoch: 0 }, &batches)?;
    }
    println!("duckdb -c \"SELECT * FROM '{folder}/**/*.parquet' LIMIT 10\"");
    Ok(())
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
