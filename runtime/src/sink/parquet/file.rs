//! One file under construction.

use std::io;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use ::parquet::column::writer::ColumnCloseResult;
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::statistics::{Statistics, ValueStatistics};
use ::parquet::file::writer::SerializedFileWriter;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::Result;
use crate::error::{Error, Kind};
use crate::store::{Digest, DurableFile, Hashing, Store};

/// Encoded bytes at which a row group ends.
const ROW_GROUP_BYTES: u64 = 128 << 20;

/// What all files of a sink have in common.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// The columns of the files.
    pub(super) schema: SchemaRef,
    /// How they are written.
    pub(super) properties: WriterProperties,
    /// The most rows in a row group.
    pub(super) row_group_rows: usize,
}

/// A file that takes rows.
pub(super) struct OpenFile {
    /// For messages.
    path: String,
    writer: SerializedFileWriter<Hashing<Box<dyn DurableFile>>>,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    row_group_rows: usize,
    /// The writers of the row group under construction; empty when there is none.
    columns: Vec<ArrowColumnWriter>,
    rows_in_group: usize,
    rows: u64,
}

/// A file that is complete but not yet synced.
pub(super) struct Finished {
    pub(super) file: Box<dyn DurableFile>,
    pub(super) len: u64,
    pub(super) xxh3: String,
    pub(super) rows: u64,
}

impl OpenFile {
    /// Makes a new file; there must be none of its name.
    pub(super) fn create(store: &dyn Store, path: &str, shape: &Shape) -> Result<Self> {
        let file = store.write_new_file(path).map_err(|error| match error.kind() {
            Kind::Io => Error::new(Kind::Output, error.message())
                .help("the folder beside the output must be writable, and the disk have room and inodes"),
            _ => error,
        })?;
        let path = store.describe(path);
        let parts = ArrowWriter::try_new(Hashing::new(file), Arc::clone(&shape.schema), Some(shape.properties.clone()))
            .and_then(ArrowWriter::into_serialized_writer);
        let (writer, factory) = parts.map_err(|error| failed(&path, error))?;
        Ok(Self {
            path,
            writer,
            factory,
            schema: Arc::clone(&shape.schema),
            row_group_rows: shape.row_group_rows,
            columns: Vec::new(),
            rows_in_group: 0,
            rows: 0,
        })
    }

    /// The size so far in bytes, with an estimate for what is not yet written.
    pub(super) fn size(&self) -> u64 {
        self.writer.bytes_written() as u64 + self.group_bytes()
    }

    /// An estimate of the bytes of the row group under construction, which are in memory.
    pub(super) fn group_bytes(&self) -> u64 {
        self.columns.iter().map(|column| column.get_estimated_total_bytes() as u64).sum()
    }

    /// Appends rows.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut at = 0;
        while at < batch.num_rows() {
            let len = (batch.num_rows() - at).min(self.row_group_rows.saturating_sub(self.rows_in_group).max(1));
            self.append(&batch.slice(at, len)).map_err(|error| failed(&self.path, error))?;
            at += len;
            if self.rows_in_group >= self.row_group_rows || self.group_bytes() >= ROW_GROUP_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn append(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        if self.columns.is_empty() {
            self.columns = self.factory.create_column_writers(self.writer.flushed_row_groups().len())?;
        }
        let mut writers = self.columns.iter_mut();
        for (field, array) in self.schema.fields().iter().zip(batch.columns()) {
            for leaf in compute_leaves(field, array)? {
                let writer = writers.next().ok_or_else(|| ParquetError::General("a column has no writer".into()))?;
                writer.write(&leaf)?;
            }
        }
        self.rows_in_group += batch.num_rows();
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Writes the row group under construction and frees its memory.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.end_group().map_err(|error| failed(&self.path, error))
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        if self.rows_in_group == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for column in self.columns.drain(..) {
            let mut chunk = column.close()?;
            hide_nan(chunk.close_mut())?;
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        self.rows_in_group = 0;
        Ok(())
    }

    /// Completes the file. It is not synced.
    pub(super) fn finish(mut self) -> Result<Finished> {
        // `into_inner` writes the footer.
        let done = self.end_group().and_then(|()| self.writer.into_inner());
        let (file, Digest { len, xxh3 }) = done.map_err(|error| failed(&self.path, error))?.finish();
        Ok(Finished { file, len, xxh3, rows: self.rows })
    }
}

/// Takes the minimum and maximum from the statistics of a chunk with NaN. The encoder leaves NaN out of them; a reader to
/// whom NaN is greater than every number would skip the chunk that holds it.
fn hide_nan(closed: &mut ColumnCloseResult) -> Result<(), ParquetError> {
    let Some(statistics) = closed.metadata.statistics() else { return Ok(()) };
    if statistics.nan_count_opt().unwrap_or(0) == 0 {
        return Ok(());
    }
    let (nulls, nans) = (statistics.null_count_opt(), statistics.nan_count_opt());
    let without = match statistics {
        Statistics::Float(_) => {
            Statistics::Float(ValueStatistics::new(None, None, None, nulls, false).with_nan_count(nans))
        }
        Statistics::Double(_) => {
            Statistics::Double(ValueStatistics::new(None, None, None, nulls, false).with_nan_count(nans))
        }
        _ => return Ok(()),
    };
    closed.metadata = closed.metadata.clone().into_builder().set_statistics(without).build()?;
    closed.column_index = None;
    Ok(())
}

/// An error while a staged file was written.
fn failed(path: &str, error: ParquetError) -> Error {
    let doing = format!("writing the staged file `{path}`");
    let cause = match &error {
        ParquetError::External(cause) => cause.downcast_ref::<io::Error>(),
        _ => None,
    };
    if let Some(of_store) = cause.and_then(|cause| Error::inside(&doing, cause)) {
        return of_store;
    }
    let (kind, help) = match cause {
        Some(_) => (Kind::Io, "see whether the disk is full or failing"),
        None => (Kind::Output, "the rows cannot be stored as parquet"),
    };
    Error::new(kind, format!("{doing}: {error}")).caused_by(error).help(help)
}
