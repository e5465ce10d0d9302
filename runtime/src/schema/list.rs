//! `Vec<T>`: a column of lists.
//!
//! A list of any column is an Arrow list of that column's array. `Vec<u8>` is a byte string instead; that `u8` is also a
//! column of numbers makes a second implementation impossible, so the difference is in hidden methods of
//! [`Stored`] and [`Column`] that `u8` has of its own.

use arrow::array::{Array, ArrayRef};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use bumpalo::Bump;

use super::cell::Cell;
use super::column::{Builder, Column, Stored, allocated};
use super::declared::Shape;
use super::projection::Projection;
use super::{Fault, Reader};

/// Where each of several lists ends in the array of all their items.
#[derive(Default)]
pub(super) struct Ends(Vec<i32>);

impl Ends {
    #[inline]
    pub(super) fn push(&mut self, end: usize) {
        // Who collects values sees that there are no more than 2^31 items before the array is made.
        self.0.push(end as i32);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn take(&mut self) -> OffsetBuffer<i32> {
        let mut offsets = Vec::with_capacity(self.0.len() + 1);
        offsets.push(0);
        offsets.append(&mut self.0);
        OffsetBuffer::new(ScalarBuffer::from(offsets))
    }
}

/// The builder of an array of lists.
pub struct ListBuilder<T: Stored> {
    items: T::Builder,
    ends: Ends,
}

impl<T: Stored> Default for ListBuilder<T> {
    fn default() -> Self {
        Self { items: T::Builder::default(), ends: Ends::default() }
    }
}

impl<T: Stored> ListBuilder<T> {
    /// Ends a list after its items were appended.
    #[inline]
    fn end(&mut self) {
        self.ends.push(self.items.len());
    }
}

impl<T: Stored> ListBuilder<T> {
    /// Appends a list.
    pub(crate) fn push_items<'i>(&mut self, items: impl IntoIterator<Item = &'i T>) {
        for item in items {
            item.push_owned(&mut self.items);
        }
        self.end();
    }
}

impl<T: Stored> Builder for ListBuilder<T> {
    #[inline]
    fn push_placeholder(&mut self) {
        self.end();
    }
    fn len(&self) -> usize {
        self.ends.len()
    }
    #[inline]
    fn bulk(&self) -> usize {
        self.items.len() + self.items.bulk()
    }
    fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
        T::list_array(self.ends.take(), self.items.finish(None), nulls)
    }
}

impl<T: Stored> Stored for Vec<T> {
    type View<'a> = &'a [T::View<'a>];
    type Builder = ListBuilder<T>;
    const SHAPE: Shape = Shape::ListOf(&T::SHAPE);
    fn data_type() -> DataType {
        T::list_type()
    }
    fn view<'a>(&'a self, arena: &'a Bump) -> Self::View<'a> {
        T::list_view(self, arena)
    }
    fn own(view: Self::View<'_>) -> Self {
        view.iter().map(|item| T::own(*item)).collect()
    }
    #[inline]
    fn push(view: Self::View<'_>, builder: &mut Self::Builder) {
        T::list_push(view, &mut builder.items);
        builder.end();
    }
    fn push_owned(&self, builder: &mut Self::Builder) {
        T::list_push_owned(self, &mut builder.items);
        builder.end();
    }
    #[inline]
    fn heap(&self) -> usize {
        allocated(self.capacity() * size_of::<T>()) + self.iter().map(T::heap).sum::<usize>()
    }
    fn load(array: &dyn Array, row: usize) -> Option<Self> {
        T::list_load(array, row)
    }
}

impl<T: Column> Column for Vec<T> {
    #[inline]
    fn read<'a, R: Reader<'a>, P: Projection>(reader: &mut R) -> Result<Self::View<'a>, Fault> {
        T::list_read::<R, P>(reader)
    }
    fn unread<'a>() -> Self::View<'a> {
        &[]
    }
}

/// Reads the items of a list into the arena.
pub(super) fn read<'a, R: Reader<'a>, T: Column, P: Projection>(reader: &mut R) -> Result<&'a [T::View<'a>], Fault> {
    let mut items = bumpalo::collections::Vec::new_in(reader.arena());
    reader.list(|reader| {
        let item = T::read::<R, P>(reader)?;
        if items.is_empty() {
            // Most lists are short and need not grow.
            items.reserve(4);
        }
        items.push(item);
        Ok(())
    })?;
    Ok(items.into_bump_slice())
}

impl<V: Cell> Cell for &[V] {
    type Column = Vec<V::Column>;
    #[inline]
    fn put(self, builder: &mut ListBuilder<V::Column>) {
        V::list_put(self, &mut builder.items);
        builder.end();
    }
}
