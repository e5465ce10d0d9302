//! `Option<T>`: a column that may be null.

use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use bumpalo::Bump;

use super::cell::Cell;
use super::column::{Builder, Column, Stored};
use super::declared::Shape;
use super::projection::Projection;
use super::{Fault, Reader};

/// The builder of a column that may be null.
#[derive(Default)]
pub struct OptionBuilder<B> {
    values: B,
    valid: Vec<bool>,
}

impl<B: Builder> OptionBuilder<B> {
    /// Appends a null, or says that a value follows and gives its builder.
    #[inline]
    fn push(&mut self, some: bool) -> Option<&mut B> {
        self.valid.push(some);
        if some {
            Some(&mut self.values)
        } else {
            self.values.push_placeholder();
            None
        }
    }
}

impl<B: Builder> Builder for OptionBuilder<B> {
    fn push_placeholder(&mut self) {
        self.push(false);
    }
    fn len(&self) -> usize {
        self.valid.len()
    }
    #[inline]
    fn bulk(&self) -> usize {
        self.values.bulk()
    }
    fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
        let own = NullBuffer::from(self.valid.as_slice());
        self.valid.clear();
        let nulls = NullBuffer::union(Some(&own), nulls.as_ref()).filter(|nulls| nulls.null_count() > 0);
        self.values.finish(nulls)
    }
}

impl<T: Stored> Stored for Option<T> {
    type View<'a> = Option<T::View<'a>>;
    type Builder = OptionBuilder<T::Builder>;
    const NULLABLE: bool = true;
    const SHAPE: Shape = Shape::Optional(&T::SHAPE);
    fn data_type() -> DataType {
        T::data_type()
    }
    fn view<'a>(&'a self, arena: &'a Bump) -> Self::View<'a> {
        self.as_ref().map(|value| value.view(arena))
    }
    fn push_owned(&self, builder: &mut Self::Builder) {
        if let (Some(values), Some(value)) = (builder.push(self.is_some()), self) {
            value.push_owned(values);
        }
    }
    fn own(view: Self::View<'_>) -> Self {
        view.map(T::own)
    }
    #[inline]
    fn push(view: Self::View<'_>, builder: &mut Self::Builder) {
        if let (Some(values), Some(value)) = (builder.push(view.is_some()), view) {
            T::push(value, values);
        }
    }
    #[inline]
    fn heap(&self) -> usize {
        self.as_ref().map_or(0, T::heap)
    }
    fn load(array: &dyn Array, row: usize) -> Option<Self> {
        if row < array.len() && array.is_null(row) { Some(None) } else { T::load(array, row).map(Some) }
    }
}

impl<T: Column> Column for Option<T> {
    #[inline]
    fn read<'a, R: Reader<'a>, P: Projection>(reader: &mut R) -> Result<Self::View<'a>, Fault> {
        if reader.null()? { Ok(None) } else { T::read::<R, P>(reader).map(Some) }
    }
    fn unread<'a>() -> Self::View<'a> {
        None
    }
    fn missing<'a>() -> Option<Self::View<'a>> {
        Some(None)
    }
}

impl<V: Cell> Cell for Option<V> {
    type Column = Option<V::Column>;
    #[inline]
    fn put(self, builder: &mut OptionBuilder<<V::Column as Stored>::Builder>) {
        if let (Some(values), Some(value)) = (builder.push(self.is_some()), self) {
            value.put(values);
        }
    }
}
