//! `Decimal<P, S>`: a column of `DECIMAL(P, S)`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Decimal128Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use bumpalo::Bump;

use super::cell::{Cell, Value};
use super::column::{Builder, Column, Stored, fixed_builder, take};
use super::projection::Projection;
use super::{Fault, Reader};
use crate::decimal::Decimal;

fixed_builder! {
    /// The builder of an array of decimals.
    DecimalBuilder<P, S>(i128),
    |values, nulls| Decimal128Array::new(values, nulls).with_data_type(Decimal::<P, S>::data_type())
}

impl<const P: u8, const S: u8> Stored for Decimal<P, S> {
    type View<'a> = Self;
    type Builder = DecimalBuilder<P, S>;
    fn data_type() -> DataType {
        DataType::Decimal128(P, S as i8)
    }
    #[inline]
    fn view(&self, _arena: &Bump) -> Self {
        *self
    }
    #[inline]
    fn own(view: Self) -> Self {
        view
    }
    #[inline]
    fn push(view: Self, builder: &mut DecimalBuilder<P, S>) {
        builder.0.push(view.units());
    }
    fn load(array: &dyn Array, row: usize) -> Option<Self> {
        let array = array.as_any().downcast_ref::<Decimal128Array>()?;
        let here = array.scale() == S as i8 && row < array.len() && array.is_valid(row);
        if here { Self::from_units(array.value(row)) } else { None }
    }
}

impl<const P: u8, const S: u8> Column for Decimal<P, S> {
    #[inline]
    fn read<'a, R: Reader<'a>, Q: Projection>(reader: &mut R) -> Result<Self, Fault> {
        let text = reader.decimal()?;
        Self::parse(text).ok_or_else(|| wrong::<R, P, S>(text, reader))
    }
    fn unread<'a>() -> Self::View<'a> {
        Self::default()
    }
}

/// The fault of a text that is no such decimal.
#[cold]
fn wrong<'a, R: Reader<'a>, const P: u8, const S: u8>(text: &str, reader: &R) -> Fault {
    let is_number = text.parse::<f64>().is_ok_and(f64::is_finite) && !text.contains(char::is_whitespace);
    let fault = if is_number { reader.out_of_range("") } else { reader.unexpected("") };
    fault.expecting(match (P - S, S) {
        (whole, 0) => format!("a whole number of at most {whole} digits"),
        (whole, places) => format!("a number of at most {whole} digits before the point and {places} behind it"),
    })
}

impl<const P: u8, const S: u8> Cell for Decimal<P, S> {
    type Column = Self;
    #[inline]
    fn put(self, builder: &mut DecimalBuilder<P, S>) {
        builder.0.push(self.units());
    }
}

impl<'a, const P: u8, const S: u8> Value<'a> for Decimal<P, S> {
    type View = Self;
    #[inline]
    fn settle(self, _arena: &'a Bump) -> Self {
        self
    }
}
