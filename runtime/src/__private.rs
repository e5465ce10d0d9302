//! What generated code may name besides the public API. Not for users.

pub use ::arrow;
pub use ::arrow::array::{Array, ArrayRef};
pub use ::arrow::buffer::NullBuffer;
pub use ::arrow::datatypes::{DataType, Field, Fields, SchemaRef};
pub use ::bumpalo::Bump as Arena;
pub use ::std;

pub use crate::agg::scalar::{Ordered, Scalar};
pub use crate::agg::state::Required;
pub use crate::decode::{Fault, Reader};
pub use crate::operator::key::{Key, KeyRef};
pub use crate::schema::declared::{Shape, extended, named};
pub use crate::schema::format::ReadAs;
pub use crate::schema::kind::{PartitionKey, UnitEnum};
pub use crate::schema::projection::{Inside, uses};
pub use crate::schema::row::schema_of;
pub use crate::schema::text::StringBuilder;
pub use crate::schema::{
    Builder, Cell, Column, EventTime, Lend, Newtype, Projection, Row, RowBuilder, Stored, StreamSchema, Value, format,
};
pub use crate::time::Timestamp;

use ::arrow::array::{StringArray, StructArray};

use crate::Pipeline;
use crate::agg::Update;
use crate::operator::Window;
use crate::schema::kind::Instant;
use crate::schema::{At, Rows};

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

/// The value of an expression: itself, or what is in its `Ok`. Which of the two its type says, as the method of a type
/// goes before that of a trait.
pub struct Attempt<T>(pub T);

impl<T, E> Attempt<Result<T, E>> {
    /// The `Ok`.
    ///
    /// # Errors
    /// The `Err`, as a fault.
    #[inline]
    pub fn __value(self) -> Result<T, Fault>
    where
        E: Reason,
    {
        self.0.map_err(Fault::computed)
    }
}

/// The value of an expression that is no `Result`.
pub trait Certain {
    /// What the expression gives.
    type Value;
    /// The value.
    ///
    /// # Errors
    /// None.
    fn __value(self) -> Result<Self::Value, Fault>;
}

impl<T> Certain for Attempt<T> {
    type Value = T;
    #[inline]
    fn __value(self) -> Result<T, Fault> {
        Ok(self.0)
    }
}

/// Why an expression has no value.
#[diagnostic::on_unimplemented(
    message = "an `Err` of type `{Self}` cannot say what is wrong with a row",
    label = "this is a `Result` with a `{Self}`",
    note = "an `Err` sends its row to the policy of `decode`, with its text: implement `Display` for it, or take the value out, as in `.ok()` or `.unwrap_or(..)`"
)]
pub trait Reason: std::fmt::Display {}

#[diagnostic::do_not_recommend]
impl<E: std::fmt::Display> Reason for E {}

/// A Rust value that a pipeline has kept and that is the whole of an expression: `x = {fallback}`. Text and lists are lent,
/// everything else is cloned.
pub struct Kept<'k, T>(pub &'k T);

impl<'k, T: Owned> Kept<'k, T> {
    /// The value as a column has it.
    #[inline]
    #[must_use]
    pub fn __kept(self) -> <T as Lend<'k>>::View
    where
        T: Lend<'k>,
    {
        self.0.lend()
    }
}

/// What a column has a view of. Numbers are not here: a trait would take the type from a literal that has none yet.
pub trait Owned {}

impl Owned for String {}
impl Owned for Option<String> {}
impl<T> Owned for Vec<T> {}

/// A kept value that is cloned.
pub trait Cloned<T> {
    /// The clone.
    fn __kept(self) -> T;
}

impl<T: Clone> Cloned<T> for Kept<'_, T> {
    #[inline]
    fn __kept(self) -> T {
        self.0.clone()
    }
}

/// A Rust value that a pipeline keeps: `{threshold}`.
#[diagnostic::on_unimplemented(
    message = "a value of type `{Self}` cannot be kept in a pipeline",
    label = "this is a `{Self}`",
    note = "a pipeline keeps its values and gives every worker a clone: they must be `Clone + Send + Sync + 'static`, so own it or put it into an `Arc`"
)]
pub trait Capture: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> Capture for T {}

/// Keeps a Rust value.
pub fn capture<T: Capture>(value: T) -> T {
    value
}

/// Adds a row to the accumulator of one aggregate. A call for each, so that rustc blames the one that is wrong.
#[inline]
pub fn apply<U: Update>(update: U, state: &mut U::State, at: At) {
    update.apply(state, at);
}

/// The items of `explode`, numbered.
#[inline]
pub fn explode<I: IntoIterator>(items: I) -> std::iter::Enumerate<I::IntoIter> {
    items.into_iter().enumerate()
}

/// The items of `explode outer`: a row without items has one that is null.
#[inline]
pub fn explode_outer<I: IntoIterator>(items: I) -> impl Iterator<Item = (usize, Option<I::Item>)> {
    let mut items = items.into_iter();
    let first = items.next();
    std::iter::once(first).chain(items.map(Some)).enumerate()
}

/// The event time of a group: the last instant of its window, as no window that covers it is late then.
#[inline]
#[must_use]
pub fn window_time(window: Window) -> Timestamp {
    window.end.saturating_add_micros(-1)
}

/// A value that is never there, to check a type against.
#[inline]
#[must_use]
pub fn nothing<T>() -> Option<T> {
    None
}

/// Checks that a column of the row is what a field of a declared struct needs.
#[inline]
pub fn fits<'a, T: Stored>(_field: &'a T, _column: T::View<'a>) {}

/// The row of a pipeline whose text is wrong.
#[derive(Clone, Copy)]
pub struct Empty {}

crate::row!(EmptyBuilders, Empty {});

/// The value of a pipeline whose text is wrong: it is never run, as the text does not compile.
pub fn broken() -> Pipeline {
    crate::pipeline::from(crate::source::memory(Vec::<Vec<u8>>::new()))
        .undecoded()
        .rows(|_, _, _: &mut Rows<EmptyBuilders>| {})
        .sink(crate::sink::collect())
}

/// Code that is left out, unparsed, where its `cfg` does not hold.
#[doc(hidden)]
#[macro_export]
macro_rules! __variant {
    ($($tokens:tt)*) => { $($tokens)* };
}
pub use crate::__variant as variant;
pub use crate::newtype;
