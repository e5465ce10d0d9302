//! State files: plain parquet, which any tool can read with nothing of ours installed.
//!
//! Length and hash stand in the commit record, not in the file, and are verified before a parser sees a byte: what
//! another program altered, or a disk, ends the start with a sentence and not with a panic in a decoder.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::named::StateFile;
use crate::error::{Error, Kind, Result};
use crate::mutant::{self, Mutant};
use crate::store::{Digest, DurableFile, Hashing, RESTORE, Store};

/// Bytes in memory of the rows of a row group. More than one batch is in it only up to this size, so that its rows can be
/// read into one batch: text of more than 2 GiB could not.
const ROW_GROUP: usize = if cfg!(test) { 64 << 10 } else { 256 << 20 };

/// What a state file is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The first key group in it.
    pub lo: u16,
    /// The last key group in it (inclusive).
    pub hi: u16,
    /// The epoch whose end it shows, or whose changes it holds.
    pub epoch: u64,
}

/// Writes and syncs a state file. `path` is from
/// [`Checkpoint::state_path`](crate::checkpoint::Checkpoint::state_path).
///
/// # Errors
///
/// If the batches have another schema, or the file cannot be written.
pub fn write(
    store: &dyn Store,
    path: &str,
    of: Extent,
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<StateFile> {
    let (named, file) = write_unsynced(store, path, of, schema, batches)?;
    if !mutant::is(Mutant::StateUnsynced) {
        file.sync_and_close()?;
    }
    Ok(named)
}

/// Writes a state file and leaves the sync to the caller, who passes the files of an epoch to [`Store::sync_files`]
/// together.
///
/// # Errors
///
/// If the batches have another schema, or the file cannot be written.
pub fn write_unsynced(
    store: &dyn Store,
    path: &str,
    of: Extent,
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<(StateFile, Box<dyn DurableFile>)> {
    let shown = store.describe(path);
    let failed = |error: ParquetError| {
        let kind = if matches!(error, ParquetError::External(_)) { Kind::Io } else { Kind::Internal };
        Error::new(kind, format!("writing the state file `{shown}` of epoch {}: {error}", of.epoch)).caused_by(error)
    };
    let out = Hashing::new(store.write_new_file(path)?);
    let mut writer = ArrowWriter::try_new(out, schema.clone(), Some(properties().map_err(failed)?)).map_err(failed)?;
    let (mut rows, mut group) = (0, 0);
    for batch in batches {
        let bytes = batch.get_array_memory_size();
        if group > 0 && group + bytes > ROW_GROUP {
            writer.flush().map_err(failed)?;
            group = 0;
        }
        group += bytes;
        writer.write(batch).map_err(failed)?;
        rows += batch.num_rows() as u64;
    }
    let (file, Digest { len, xxh3 }) = writer.into_inner().map_err(failed)?.finish();
    let Extent { lo, hi, epoch } = of;
    Ok((StateFile { lo, hi, epoch, path: path.to_owned(), len, xxh3, rows }, file))
}

/// Reads a state file that a commit names.
///
/// # Errors
///
/// If it is missing or corrupt.
pub fn read(store: &dyn Store, file: &StateFile) -> Result<Vec<RecordBatch>> {
    let bytes = Bytes::from(verified(store, file)?);
    let corrupt = |why: String| corrupt(store, file, &why);
    let metadata =
        ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::default()).map_err(|e| corrupt(e.to_string()))?;
    let mut batches = Vec::new();
    // A batch of rows of two groups may have too much text, see [`ROW_GROUP`].
    for group in 0..metadata.metadata().num_row_groups() {
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes.clone(), metadata.clone())
            .with_row_groups(vec![group])
            .with_batch_size(8192)
            .build()
            .map_err(|e| corrupt(e.to_string()))?;
        for batch in reader {
            batches.push(batch.map_err(|e| corrupt(e.to_string()))?);
        }
    }
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    if rows as u64 != file.rows {
        return Err(corrupt(format!("{rows} rows, {} recorded", file.rows)));
    }
    Ok(batches)
}

/// Sees that a state file is what its name in the commit says, without parsing it. A snapshot is verified so before
/// a commit names it.
///
/// # Errors
///
/// If it is missing or corrupt.
pub fn verify(store: &dyn Store, file: &StateFile) -> Result<()> {
    verified(store, file).map(drop)
}

fn verified(store: &dyn Store, file: &StateFile) -> Result<Vec<u8>> {
    let bytes = store.read(&file.path)?.ok_or_else(|| corrupt(store, file, "it is not there"))?;
    match file.digest().differs_from(&bytes) {
        None => Ok(bytes),
        Some(why) => Err(corrupt(store, file, &why)),
    }
}

fn corrupt(store: &dyn Store, file: &StateFile, why: &str) -> Error {
    let (StateFile { lo, hi, epoch, .. }, path) = (file, store.describe(&file.path));
    Error::new(Kind::Io, format!("state file `{path}` of epoch {epoch} (key groups {lo} to {hi}) is corrupt ({why})"))
        .help(RESTORE)
}

/// Only what helps us: state is read whole and once, so page indexes and statistics would cost and never pay.
fn properties() -> std::result::Result<WriterProperties, ParquetError> {
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(None)
        .build())
}

#[cfg(test)]
mod tests;
