//! `agg { spread = spread(value) }`: the highest value minus the lowest.

use millstream::Result;
use millstream::agg::{Arena, Finish, Update};
use millstream::prelude::*;
use millstream::schema::At;

/// The highest value minus the lowest.
#[must_use]
pub fn spread(value: f64) -> Spread {
    Spread(value)
}

/// The update of [`spread`].
pub struct Spread(f64);

/// The accumulator of [`spread`].
#[derive(StreamSchema, Clone, Default)]
pub struct Range {
    low: Option<f64>,
    high: Option<f64>,
}

impl Update for Spread {
    type State = Range;
    fn apply(self, range: &mut Range, _at: At) {
        range.merge(Range { low: Some(self.0), high: Some(self.0) });
    }
}

impl Finish for Range {
    type Out<'a> = Option<f64>;
    fn finish(&self, _arena: &Arena) -> Result<Option<f64>> {
        Ok(self.high.zip(self.low).map(|(high, low)| high - low))
    }
    fn merge(&mut self, other: Self) {
        self.low = self.low.into_iter().chain(other.low).reduce(f64::min);
        self.high = self.high.into_iter().chain(other.high).reduce(f64::max);
    }
}
