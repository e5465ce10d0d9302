//! `min_by(column, by)` and `max_by(column, by)`.

use std::cmp::Ordering;
use std::marker::PhantomData;

use bumpalo::Bump;

use super::scalar::{Largest, Ordered, Scalar, Side, Smallest, rank};
use super::state::{Nullness, accumulator};
use super::{Finish, Update};
use crate::Result;
use crate::schema::At;
use crate::time::Timestamp;

/// The value of the row whose `by` is smallest; among equal ones that of the earliest event time, then of the first
/// partition and record. Rows whose `by` is null are skipped; the value may be null itself.
///
/// ```
/// # use millstream::prelude::*;
/// # #[derive(StreamSchema)]
/// # struct Reading { device_id: String, #[stream(event_time)] ts: Timestamp, temperature: f64 }
/// let coldest = pipeline! {
///     from memory(["{}"])
///     | decode json as Reading
///     | watermark 10s
///     | group_by { window = tumbling(1h) }
///     | agg { coldest = min_by(device_id, temperature), hottest = max_by(device_id, temperature) }
///     | sink console()
/// };
/// ```
pub fn min_by<T, B>(value: T, by: B) -> ExtremumBy<T, B, Smallest> {
    ExtremumBy { value, by, side: PhantomData }
}

/// The value of the row whose `by` is largest; otherwise as [`min_by`].
pub fn max_by<T, B>(value: T, by: B) -> ExtremumBy<T, B, Largest> {
    ExtremumBy { value, by, side: PhantomData }
}

/// The update of [`min_by`] and [`max_by`].
#[derive(Debug, Clone, Copy)]
pub struct ExtremumBy<T, B, S> {
    value: T,
    by: B,
    side: PhantomData<fn() -> S>,
}

accumulator! {
    /// The accumulator of [`min_by`] and [`max_by`].
    ExtremeBy<T: Ordered, B: Ordered, N: Nullness, S: Side> {
        /// The best `by` so far.
        by: Option<B>,
        /// The event time of its row, in microseconds since the Unix epoch.
        time: i64,
        /// The order of its partition.
        partition: u32,
        /// Its record's number within the partition.
        record: u64,
        /// The value of its row.
        value: Option<T>,
    }
}

impl<T: Ordered, B: Ordered, N: Nullness, S: Side> ExtremeBy<T, B, N, S> {
    fn at(&self) -> At {
        At { time: Timestamp::from_micros(self.time), partition: self.partition, record: self.record }
    }
}

impl<T: Scalar, B: Scalar, S: Side> Update for ExtremumBy<T, B, S> {
    type State = ExtremeBy<T::Owned, B::Owned, <T::Nullness as Nullness>::Or<B::Nullness>, S>;
    #[inline]
    fn apply(self, state: &mut Self::State, at: At) {
        let better = match &state.by {
            _ if self.by.is_null() => false,
            None => true,
            Some(kept) => match rank::<S>(self.by.is_nan(), kept.is_nan(), || self.by.compare(kept)) {
                Ordering::Equal => at < state.at(),
                order => order == S::BETTER,
            },
        };
        if better {
            self.by.keep(&mut state.by);
            (state.time, state.partition, state.record) = (at.time.micros(), at.partition, at.record);
            if self.value.is_null() {
                state.value = None;
            } else {
                self.value.keep(&mut state.value);
            }
        }
    }
}

impl<T: Ordered, B: Ordered, N: Nullness, S: Side> Finish for ExtremeBy<T, B, N, S> {
    const NAME: &'static str = if S::IS_LEAST { "min_by" } else { "max_by" };
    type Out<'a> = N::Of<T::View<'a>>;
    fn finish<'a>(&'a self, arena: &'a Bump) -> Result<Self::Out<'a>> {
        N::wrap(self.value.as_ref().map(|value| value.view(arena)))
    }
    fn merge(&mut self, other: Self) {
        let better = match (&self.by, &other.by) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(own), Some(new)) => match rank::<S>(new.is_nan(), own.is_nan(), || new.compare_kept(own)) {
                Ordering::Equal => other.at() < self.at(),
                order => order == S::BETTER,
            },
        };
        if better {
            *self = other;
        }
    }
}
