//! What a column is.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef};
use bumpalo::Bump;

use super::declared::Shape;
use super::list;
use super::projection::Projection;
use super::{Fault, Reader};

/// The bytes of memory that a block of so many takes: the allocators in use round up, and keep a word of their own.
#[inline]
#[must_use]
pub(crate) fn allocated(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { (bytes + 8).next_multiple_of(16).max(32) }
}

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
    /// How much of a batch the values take up that have no fixed size: bytes of text, and items of lists, of all levels
    /// together. Arrow counts both by 31 bits, so a batch is cut long before it has so many.
    fn bulk(&self) -> usize;
    /// The array of the values, marked null where `nulls` says so (its length is [`Self::len`]); empties the builder.
    fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef;
    /// The values as columns of a table: one, but for a tuple those of its parts. Empties the builder.
    #[doc(hidden)]
    fn columns(&mut self, out: &mut Vec<ArrayRef>) {
        out.push(self.finish(None));
    }
}

/// Takes the values of a batch and makes room for as many, so that the next one does not move while it grows.
pub(super) fn take<T>(values: &mut Vec<T>) -> Vec<T> {
    let room = Vec::with_capacity(values.len());
    std::mem::replace(values, room)
}

/// The builder of an array of values of one size, from what they are kept as: `Name(kept), |values, nulls| array`.
macro_rules! fixed_builder {
    (
        $(#[$doc:meta])*
        $name:ident $(<$($p:ident),+>)? ($kept:ty), |$values:ident, $nulls:ident| $array:expr
    ) => {
        $(#[$doc])*
        #[derive(Default)]
        pub struct $name $(<$(const $p: u8),+>)? (Vec<$kept>);

        impl $(<$(const $p: u8),+>)? Builder for $name $(<$($p),+>)? {
            #[inline]
            fn push_placeholder(&mut self) {
                self.0.push(0);
            }
            fn len(&self) -> usize {
                self.0.len()
            }
            #[inline]
            fn bulk(&self) -> usize {
                0
            }
            fn finish(&mut self, $nulls: Option<NullBuffer>) -> ArrayRef {
                let $values = take(&mut self.0).into();
                Arc::new($array)
            }
        }
    };
}
pub(super) use fixed_builder;

/// A type that can be kept in Arrow: columns of rows, keys and accumulators of state.
///
/// It has a borrowed view that is `Copy`, so that expressions may name it as often as they like.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored as a column",
    note = "columns are bool, integers, floats, String, Vec<u8>, Timestamp, Date, Duration, Decimal, Option, Vec, and types with `#[derive(StreamSchema)]`"
)]
pub trait Stored: Sized + Send + Sync + 'static {
    /// The type that expressions see.
    type View<'a>: Copy;
    /// The builder of its Arrow array.
    type Builder: Builder;
    /// Whether the Arrow field may be null.
    const NULLABLE: bool = false;
    /// The type's name, for what is checked while a pipeline is compiled.
    const SHAPE: Shape = Shape::Unknown;

    /// The Arrow type.
    fn data_type() -> DataType;
    /// Borrows; what is no reference to the value itself, such as a list of views, lives in the arena.
    fn view<'a>(&'a self, arena: &'a Bump) -> Self::View<'a>;
    /// Owns.
    fn own(view: Self::View<'_>) -> Self;
    /// Appends to an Arrow array under construction.
    fn push(view: Self::View<'_>, builder: &mut Self::Builder);
    /// Appends an owned value to an Arrow array under construction.
    fn push_owned(&self, builder: &mut Self::Builder) {
        Self::push(self.view(&Bump::new()), builder);
    }
    /// The bytes of memory it holds besides its own size: text, and the items of lists. Progress, snapshots and the budget of
    /// state go by it.
    #[inline]
    fn heap(&self) -> usize {
        0
    }
    /// Reads one value back; `None` when the array is of another type or the value is null and must not be.
    fn load(array: &dyn Array, row: usize) -> Option<Self>;
    /// Reads one value back from its columns, as [`Builder::columns`] gave them, and takes these.
    #[doc(hidden)]
    fn load_columns(columns: &mut std::slice::Iter<'_, ArrayRef>, row: usize) -> Option<Self> {
        Self::load(columns.next()?.as_ref(), row)
    }
    /// Whether each of its columns may be null, one after the other.
    #[doc(hidden)]
    fn nullables(out: &mut Vec<bool>) {
        out.push(Self::NULLABLE);
    }

    // How lists of this type are kept: as Arrow lists of its columns, unless the type has a better way. Only `u8` has:
    // a list of bytes is a byte string. The numbers copy their slices at once.

    /// The Arrow type of a list.
    #[doc(hidden)]
    fn list_type() -> DataType {
        DataType::List(item_field::<Self>())
    }
    /// The Arrow array of lists that end where `offsets` say.
    #[doc(hidden)]
    fn list_array(offsets: OffsetBuffer<i32>, items: ArrayRef, nulls: Option<NullBuffer>) -> ArrayRef {
        Arc::new(ListArray::new(item_field::<Self>(), offsets, items, nulls))
    }
    /// Borrows a list.
    #[doc(hidden)]
    fn list_view<'a>(list: &'a [Self], arena: &'a Bump) -> &'a [Self::View<'a>] {
        arena.alloc_slice_fill_iter(list.iter().map(|item| item.view(arena)))
    }
    /// Appends the items of a list to the builder of items.
    #[doc(hidden)]
    #[inline]
    fn list_push(list: &[Self::View<'_>], items: &mut Self::Builder) {
        for item in list {
            Self::push(*item, items);
        }
    }
    /// Appends the items of an owned list to the builder of items.
    #[doc(hidden)]
    fn list_push_owned(list: &[Self], items: &mut Self::Builder) {
        for item in list {
            item.push_owned(items);
        }
    }
    /// Reads a list back.
    #[doc(hidden)]
    fn list_load(array: &dyn Array, row: usize) -> Option<Vec<Self>> {
        let array = array.as_list_opt::<i32>()?;
        if row >= array.len() || array.is_null(row) {
            return None;
        }
        let items = array.value(row);
        (0..items.len()).map(|item| Self::load(items.as_ref(), item)).collect()
    }
}

/// The Arrow field of the items of a list.
fn item_field<T: Stored>() -> FieldRef {
    Arc::new(Field::new_list_field(T::data_type(), T::NULLABLE))
}

/// Says, while a program is compiled, that a type cannot be the field of a schema.
pub const fn is_column<T: Column>() {}

/// A type that can be a field of a schema: storable, and readable from every format.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a stream schema",
    note = "fields are bool, integers from `i8` to `u64`, floats, String, Vec<u8>, Timestamp, Date, Duration, Decimal, Option, Vec, maps, and types with `#[derive(StreamSchema)]`"
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

    /// Reads a list of this type.
    ///
    /// # Errors
    /// As [`Self::read`].
    #[doc(hidden)]
    #[inline]
    fn list_read<'a, R: Reader<'a>, P: Projection>(reader: &mut R) -> Result<&'a [Self::View<'a>], Fault> {
        list::read::<R, Self, P>(reader)
    }
}
