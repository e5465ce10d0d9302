//! What a column is.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;

use super::projection::Projection;
use crate::decode::{Fault, Reader};

/// Collects the values of one column and turns them into an Arrow array.
pub trait Builder: Default + Send + 'static {
    /// Appends a value nobody will see, under a null of an enclosing `Option`.
    fn push_placeholder(&mut self);
    /// The number of values appended since the last [`Self::finish`].
    fn len(&self) -> usize;
    /// Whether nothing was appended.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The array of the values, marked null where `nulls` says so (its length is [`Self::len`]); empties the builder.
    fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef;
}

/// A type that can be kept in Arrow: columns of rows, keys and accumulators of state.
///
/// It has a borrowed view that is `Copy`, so that expressions may name it as often as they like.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored as a column",
    note = "columns are bool, integers, floats, String, Vec<u8>, Timestamp, Date, Option, Vec, and types with `#[derive(StreamSchema)]`"
)]
pub trait Stored: Sized + Send + Sync + 'static {
    /// The type that expressions see.
    type View<'a>: Copy;
    /// The builder of its Arrow array.
    type Builder: Builder;
    /// Whether the Arrow field may be null.
    const NULLABLE: bool = false;

    /// The Arrow type.
    fn data_type() -> DataType;
    /// Borrows.
    fn view(&self) -> Self::View<'_>;
    /// Owns.
    fn own(view: Self::View<'_>) -> Self;
    /// Appends to an Arrow array under construction.
    fn push(view: Self::View<'_>, builder: &mut Self::Builder);
    /// Reads one value back; `None` when the array is of another type or the value is null and must not be.
    fn load(array: &dyn Array, row: usize) -> Option<Self>;
}

/// A type that can be a field of a schema: storable, and readable from every format.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a stream schema",
    note = "fields are bool, integers, floats, String, Vec<u8>, Timestamp, Date, Option, Vec, and types with `#[derive(StreamSchema)]`"
)]
pub trait Column: Stored {
    /// Reads a value into its view; only the parts that `P` names need to be read, the others are skipped.
    ///
    /// # Errors
    /// The fault says what was expected and found, and where in the record.
    fn read<'a, R: Reader<'a>, P: Projection>(reader: &mut R) -> Result<Self::View<'a>, Fault>;

    /// What a field that the pipeline does not use holds. No expression ever sees it.
    fn unread<'a>() -> Self::View<'a>;

    /// The value of a field that is missing; `None` when it must not be.
    #[must_use]
    fn missing<'a>() -> Option<Self::View<'a>> {
        None
    }
}
