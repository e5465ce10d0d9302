//! What of Arrow a schema's code names: a program with a schema need not depend on Arrow itself, in the right version.
//!
//! These are other names, not re-exports, as rustc would list the variants of a re-exported `DataType` among the things that
//! a `Duration` or a `Timestamp` could be, and write out the paths of both in every message.

pub use ::arrow::array::Array;

/// An array behind its type.
pub type ArrayRef = ::arrow::array::ArrayRef;

/// Which values of an array are null.
pub type NullBuffer = ::arrow::buffer::NullBuffer;

/// The type of a column.
pub type DataType = ::arrow::datatypes::DataType;

/// A column's name, type, and whether it may be null.
pub type Field = ::arrow::datatypes::Field;

/// Columns.
pub type Fields = ::arrow::datatypes::Fields;

/// The columns of a batch.
pub type SchemaRef = ::arrow::datatypes::SchemaRef;
