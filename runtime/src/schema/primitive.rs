//! Columns of bool and numbers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};

use bumpalo::Bump;

use super::cell::{Cell, value_is_view};
use super::column::{Builder, Column, Stored, take};
use super::declared::Shape;
use super::projection::Projection;
use super::text::{bytes_array, load_bytes};
use super::{Fault, Reader};

/// The builder of an array of fixed-width values.
pub struct PrimitiveBuilder<T: ArrowPrimitiveType>(Vec<T::Native>);

impl<T: ArrowPrimitiveType> Default for PrimitiveBuilder<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: ArrowPrimitiveType> PrimitiveBuilder<T> {
    /// Appends a value.
    #[inline]
    pub fn push(&mut self, value: T::Native) {
        self.0.push(value);
    }
}

impl<T: ArrowPrimitiveType> Builder for PrimitiveBuilder<T> {
    #[inline]
    fn push_placeholder(&mut self) {
        self.0.push(T::Native::default());
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    #[inline]
    fn bulk(&self) -> usize {
        0
    }
    fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
        let array = PrimitiveArray::<T>::new(take(&mut self.0).into(), nulls);
        // The type parameter names the physical type only; a timestamp's zone is set by its column.
        Arc::new(array)
    }
}

/// The builder of an array of bools.
#[derive(Default)]
pub struct BoolBuilder(Vec<bool>);

impl Builder for BoolBuilder {
    #[inline]
    fn push_placeholder(&mut self) {
        self.0.push(false);
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    #[inline]
    fn bulk(&self) -> usize {
        0
    }
    fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
        let bits = BooleanBuffer::from(self.0.as_slice());
        self.0.clear();
        Arc::new(BooleanArray::new(bits, nulls))
    }
}

impl Stored for bool {
    type View<'a> = bool;
    type Builder = BoolBuilder;
    const SHAPE: Shape = Shape::Named("bool");
    fn data_type() -> DataType {
        DataType::Boolean
    }
    fn view(&self, _arena: &Bump) -> bool {
        *self
    }
    fn own(view: bool) -> Self {
        view
    }
    #[inline]
    fn push(view: bool, builder: &mut BoolBuilder) {
        builder.0.push(view);
    }
    fn load(array: &dyn Array, row: usize) -> Option<Self> {
        let array = array.as_any().downcast_ref::<BooleanArray>()?;
        (row < array.len() && array.is_valid(row)).then(|| array.value(row))
    }
}

impl Column for bool {
    #[inline]
    fn read<'a, R: Reader<'a>, P: Projection>(reader: &mut R) -> Result<bool, Fault> {
        reader.bool()
    }
    fn unread<'a>() -> Self::View<'a> {
        false
    }
}

impl Cell for bool {
    type Column = bool;
    #[inline]
    fn put(self, builder: &mut BoolBuilder) {
        builder.0.push(self);
    }
}

value_is_view!(bool);

macro_rules! number {
    ($($type:ty, $arrow:ty, $data_type:expr, |$reader:ident| $read:expr $(, stored { $($stored:item)* } column { $($column:item)* })?;)*) => {$(
        impl Stored for $type {
            type View<'a> = $type;
            type Builder = PrimitiveBuilder<$arrow>;
            const SHAPE: Shape = Shape::Named(stringify!($type));
        fn data_type() -> DataType {
                $data_type
            }
            #[inline]
            fn view(&self, _arena: &Bump) -> $type {
                *self
            }
            #[inline]
            fn own(view: $type) -> Self {
                view
            }
            #[inline]
            fn push(view: $type, builder: &mut Self::Builder) {
                builder.push(view);
            }
            fn load(array: &dyn Array, row: usize) -> Option<Self> {
                let array = array.as_any().downcast_ref::<PrimitiveArray<$arrow>>()?;
                (row < array.len() && array.is_valid(row)).then(|| array.value(row))
            }
            fn list_view<'a>(list: &'a [Self], _arena: &'a Bump) -> &'a [$type] {
                list
            }
            #[inline]
            fn list_push(list: &[$type], items: &mut Self::Builder) {
                items.0.extend_from_slice(list);
            }
            fn list_push_owned(list: &[Self], items: &mut Self::Builder) {
                items.0.extend_from_slice(list);
            }
            $($($stored)*)?
        }
        impl Column for $type {
            #[inline]
            fn read<'a, R: Reader<'a>, P: Projection>($reader: &mut R) -> Result<$type, Fault> {
                $read
            }
            #[inline]
            fn unread<'a>() -> Self::View<'a> {
                <$type>::default()
            }
            $($($column)*)?
        }
        impl Cell for $type {
            type Column = $type;
            #[inline]
            fn put(self, builder: &mut PrimitiveBuilder<$arrow>) {
                builder.push(self);
            }
            #[inline]
            fn list_put(list: &[Self], items: &mut PrimitiveBuilder<$arrow>) {
                items.0.extend_from_slice(list);
            }
        }
        value_is_view!($type);
    )*};
}

/// Reads an integer through the widest type of its sign; out of range is a fault, never a saturation.
macro_rules! narrow {
    ($reader:ident, $wide:ident, $type:ident) => {{
        let wide = $reader.$wide()?;
        <$type>::try_from(wide).map_err(|_| $reader.out_of_range(stringify!($type)))
    }};
}

number! {
    i8, Int8Type, DataType::Int8, |reader| narrow!(reader, i64, i8);
    i16, Int16Type, DataType::Int16, |reader| narrow!(reader, i64, i16);
    i32, Int32Type, DataType::Int32, |reader| narrow!(reader, i64, i32);
    i64, Int64Type, DataType::Int64, |reader| reader.i64();
    u8, UInt8Type, DataType::UInt8, |reader| narrow!(reader, u64, u8),
    stored {
        fn list_type() -> DataType {
            DataType::Binary
        }
        fn list_array(offsets: OffsetBuffer<i32>, items: ArrayRef, nulls: Option<NullBuffer>) -> ArrayRef {
            bytes_array(offsets, &items, nulls)
        }
        fn list_load(array: &dyn Array, row: usize) -> Option<Vec<u8>> {
            load_bytes(array, row)
        }
    }
    column {
        #[inline]
        fn list_read<'a, R: Reader<'a>, P: Projection>(reader: &mut R) -> Result<&'a [u8], Fault> {
            reader.bytes()
        }
    };
    u16, UInt16Type, DataType::UInt16, |reader| narrow!(reader, u64, u16);
    u32, UInt32Type, DataType::UInt32, |reader| narrow!(reader, u64, u32);
    u64, UInt64Type, DataType::UInt64, |reader| reader.u64();
    f32, Float32Type, DataType::Float32, |reader| reader.f32();
    f64, Float64Type, DataType::Float64, |reader| reader.f64();
}
