//! Columns of text and bytes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, UInt8Type};
use bumpalo::Bump;

use super::cell::Cell;
use super::column::{Builder, Column, Stored, allocated, take};
use super::declared::Shape;
use super::projection::Projection;
use super::{Fault, Reader};

/// Values one after the other and where each ends.
#[derive(Default)]
struct Packed {
    data: Vec<u8>,
    ends: Vec<i32>,
}

impl Packed {
    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
        // Who collects values sees that there are no more than 2 GiB before the array is made.
        self.ends.push(self.data.len() as i32);
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, Buffer) {
        let mut offsets = Vec::with_capacity(self.ends.len() + 1);
        offsets.push(0);
        offsets.append(&mut self.ends);
        (OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(take(&mut self.data)))
    }
}

/// The builder of an array of strings.
#[derive(Default)]
pub struct StringBuilder(Packed);

impl StringBuilder {
    /// Appends a value.
    #[inline]
    pub fn push(&mut self, text: &str) {
        self.0.push(text.as_bytes());
    }
}

impl Builder for StringBuilder {
    #[inline]
    fn push_placeholder(&mut self) {
        self.0.push(&[]);
    }
    fn len(&self) -> usize {
        self.0.ends.len()
    }
    #[inline]
    fn bulk(&self) -> usize {
        self.0.data.len()
    }
    fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
        let (offsets, data) = self.0.take();
        Arc::new(StringArray::new(offsets, data, nulls))
    }
}

impl Stored for String {
    type View<'a> = &'a str;
    type Builder = StringBuilder;
    const SHAPE: Shape = Shape::Named("String");
    fn data_type() -> DataType {
        DataType::Utf8
    }
    #[inline]
    fn view<'a>(&'a self, _arena: &'a Bump) -> &'a str {
        self
    }
    fn push_owned(&self, builder: &mut StringBuilder) {
        builder.push(self);
    }
    fn own(view: &str) -> Self {
        view.to_owned()
    }
    #[inline]
    fn push(view: &str, builder: &mut StringBuilder) {
        builder.push(view);
    }
    #[inline]
    fn heap(&self) -> usize {
        allocated(self.len())
    }
    fn load(array: &dyn Array, row: usize) -> Option<Self> {
        text_at(array, row).map(str::to_owned)
    }
}

/// The text in this row of an array of strings.
#[must_use]
pub fn text_at(array: &dyn Array, row: usize) -> Option<&str> {
    let array = array.as_any().downcast_ref::<StringArray>()?;
    (row < array.len() && array.is_valid(row)).then(|| array.value(row))
}

impl Column for String {
    #[inline]
    fn read<'a, R: Reader<'a>, P: Projection>(reader: &mut R) -> Result<&'a str, Fault> {
        reader.str()
    }
    #[inline]
    fn unread<'a>() -> Self::View<'a> {
        ""
    }
}

impl Cell for &str {
    type Column = String;
    #[inline]
    fn put(self, builder: &mut StringBuilder) {
        builder.push(self);
    }
}

/// The array of byte strings whose bytes are `items`, an array of `u8`.
pub(super) fn bytes_array(offsets: OffsetBuffer<i32>, items: &ArrayRef, nulls: Option<NullBuffer>) -> ArrayRef {
    let bytes = items.as_primitive::<UInt8Type>().values().inner().clone();
    Arc::new(BinaryArray::new(offsets, bytes, nulls))
}

/// Reads bytes back.
pub(super) fn load_bytes(array: &dyn Array, row: usize) -> Option<Vec<u8>> {
    let array = array.as_any().downcast_ref::<BinaryArray>()?;
    (row < array.len() && array.is_valid(row)).then(|| array.value(row).to_owned())
}
