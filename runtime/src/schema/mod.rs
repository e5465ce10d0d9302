//! Rows and their columns.
//!
//! * [`mod@column`]: what a column is: an owned type, its borrowed `Copy` view, its Arrow array.
//! * [`mod@arrow`]: what of Arrow a schema's code names.
//! * [`batch`]: rows of a struct from Arrow batches.
//! * [`cell`]: which values an expression may give a column.
//! * [`row`]: rows of columns and the batches they are collected in.
//! * [`declared`]: whether a row is what `as Out` says.
//! * [`extend`]: a schema's row with columns added, replaced and left out.
//! * [`projection`]: which fields of a schema a pipeline uses.
//! * [`fields`]: what a schema's code is put together from.
//! * [`mod@format`]: how a field is written where its type alone does not say it.
//! * [`kind`]: the other rules on types, each with its sentence for the user.
//! * [`primitive`], [`text`], [`optional`], [`temporal`], [`mod@decimal`], [`list`], [`map`]: the columns of
//!   Rust's own types and of ours. [`Newtype`] is for the user's.

pub mod arrow;
mod at;
pub mod batch;
pub mod cell;
pub mod column;
pub mod decimal;
pub mod declared;
pub mod extend;
mod fault;
pub mod fields;
pub mod format;
pub mod kind;
pub mod list;
pub mod map;
mod newtype;
pub mod optional;
pub mod primitive;
pub mod projection;
mod reader;
pub mod row;
mod row_macro;
pub mod temporal;
pub mod text;
mod window;

pub use at::At;
/// The place for what a row needs and its input does not have as it is, such as text with escapes: it is kept for one chunk.
pub use bumpalo::Bump as Arena;
pub use cell::{Cell, Lend, Value};
pub use column::{Builder, Column, Stored};
pub use declared::Shape;
pub use fault::{Fault, Found};
pub use kind::{EventTime, Predicate};
pub use newtype::Newtype;
pub use projection::{All, Projection};
pub use reader::{Name, Reader};
pub use row::{Row, RowBuilder, Rows};
pub use window::Window;

/// A struct whose fields are the columns of a stream; made by `#[derive(StreamSchema)]`.
///
/// The struct's borrowed view, [`Stored::View`], is itself a [`Row`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a stream schema",
    label = "this type has no columns",
    note = "it takes a struct of the program with `#[derive(StreamSchema)]` above it"
)]
pub trait StreamSchema: Column {
    /// `Self`. Where a pipeline's text names `T` as its schema, the code names this: of a type that is no schema rustc then
    /// says so, and nothing more about the stages behind it.
    type Itself: StreamSchema;
    /// The struct's name, for messages.
    const NAME: &'static str;
    /// The columns in their order, by the names of the struct's fields: what expressions call them, and Arrow. How they are
    /// written on the wire (`rename`, `alias`) only [`Column::read`] knows.
    const FIELDS: &'static [&'static str];
    /// The types of the columns, for what is checked while a pipeline is compiled; empty if they are not known then.
    const SHAPES: &'static [Shape] = &[];
    /// The column marked `#[stream(event_time)]`, if one is.
    const EVENT_TIME: Option<&'static str>;
    /// The Arrow fields, in the order of [`Self::FIELDS`].
    fn fields() -> arrow::Fields;
}
