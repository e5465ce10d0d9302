//! `sum(column)`.

use bumpalo::Bump;

use super::number::{Number, Total};
use super::state::{Nullness, accumulator};
use super::{Finish, Update};
use crate::Result;
use crate::error::{Error, Kind};
use crate::schema::At;

/// The sum: `i64` of signed integers, `u64` of unsigned ones, `f64` of floats, [`Decimal<38, S>`](crate::Decimal) of
/// decimals with `S` places, a duration of durations; null when all values were. A sum out of range is an error, never a
/// wrapped number, and only the end result counts; a sum of floats depends on the order, and so on the number of workers, by
/// no more than the last bits, unless a sum on the way is out of range.
pub fn sum<T>(value: T) -> SumOf<T> {
    SumOf(value)
}

/// The update of [`sum`].
#[derive(Debug, Clone, Copy)]
pub struct SumOf<T>(T);

accumulator! {
    /// The accumulator of [`sum`].
    Sum<T: Total, N: Nullness> {
        /// The sum so far.
        total: T,
        /// Whether a value has come.
        some: bool,
    }
}

impl<T: Number> Update for SumOf<T> {
    type State = Sum<T::Sum, T::Nullness>;
    #[inline]
    fn apply(self, state: &mut Self::State, _at: At) {
        if let Some(value) = self.0.addend() {
            state.total.add(value);
            state.some = true;
        }
    }
}

impl<T: Total, N: Nullness> Finish for Sum<T, N> {
    const NAME: &'static str = "sum";
    type Out<'a> = N::Of<T::Out>;
    fn finish<'a>(&'a self, _arena: &'a Bump) -> Result<Self::Out<'a>> {
        let total = match self.total.total() {
            _ if !self.some => None,
            Some(total) => Some(total),
            None => {
                return Err(Error::new(Kind::Data, format!("a sum is out of the range of {}", T::RANGE))
                    .help("sum a float instead: `sum(x as f64)`, or `sum(x.to_f64())` of a decimal"));
            }
        };
        N::wrap(total)
    }
    fn merge(&mut self, other: Self) {
        self.total.join(&other.total);
        self.some |= other.some;
    }
}
