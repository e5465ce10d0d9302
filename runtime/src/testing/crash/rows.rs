//! Rows as text, to be compared.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The rows of a file: of parquet each row, of anything else the whole of it.
pub(super) fn of_file(path: &str, bytes: &[u8]) -> Result<Vec<String>, String> {
    if !path.ends_with(".parquet") {
        return Ok(vec![String::from_utf8_lossy(bytes).into_owned()]);
    }
    let failed = |error: String| format!("a reader cannot read `{path}`: {error}");
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes.to_vec()))
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .map_err(|error| failed(error.to_string()))?;
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|error| failed(error.to_string()))?;
    of_batches(&batches)
}

pub(super) fn of_batches(batches: &[RecordBatch]) -> Result<Vec<String>, String> {
    let mut rows = Vec::new();
    for batch in batches {
        let (schema, options) = (batch.schema(), FormatOptions::default().with_null("null"));
        let plain = batch.columns().iter().map(|column| cast(column, &without_zone(column.data_type())));
        let plain = plain.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        let columns = plain.iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        for row in 0..batch.num_rows() {
            let values = schema.fields().iter().zip(&columns);
            let values = values.map(|(field, column)| format!("{}={}", field.name(), column.value(row)));
            rows.push(values.collect::<Vec<_>>().join(" "));
        }
    }
    Ok(rows)
}

/// The same type with timestamps that name no time zone, of which Arrow would have to know the names.
fn without_zone(of: &DataType) -> DataType {
    let field = |field: &Field| Arc::new(field.clone().with_data_type(without_zone(field.data_type())));
    match of {
        DataType::Timestamp(unit, _) => DataType::Timestamp(*unit, None),
        DataType::List(item) => DataType::List(field(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|of| field(of)).collect()),
        other => other.clone(),
    }
}

/// What is in `some` and not in `others`, each as often as it is there more often; both are sorted.
pub(super) fn difference<'a>(some: &'a [String], others: &[String]) -> Vec<&'a String> {
    let mut others = others.iter().peekable();
    let mut only = Vec::new();
    for row in some {
        while others.next_if(|other| *other < row).is_some() {}
        if others.next_if(|other| *other == row).is_none() {
            only.push(row);
        }
    }
    only
}
