//! What generated code may name besides the public API. Not for users.

pub use ::arrow;
pub use ::arrow::array::{Array, ArrayRef};
pub use ::arrow::buffer::NullBuffer;
pub use ::arrow::datatypes::{DataType, Field, Fields, SchemaRef};
pub use ::bumpalo::Bump as Arena;
pub use ::std;

pub use crate::decode::{Fault, Reader};
pub use crate::operator::key::{Key, KeyRef};
pub use crate::schema::format::ReadAs;
pub use crate::schema::kind::UnitEnum;
pub use crate::schema::projection::{Inside, uses};
pub use crate::schema::row::schema_of;
pub use crate::schema::text::StringBuilder;
pub use crate::schema::{
    Builder, Cell, Column, EventTime, Projection, Row, RowBuilder, Stored, StreamSchema, Value, format,
};
pub use crate::time::Timestamp;

use ::arrow::array::{StringArray, StructArray};

use crate::schema::kind::Instant;

/// Reads the value of a field into its place.
///
/// # Errors
/// The field was found before; and the faults of `read`, in the field called `key` in the record.
#[inline]
pub fn take<'a, R: Reader<'a>, V>(
    place: &mut Option<V>,
    reader: &mut R,
    key: &str,
    name: &'static str,
    read: impl FnOnce(&mut R) -> Result<V, Fault>,
) -> Result<(), Fault> {
    if place.is_some() {
        return Err(reader.duplicate(name));
    }
    match read(reader) {
        Ok(value) => *place = Some(value),
        Err(fault) => return Err(fault.within(key)),
    }
    Ok(())
}

/// The value of a field after its object was read: what was found, nothing when unused, or what a missing field means.
///
/// # Errors
/// The field is missing and must not be.
#[inline]
pub fn field<'a, R: Reader<'a>, T: Column>(
    reader: &R,
    found: Option<T::View<'a>>,
    used: bool,
    name: &'static str,
) -> Result<T::View<'a>, Fault> {
    match found {
        Some(value) => Ok(value),
        None if !used => Ok(T::unread()),
        None => T::missing().ok_or_else(|| reader.missing(name)),
    }
}

/// As [`field`], of a field with `#[stream(default)]`.
#[inline]
pub fn field_or<'a, R: Reader<'a>, T: Column>(
    reader: &R,
    found: Option<T::View<'a>>,
    used: bool,
    default: impl FnOnce() -> &'static T,
) -> T::View<'a> {
    match found {
        Some(value) => value,
        None if !used => T::unread(),
        None => T::view(default(), reader.arena()),
    }
}

/// The event time of a row, of its field of type `T`.
#[inline]
pub fn event_time<T: Stored + Instant>(view: T::View<'_>) -> Timestamp {
    T::own(view).instant()
}

/// Reads a field of type `T` in the way of `format`.
///
/// # Errors
/// Those of the format.
#[inline]
pub fn read_as<'a, T: Stored, R: Reader<'a>, F: ReadAs<T>>(format: F, reader: &mut R) -> Result<T::View<'a>, Fault> {
    format.read_as(reader)
}

/// Says, at compile time, that a type cannot be the field of a schema.
pub const fn is_column<T: Column>() {}

/// Says, at compile time, that an enum lacks derives.
pub const fn is_unit_enum<T: UnitEnum>() {}

/// The Arrow field of a column.
#[must_use]
pub fn arrow_field<T: Stored>(name: &str) -> Field {
    Field::new(name, T::data_type(), T::NULLABLE)
}

/// The array of a struct, from those of its fields.
#[must_use]
pub fn struct_array(fields: Fields, arrays: Vec<ArrayRef>, nulls: Option<NullBuffer>) -> ArrayRef {
    std::sync::Arc::new(StructArray::new(fields, arrays, nulls))
}

/// The array of structs that has a value in this row.
#[must_use]
pub fn struct_at(array: &dyn Array, row: usize) -> Option<&StructArray> {
    let array = array.as_any().downcast_ref::<StructArray>()?;
    (row < array.len() && array.is_valid(row)).then_some(array)
}

/// The value of a struct's field in this row.
#[must_use]
pub fn load_field<T: Stored>(array: &StructArray, name: &str, row: usize) -> Option<T> {
    T::load(array.column_by_name(name)?.as_ref(), row)
}

/// The text in this row.
#[must_use]
pub fn text_at(array: &dyn Array, row: usize) -> Option<&str> {
    let array = array.as_any().downcast_ref::<StringArray>()?;
    (row < array.len() && array.is_valid(row)).then(|| array.value(row))
}

/// Appends text to a key's canonical bytes, as the key `String` does.
pub fn canonical_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}
