//! Rows of a struct from Arrow batches.

use arrow::array::{Array, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Fields, Schema};

use super::StreamSchema;
use crate::Result;
use crate::error::{Error, Kind};

/// The rows of batches as values of `T`.
///
/// Columns are found by their names; their order and other columns do not matter.
///
/// # Errors
/// A column is missing, has another type, or holds a null that `T` has no place for: the error names the column and both
/// types, or the row.
///
/// ```no_run
/// # fn example<Reading: millstream::schema::StreamSchema>(batches: &[arrow::array::RecordBatch]) -> millstream::Result<()> {
/// let readings: Vec<Reading> = millstream::schema::batch::read_rows(batches)?;
/// # Ok(()) }
/// ```
pub fn read_rows<T: StreamSchema>(batches: &[RecordBatch]) -> Result<Vec<T>> {
    let mut rows = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for batch in batches {
        check::<T>(batch.schema_ref())?;
        let array = StructArray::from(batch.clone());
        for row in 0..array.len() {
            rows.push(T::load(&array, row).ok_or_else(|| unreadable::<T>(batch, row))?);
        }
    }
    Ok(rows)
}

/// Whether batches of a schema can be read as `T`, but for nulls.
///
/// # Errors
/// As [`read_rows`].
pub fn check<T: StreamSchema>(schema: &Schema) -> Result<()> {
    for expected in &T::fields() {
        let name = expected.name();
        let wrong = |found: &str| {
            Error::new(
                Kind::Config,
                format!("rows cannot be read as `{}`: column `{name}` is {}, {found}", T::NAME, expected.data_type()),
            )
        };
        match schema.field_with_name(name) {
            Err(_) => {
                let all: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
                return Err(wrong("but the rows have none of its name")
                    .help(format!("the columns of the rows are {}; `select` it, or drop the field", all.join(", "))));
            }
            Ok(found) if !same(expected.data_type(), found.data_type()) => {
                return Err(wrong(&format!("but the rows have {}", found.data_type()))
                    .help("declare the field with the type of the rows, or convert the column in a `select`"));
            }
            Ok(_) => {}
        }
    }
    Ok(())
}

/// Whether values of type `found` can be read as `expected`: fields of structs are found by name.
fn same(expected: &DataType, found: &DataType) -> bool {
    match (expected, found) {
        (DataType::Struct(expected), DataType::Struct(found)) => same_fields(expected, found),
        (DataType::List(expected), DataType::List(found)) => same(expected.data_type(), found.data_type()),
        (expected, found) => expected == found,
    }
}

fn same_fields(expected: &Fields, found: &Fields) -> bool {
    expected.iter().all(|expected| {
        found.find(expected.name()).is_some_and(|(_, found)| same(expected.data_type(), found.data_type()))
    })
}

/// Why a row cannot be read, when the types fit: something is null.
#[cold]
fn unreadable<T: StreamSchema>(batch: &RecordBatch, row: usize) -> Error {
    let null = T::fields().iter().find_map(|field| {
        let column = batch.column_by_name(field.name())?;
        (!field.is_nullable() && column.is_null(row)).then(|| field.name().clone())
    });
    let what = match null {
        Some(name) => format!("column `{name}` is null"),
        None => "a value inside of a column is null".to_owned(),
    };
    Error::new(Kind::Data, format!("row {row} cannot be read as `{}`: {what}", T::NAME))
        .help("declare the field as an `Option`, or filter such rows out")
}
