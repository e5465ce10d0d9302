//! What a schema's code is put together from: its fields are read from an object, and kept in an array of structs.
//!
//! `#[derive(StreamSchema)]` writes calls of these functions. So can a schema that is written by hand, here of one column:
//!
//! ```
//! use millstream::schema::arrow::{Array, ArrayRef, DataType, Fields, NullBuffer, SchemaRef};
//! use millstream::schema::fields::{arrow_field, field, load_field, struct_array, struct_at, take};
//! use millstream::schema::projection::{Inside, uses};
//! use millstream::schema::row::schema_of;
//! use millstream::schema::{Arena, Builder, Column, Fault, Projection, Reader, Row, RowBuilder, Stored, StreamSchema};
//!
//! #[derive(Debug, PartialEq)]
//! struct Degrees {
//!     value: f64,
//! }
//!
//! #[derive(Clone, Copy)]
//! struct DegreesView<'a> {
//!     value: <f64 as Stored>::View<'a>,
//! }
//!
//! #[derive(Default)]
//! struct Builders {
//!     value: <f64 as Stored>::Builder,
//! }
//!
//! impl Builder for Builders {
//!     fn push_placeholder(&mut self) {
//!         self.value.push_placeholder();
//!     }
//!     fn len(&self) -> usize {
//!         Builder::len(&self.value)
//!     }
//!     fn bulk(&self) -> usize {
//!         self.value.bulk()
//!     }
//!     fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
//!         struct_array(Degrees::fields(), vec![self.value.finish(None)], nulls)
//!     }
//! }
//!
//! impl Stored for Degrees {
//!     type View<'a> = DegreesView<'a>;
//!     type Builder = Builders;
//!     fn data_type() -> DataType {
//!         DataType::Struct(Self::fields())
//!     }
//!     fn view<'a>(&'a self, arena: &'a Arena) -> DegreesView<'a> {
//!         DegreesView { value: Stored::view(&self.value, arena) }
//!     }
//!     fn own(view: DegreesView<'_>) -> Self {
//!         Self { value: Stored::own(view.value) }
//!     }
//!     fn push(view: DegreesView<'_>, builder: &mut Builders) {
//!         <f64 as Stored>::push(view.value, &mut builder.value);
//!     }
//!     fn load(array: &dyn Array, row: usize) -> Option<Self> {
//!         Some(Self { value: load_field(struct_at(array, row)?, "value", row)? })
//!     }
//! }
//!
//! impl Column for Degrees {
//!     fn read<'a, R: Reader<'a>, P: Projection>(reader: &mut R) -> Result<DegreesView<'a>, Fault> {
//!         let mut value = None;
//!         let number = |key: &str| match key {
//!             "value" if const { uses::<P, Degrees>(0) } => 0,
//!             _ => usize::MAX,
//!         };
//!         reader.fields(number, |reader, number, key| match number {
//!             0 => take(&mut value, reader, key, "value", <f64 as Column>::read::<R, Inside<P, Degrees, 0>>),
//!             _ => reader.skip(),
//!         })?;
//!         Ok(DegreesView { value: field::<R, f64>(reader, value, const { uses::<P, Degrees>(0) }, "value")? })
//!     }
//!     fn unread<'a>() -> DegreesView<'a> {
//!         DegreesView { value: <f64 as Column>::unread() }
//!     }
//! }
//!
//! impl StreamSchema for Degrees {
//!     type Itself = Self;
//!     const NAME: &'static str = "Degrees";
//!     const FIELDS: &'static [&'static str] = &["value"];
//!     const EVENT_TIME: Option<&'static str> = None;
//!     fn fields() -> Fields {
//!         vec![arrow_field::<f64>("value")].into()
//!     }
//! }
//!
//! // The view is a row.
//! impl RowBuilder for Builders {
//!     fn schema() -> SchemaRef {
//!         schema_of(Degrees::fields())
//!     }
//!     fn len(&self) -> usize {
//!         Builder::len(self)
//!     }
//!     fn bulk(&self) -> usize {
//!         Builder::bulk(self)
//!     }
//!     fn finish(&mut self) -> Vec<ArrayRef> {
//!         vec![self.value.finish(None)]
//!     }
//! }
//!
//! impl Row for DegreesView<'_> {
//!     type Builders = Builders;
//!     fn push(self, builders: &mut Builders) {
//!         <Degrees as Stored>::push(self, builders);
//!     }
//! }
//!
//! let rows = millstream::sink::collect();
//! millstream::pipeline! {
//!     from memory([r#"{"value": 21.5}"#, r#"{"value": -1}"#])
//!     | decode json as Degrees
//!     | filter value > 0.0
//!     | sink {rows.clone()}
//! }
//! .run_blocking()?;
//! assert_eq!(rows.rows::<Degrees>()?, [Degrees { value: 21.5 }]);
//! # Ok::<(), millstream::Error>(())
//! ```

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Field, Fields};

use super::format::ReadAs;
use super::kind::Instant;
use super::{Column, Fault, Name, Reader, Stored};
use crate::time::Timestamp;

/// Reads the value of a field into its place.
///
/// # Errors
/// The field was found before; and the faults of `read`, in the field called `key` in the record.
#[inline]
pub fn take<'a, R: Reader<'a>, V>(
    place: &mut Option<V>,
    reader: &mut R,
    key: Name<'a>,
    name: &'static str,
    read: impl FnOnce(&mut R) -> Result<V, Fault>,
) -> Result<(), Fault> {
    if place.is_some() {
        return Err(reader.duplicate(name));
    }
    match read(reader) {
        Ok(value) => *place = Some(value),
        Err(fault) => return Err(fault.within(key.as_str())),
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

/// Reads a field of type `T` in the way of `format`, which `#[stream(format = ..)]` names.
///
/// # Errors
/// Those of the format.
#[inline]
pub fn read_as<'a, T: Stored, R: Reader<'a>, F: ReadAs<T>>(format: F, reader: &mut R) -> Result<T::View<'a>, Fault> {
    format.read_as(reader)
}

/// The event time of a row, of its field of type `T`.
#[inline]
pub fn event_time<T: Stored + Instant>(view: T::View<'_>) -> Timestamp {
    T::own(view).instant()
}

/// The Arrow field of a column.
#[must_use]
pub fn arrow_field<T: Stored>(name: &str) -> Field {
    Field::new(name, T::data_type(), T::NULLABLE)
}

/// The array of a struct, from those of its fields.
#[must_use]
pub fn struct_array(fields: Fields, arrays: Vec<ArrayRef>, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(StructArray::new(fields, arrays, nulls))
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
