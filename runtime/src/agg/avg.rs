//! `avg(column)`.

use super::number::{FloatSum, Number, Total};
use super::state::{Add, Nullness, accumulator};
use super::{Finish, Update};
use crate::Result;
use crate::schema::At;

/// The arithmetic mean as `f64`; null when all values were.
pub fn avg<T: Number>(value: T) -> Add<f64, Avg<T::Nullness>> {
    Add::new(value.to_f64())
}

accumulator! {
    /// The accumulator of [`avg`].
    Avg<N: Nullness> {
        /// The sum of the values.
        sum: FloatSum,
        /// Their number.
        count: u64,
    }
}

impl<N: Nullness> Update for Add<f64, Avg<N>> {
    type State = Avg<N>;
    #[inline]
    fn apply(self, state: &mut Avg<N>, _at: At) {
        if let Some(value) = self.value {
            state.sum.add(value);
            state.count += 1;
        }
    }
}

impl<N: Nullness> Finish for Avg<N> {
    type Out<'a> = N::Of<f64>;
    fn finish(&self) -> Result<Self::Out<'_>> {
        let mean = (self.count > 0).then(|| self.sum.total().map(|sum| sum / self.count as f64)).flatten();
        N::wrap(mean)
    }
    fn merge(&mut self, other: Self) {
        self.sum.join(&other.sum);
        self.count += other.count;
    }
}
