//! `avg(column)`.

use bumpalo::Bump;

use super::number::{Number, Total};
use super::state::{Nullness, accumulator};
use super::{Finish, Update};
use crate::Result;
use crate::schema::At;

/// The arithmetic mean, as `f64`, of durations a duration (rounded down to microseconds); null when all values were. The
/// sum it is of is kept exactly but for floats.
pub fn avg<T>(value: T) -> MeanOf<T> {
    MeanOf(value)
}

/// The update of [`avg`].
#[derive(Debug, Clone, Copy)]
pub struct MeanOf<T>(T);

accumulator! {
    /// The accumulator of [`avg`].
    Avg<T: Total, N: Nullness> {
        /// The sum of the values.
        total: T,
        /// Their number.
        count: u64,
    }
}

impl<T: Number> Update for MeanOf<T> {
    type State = Avg<T::Sum, T::Nullness>;
    #[inline]
    fn apply(self, state: &mut Self::State, _at: At) {
        if let Some(value) = self.0.addend() {
            state.total.add(value);
            state.count += 1;
        }
    }
}

impl<T: Total, N: Nullness> Finish for Avg<T, N> {
    const NAME: &'static str = "avg";
    type Out<'a> = N::Of<T::Mean>;
    fn finish<'a>(&'a self, _arena: &'a Bump) -> Result<Self::Out<'a>> {
        N::wrap(if self.count > 0 { self.total.mean(self.count) } else { None })
    }
    fn merge(&mut self, other: Self) {
        self.total.join(&other.total);
        self.count += other.count;
    }
}
