//! `count()` and `count_if(condition)`.

use super::state::{Add, accumulator};
use super::{Finish, Update};
use crate::Result;
use crate::schema::At;
use crate::schema::Predicate;

/// The number of rows, as `i64`.
pub fn count() -> Add<(), Count> {
    Add::new(Some(()))
}

/// The number of rows for which the condition holds, as `i64`; null does not hold.
pub fn count_if<P: Predicate>(condition: P) -> Add<(), Count> {
    Add::new(condition.keep().then_some(()))
}

accumulator! {
    /// The accumulator of [`count`].
    Count<> {
        /// The number of rows.
        count: i64,
    }
}

impl Update for Add<(), Count> {
    type State = Count;
    #[inline]
    fn apply(self, state: &mut Count, _at: At) {
        state.count += i64::from(self.value.is_some());
    }
}

impl Finish for Count {
    type Out<'a> = i64;
    fn finish(&self) -> Result<i64> {
        Ok(self.count)
    }
    fn merge(&mut self, other: Self) {
        self.count += other.count;
    }
}
