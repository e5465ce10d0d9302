//! `min(column)` and `max(column)`.

use std::marker::PhantomData;

use bumpalo::Bump;

use super::scalar::{Largest, Ordered, Scalar, Side, Smallest, rank};
use super::state::{Nullness, accumulator};
use super::{Finish, Update};
use crate::Result;
use crate::schema::At;

/// The smallest value, of the column's own type; NaN counts only when there is nothing else, null when all values are.
/// Enums are ordered as they are declared.
pub fn min<T>(value: T) -> Extremum<T, Smallest> {
    Extremum { value, side: PhantomData }
}

/// The largest value, of the column's own type; NaN counts only when there is nothing else, null when all values are.
/// Enums are ordered as they are declared.
pub fn max<T>(value: T) -> Extremum<T, Largest> {
    Extremum { value, side: PhantomData }
}

/// The update of [`min`] and [`max`].
#[derive(Debug, Clone, Copy)]
pub struct Extremum<T, S> {
    value: T,
    side: PhantomData<fn() -> S>,
}

accumulator! {
    /// The accumulator of [`min`] and [`max`].
    Extreme<T: Ordered, N: Nullness, S: Side> {
        /// The best value so far.
        value: Option<T>,
    }
}

impl<T: Scalar, S: Side> Update for Extremum<T, S> {
    type State = Extreme<T::Owned, T::Nullness, S>;
    #[inline]
    fn apply(self, state: &mut Self::State, _at: At) {
        let better = match &state.value {
            _ if self.value.is_null() => false,
            None => true,
            Some(kept) => rank::<S>(self.value.is_nan(), kept.is_nan(), || self.value.compare(kept)) == S::BETTER,
        };
        if better {
            self.value.keep(&mut state.value);
        }
    }
}

impl<T: Ordered, N: Nullness, S: Side> Finish for Extreme<T, N, S> {
    const NAME: &'static str = if S::IS_LEAST { "min" } else { "max" };
    type Out<'a> = N::Of<T::View<'a>>;
    fn finish<'a>(&'a self, arena: &'a Bump) -> Result<Self::Out<'a>> {
        N::wrap(self.value.as_ref().map(|value| value.view(arena)))
    }
    fn merge(&mut self, other: Self) {
        let better = match (&self.value, &other.value) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(own), Some(new)) => rank::<S>(new.is_nan(), own.is_nan(), || new.compare_kept(own)) == S::BETTER,
        };
        if better {
            self.value = other.value;
        }
    }
}
