//! `stddev(column)`.

use bumpalo::Bump;

use super::number::Number;
use super::state::accumulator;
use super::{Finish, Update};
use crate::Result;
use crate::schema::At;

/// The sample standard deviation (divided by n - 1) as `Option<f64>`, of durations in seconds: null for fewer than two
/// values.
///
/// By B. P. Welford, "Note on a Method for Calculating Corrected Sums of Squares and Products" (1962), merged by
/// T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances"
/// (1979).
pub fn stddev<T>(value: T) -> DeviationOf<T> {
    DeviationOf(value)
}

/// The update of [`stddev`].
#[derive(Debug, Clone, Copy)]
pub struct DeviationOf<T>(T);

accumulator! {
    /// The accumulator of [`stddev`].
    Stddev<> {
        /// The number of values.
        count: u64,
        /// Their mean.
        mean: f64,
        /// The sum of the squares of their distances from the mean.
        squares: f64,
    }
}

impl<T: Number> Update for DeviationOf<T> {
    type State = Stddev;
    #[inline]
    fn apply(self, state: &mut Stddev, _at: At) {
        if let Some(value) = self.0.to_f64() {
            state.count += 1;
            let delta = value - state.mean;
            state.mean += delta / state.count as f64;
            state.squares += delta * (value - state.mean);
        }
    }
}

impl Finish for Stddev {
    const NAME: &'static str = "stddev";
    type Out<'a> = Option<f64>;
    fn finish<'a>(&'a self, _arena: &'a Bump) -> Result<Option<f64>> {
        Ok((self.count > 1).then(|| (self.squares / (self.count - 1) as f64).sqrt()))
    }
    fn merge(&mut self, other: Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            // The formula below would round, and make NaN of numbers whose square is infinite.
            *self = other;
            return;
        }
        let (own, others) = (self.count as f64, other.count as f64);
        let delta = other.mean - self.mean;
        self.count += other.count;
        let all = self.count as f64;
        self.mean += delta * others / all;
        // The weights by themselves: many times the square of an outlier may be infinite.
        self.squares += other.squares + delta * delta * (own * others / all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows are merged into their group one by one.
    #[test]
    fn an_outlier_among_many_is_not_infinite() {
        let (mut all, mut outlier) = (Stddev { count: 1_000, ..Stddev::default() }, Stddev::default());
        stddev(1e153).apply(&mut outlier, At::default());
        all.merge(outlier);
        assert!(all.squares.is_finite());
    }

    #[test]
    fn nothing_and_some_is_some() {
        let mut some = Stddev::default();
        for value in [1e200, 1e200, 1e200] {
            stddev(value).apply(&mut some, At::default());
        }
        let mut merged = Stddev::default();
        merged.merge(some.clone());
        merged.merge(Stddev::default());
        assert_eq!((merged.finish(&Bump::new()).ok(), merged.mean), (Some(Some(0.0)), some.mean));
    }
}
