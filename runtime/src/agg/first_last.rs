//! `first(column)` and `last(column)`, by event time.

use std::marker::PhantomData;

use bumpalo::Bump;

use super::scalar::{Largest, Ordered, Scalar, Side, Smallest};
use super::state::{Nullness, accumulator};
use super::{Finish, Update};
use crate::Result;
use crate::schema::At;

/// The value of the row with the earliest event time; among equal times that of the first partition and record. Nulls are
/// skipped.
pub fn first<T>(value: T) -> Edge<T, Smallest> {
    Edge { value, side: PhantomData }
}

/// The value of the row with the latest event time; among equal times that of the last partition and record. Nulls are
/// skipped.
pub fn last<T>(value: T) -> Edge<T, Largest> {
    Edge { value, side: PhantomData }
}

/// The update of [`first`] and [`last`].
#[derive(Debug, Clone, Copy)]
pub struct Edge<T, S> {
    value: T,
    side: PhantomData<fn() -> S>,
}

accumulator! {
    /// The accumulator of [`first`] and [`last`].
    AtEdge<T: Ordered, N: Nullness, S: Side> {
        /// The event time of the value, in microseconds since the Unix epoch.
        time: i64,
        /// The order of its partition.
        partition: u32,
        /// Its record's number within the partition.
        record: u64,
        /// The value.
        value: Option<T>,
    }
}

impl<T: Ordered, N: Nullness, S: Side> AtEdge<T, N, S> {
    /// Whether a later row of this place takes the value's: several rows of one record come in their order.
    fn beaten_by(&self, time: i64, partition: u32, record: u64) -> bool {
        let order = (time, partition, record).cmp(&(self.time, self.partition, self.record));
        self.value.is_none() || order == S::BETTER || (order.is_eq() && S::BETTER.is_gt())
    }
}

impl<T: Scalar, S: Side> Update for Edge<T, S> {
    type State = AtEdge<T::Owned, T::Nullness, S>;
    #[inline]
    fn apply(self, state: &mut Self::State, at: At) {
        if !self.value.is_null() && state.beaten_by(at.time.micros(), at.partition, at.record) {
            self.value.keep(&mut state.value);
            (state.time, state.partition, state.record) = (at.time.micros(), at.partition, at.record);
        }
    }
}

impl<T: Ordered, N: Nullness, S: Side> Finish for AtEdge<T, N, S> {
    const NAME: &'static str = if S::IS_LEAST { "first" } else { "last" };
    type Out<'a> = N::Of<T::View<'a>>;
    fn finish<'a>(&'a self, arena: &'a Bump) -> Result<Self::Out<'a>> {
        N::wrap(self.value.as_ref().map(|value| value.view(arena)))
    }
    fn merge(&mut self, other: Self) {
        if other.value.is_some() && self.beaten_by(other.time, other.partition, other.record) {
            *self = other;
        }
    }
}
