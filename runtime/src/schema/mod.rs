//! Rows and their columns.
//!
//! * [`column`]: what a column is: an owned type, its borrowed `Copy` view, its Arrow array.
//! * [`cell`]: which values an expression may give a column.
//! * [`row`]: rows of columns and the batches they are collected in.
//! * [`extend`]: a schema's row with columns added, replaced and left out.
//! * [`projection`]: which fields of a schema a pipeline uses.
//! * [`kind`]: the other rules on types, each with its sentence for the user.
//! * [`primitive`], [`text`], [`optional`], [`temporal`], [`list`]: the columns of Rust's own types.

pub mod cell;
pub mod column;
pub mod extend;
pub mod kind;
pub mod optional;
pub mod primitive;
pub mod projection;
pub mod row;
mod row_macro;
pub mod temporal;
pub mod text;

pub use cell::{Cell, Value};
pub use column::{Builder, Column, Stored};
pub use kind::{EventTime, Predicate};
pub use projection::{All, Projection};
pub use row::{Row, RowBuilder, Rows};

/// A struct whose fields are the columns of a stream; made by `#[derive(StreamSchema)]`.
///
/// The struct's borrowed view, [`Stored::View`], is itself a [`Row`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a stream schema",
    label = "this type has no columns",
    note = "write `#[derive(StreamSchema)]` above `struct {Self}`"
)]
pub trait StreamSchema: Column {
    /// The struct's name, for messages.
    const NAME: &'static str;
    /// The fields in their order, under the names they have on the wire and in Arrow.
    const FIELDS: &'static [&'static str];
    /// The field marked `#[stream(event_time)]`, if one is.
    const EVENT_TIME: Option<&'static str>;
    /// The Arrow fields, in the order of [`Self::FIELDS`].
    fn fields() -> arrow::datatypes::Fields;
}
