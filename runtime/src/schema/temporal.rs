//! Columns of time.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Date32Array, TimestampMicrosecondArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, TimeUnit};
use bumpalo::Bump;

use super::cell::{Cell, value_is_view};
use super::column::{Builder, Column, Stored, take};
use super::declared::Shape;
use super::projection::Projection;
use super::{Fault, Reader};
use crate::time::{Date, Timestamp};

/// The builder of an array of instants in UTC.
#[derive(Default)]
pub struct TimestampBuilder(Vec<i64>);

impl Builder for TimestampBuilder {
    #[inline]
    fn push_placeholder(&mut self) {
        self.0.push(0);
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::new(take(&mut self.0).into(), nulls).with_timezone("UTC"))
    }
}

/// The builder of an array of days.
#[derive(Default)]
pub struct DateBuilder(Vec<i32>);

impl Builder for DateBuilder {
    #[inline]
    fn push_placeholder(&mut self) {
        self.0.push(0);
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
        Arc::new(Date32Array::new(take(&mut self.0).into(), nulls))
    }
}

macro_rules! temporal {
    ($type:ty, $builder:ty, $array:ty, $data_type:expr, $raw:ident, $from:ident, |$reader:ident| $read:expr) => {
        impl Stored for $type {
            type View<'a> = $type;
            type Builder = $builder;
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
            fn push(view: $type, builder: &mut $builder) {
                builder.0.push(view.$raw());
            }
            fn load(array: &dyn Array, row: usize) -> Option<Self> {
                let array = array.as_any().downcast_ref::<$array>()?;
                (row < array.len() && array.is_valid(row)).then(|| <$type>::$from(array.value(row)))
            }
        }
        impl Column for $type {
            #[inline]
            fn read<'a, R: Reader<'a>, P: Projection>($reader: &mut R) -> Result<$type, Fault> {
                $read
            }
            fn unread<'a>() -> Self::View<'a> {
                <$type>::default()
            }
        }
        impl Cell for $type {
            type Column = $type;
            #[inline]
            fn put(self, builder: &mut $builder) {
                builder.0.push(self.$raw());
            }
        }
        value_is_view!($type);
    };
}

temporal!(
    Timestamp,
    TimestampBuilder,
    TimestampMicrosecondArray,
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    micros,
    from_micros,
    |reader| reader.timestamp()
);
temporal!(Date, DateBuilder, Date32Array, DataType::Date32, days, from_days, |reader| reader.date());
