//! `sum(column)`.

use super::number::{Number, Total};
use super::state::{Add, Nullness, accumulator};
use super::{Finish, Update};
use crate::Result;
use crate::error::{Error, Kind};
use crate::schema::At;

/// The sum: `i64` of signed integers, `u64` of unsigned ones, `f64` of floats; null when all values were. An integer sum
/// out of range is an error, never a wrapped number; a sum of floats depends on the order by no more than the last bits.
pub fn sum<T: Number>(value: T) -> AddTo<T> {
    Add::new(value.addend())
}

/// The update of [`sum`] by a column of type `T`.
pub type AddTo<T> = Add<<<T as Number>::Sum as Total>::Addend, Sum<<T as Number>::Sum, <T as Number>::Nullness>>;

accumulator! {
    /// The accumulator of [`sum`].
    Sum<T: Total, N: Nullness> {
        /// The sum so far.
        total: T,
        /// Whether a value has come.
        some: bool,
    }
}

impl<T: Total, N: Nullness> Update for Add<T::Addend, Sum<T, N>> {
    type State = Sum<T, N>;
    #[inline]
    fn apply(self, state: &mut Sum<T, N>, _at: At) {
        if let Some(value) = self.value {
            state.total.add(value);
            state.some = true;
        }
    }
}

impl<T: Total, N: Nullness> Finish for Sum<T, N> {
    type Out<'a> = N::Of<T::Out>;
    fn finish(&self) -> Result<Self::Out<'_>> {
        let total = match self.total.total() {
            _ if !self.some => None,
            Some(total) => Some(total),
            None => {
                return Err(Error::new(Kind::Data, "a sum of integers is out of the range of 64 bits")
                    .help("sum a float instead: `sum(x as f64)`"));
            }
        };
        N::wrap(total)
    }
    fn merge(&mut self, other: Self) {
        self.total.join(&other.total);
        self.some |= other.some;
    }
}
