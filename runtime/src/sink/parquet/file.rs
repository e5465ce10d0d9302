//! One file under construction.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use ::parquet::basic::{Encoding, PageType};
use ::parquet::column::writer::ColumnCloseResult;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats};
use ::parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use ::parquet::file::statistics::{Statistics, ValueStatistics};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::ColumnPath;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::descriptors::Counted;
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
    /// The columns of which a file had too many different values for a dictionary: the next ones have none for them, as to
    /// fill one that is then given up takes more time than all else of the column.
    pub(super) plain: Arc<Mutex<HashSet<ColumnPath>>>,
    /// The most rows in a row group.
    pub(super) row_group_rows: usize,
}

impl Shape {
    /// How the next file is written.
    fn next_properties(&self) -> WriterProperties {
        let plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        let properties = self.properties.clone().into_builder();
        let without = |properties: WriterPropertiesBuilder, column: &ColumnPath| {
            properties.set_column_dictionary_enabled(column.clone(), false)
        };
        plain.iter().fold(properties, without).build()
    }

    /// Learns from a column of a row group whether it is one for a dictionary.
    fn learn(&self, column: &ColumnChunkMetaData) {
        let plain_page = |page: &PageEncodingStats| {
            matches!(page.page_type, PageType::DATA_PAGE | PageType::DATA_PAGE_V2) && page.encoding == Encoding::PLAIN
        };
        let given_up = column.dictionary_page_offset().is_some()
            && column.page_encoding_stats().is_some_and(|pages| pages.iter().any(plain_page));
        if given_up {
            let mut plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
            plain.insert(column.column_path().clone());
        }
    }
}

/// A file that takes rows.
pub(super) struct OpenFile {
    /// For messages.
    path: String,
    writer: SerializedFileWriter<Hashing<Box<dyn DurableFile>>>,
    factory: ArrowRowGroupWriterFactory,
    shape: Shape,
    /// The writers of the row group under construction; empty when there is none.
    columns: Vec<ArrowColumnWriter>,
    rows_in_group: usize,
    rows: u64,
    counted: Option<Counted>,
}

/// A file that is complete but not yet synced.
pub(super) struct Finished {
    pub(super) file: Box<dyn DurableFile>,
    pub(super) len: u64,
    pub(super) xxh3: String,
    pub(super) rows: u64,
    pub(super) counted: Option<Counted>,
}

impl OpenFile {
    /// Makes a new file; there must be none of its name.
    pub(super) fn create(store: &dyn Store, path: &str, shape: &Shape) -> Result<Self> {
        let file = store.write_new_file(path)?;
        let (path, counted) = (store.describe(path), file.is_descriptor().then(Counted::new));
        let parts = ArrowWriter::try_new(Hashing::new(file), Arc::clone(&shape.schema), Some(shape.next_properties()))
            .and_then(ArrowWriter::into_serialized_writer);
        let (writer, factory) = parts.map_err(|error| failed(&path, error))?;
        Ok(Self {
            path,
            writer,
            factory,
            shape: shape.clone(),
            columns: Vec::new(),
            rows_in_group: 0,
            rows: 0,
            counted,
        })
    }

    /// Whether it takes a file descriptor.
    pub(super) fn is_descriptor(&self) -> bool {
        self.counted.is_some()
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
            let len = (batch.num_rows() - at).min(self.shape.row_group_rows.saturating_sub(self.rows_in_group).max(1));
            self.append(&batch.slice(at, len)).map_err(|error| failed(&self.path, error))?;
            at += len;
            if self.rows_in_group >= self.shape.row_group_rows || self.group_bytes() >= ROW_GROUP_BYTES {
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
        for (field, array) in self.shape.schema.fields().iter().zip(batch.columns()) {
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
            self.shape.learn(&chunk.close_mut().metadata);
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
        Ok(Finished { file, len, xxh3, rows: self.rows, counted: self.counted })
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
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(cause) => Error::io(doing, *cause),
            Err(cause) => Error::new(Kind::Io, format!("{doing}: {cause}")).caused_by(cause),
        },
        error => Error::new(Kind::Output, format!("{doing}: {error}"))
            .caused_by(error)
            .help("the rows cannot be stored as parquet"),
    }
}
