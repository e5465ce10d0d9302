//! `count()` and `count_if(condition)`.

use bumpalo::Bump;

use super::state::accumulator;
use super::{Finish, Update};
use crate::Result;
use crate::schema::At;
use crate::schema::Predicate;

/// The number of rows, as `i64`.
pub fn count() -> CountIf<bool> {
    CountIf(true)
}

/// The number of rows for which the condition holds, as `i64`; null does not hold.
pub fn count_if<P>(condition: P) -> CountIf<P> {
    CountIf(condition)
}

/// The update of [`count`] and [`count_if`].
#[derive(Debug, Clone, Copy)]
pub struct CountIf<P>(P);

accumulator! {
    /// The accumulator of [`count`].
    Count<> {
        /// The number of rows.
        count: i64,
    }
}

impl<P: Predicate> Update for CountIf<P> {
    type State = Count;
    #[inline]
    fn apply(self, state: &mut Count, _at: At) {
        state.count += i64::from(self.0.keep());
    }
}

impl Finish for Count {
    const NAME: &'static str = "count";
    type Out<'a> = i64;
    fn finish<'a>(&'a self, _arena: &'a Bump) -> Result<i64> {
        Ok(self.count)
    }
    fn merge(&mut self, other: Self) {
        self.count += other.count;
    }
}
