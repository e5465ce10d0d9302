//! Columns of time.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Date32Array, DurationMicrosecondArray, TimestampMicrosecondArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, TimeUnit};
use bumpalo::Bump;

use super::cell::{Cell, Value, value_is_view};
use super::column::{Builder, Column, Stored, fixed_builder, take};
use super::declared::Shape;
use super::projection::Projection;
use super::{Fault, Reader};
use crate::time::{Date, Duration, Timestamp, micros, parse_duration};

fixed_builder! {
    /// The builder of an array of instants in UTC.
    TimestampBuilder(i64), |values, nulls| TimestampMicrosecondArray::new(values, nulls).with_timezone("UTC")
}
fixed_builder! {
    /// The builder of an array of days.
    DateBuilder(i32), |values, nulls| Date32Array::new(values, nulls)
}
fixed_builder! {
    /// The builder of an array of durations.
    DurationBuilder(i64), |values, nulls| DurationMicrosecondArray::new(values, nulls)
}

macro_rules! temporal {
    ($type:ty, $builder:ty, $array:ty, $data_type:expr, $raw:expr, $from:expr, |$reader:ident| $read:expr) => {
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
                builder.0.push($raw(view));
            }
            fn load(array: &dyn Array, row: usize) -> Option<Self> {
                let array = array.as_any().downcast_ref::<$array>()?;
                (row < array.len() && array.is_valid(row)).then(|| $from(array.value(row)))
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
                builder.0.push($raw(self));
            }
        }
    };
}

temporal!(
    Timestamp,
    TimestampBuilder,
    TimestampMicrosecondArray,
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    Timestamp::micros,
    Timestamp::from_micros,
    |reader| reader.timestamp()
);
temporal!(Date, DateBuilder, Date32Array, DataType::Date32, Date::days, Date::from_days, |reader| reader.date());
value_is_view!(Timestamp, Date);

// Parquet has no type for lengths of time: in files it is the `INT64` of its microseconds.
temporal!(
    Duration,
    DurationBuilder,
    DurationMicrosecondArray,
    DataType::Duration(TimeUnit::Microsecond),
    micros,
    |micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0)),
    |reader| {
        let text = reader.str()?;
        parse_duration(text).ok_or_else(|| reader.unexpected("a duration such as \"10s\", \"250ms\" or \"PT1M30S\""))
    }
);

impl<'a> Value<'a> for Duration {
    type View = Duration;
    /// In whole microseconds, as columns keep it.
    #[inline]
    fn settle(self, _arena: &'a Bump) -> Duration {
        Duration::from_micros(u64::try_from(micros(self)).unwrap_or(0))
    }
}
