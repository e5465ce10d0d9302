//! Aggregates: one file each.
//!
//! An aggregate is a function that takes columns and returns an [`Update`] of its accumulator:
//!
//! ```
//! use millstream::agg::{Finish, Update};
//! use millstream::schema::At;
//!
//! // agg { spread = spread(temperature) }
//! pub fn spread(value: f64) -> Spread { Spread(value) }
//! # pub struct Spread(f64);
//! ```
//!
//! Options are skipped when `None`, as SQL skips nulls; an aggregate over nothing but nulls is null.

mod avg;
pub mod collect;
mod count;
pub mod count_distinct;
mod extreme;
mod extreme_by;
mod first_last;
mod number;
pub mod scalar;
pub mod state;
mod stddev;
mod sum;

pub use avg::avg;
pub use collect::collect;
pub use count::{count, count_if};
pub use count_distinct::count_distinct;
pub use extreme::{max, min};
pub use extreme_by::{max_by, min_by};
pub use first_last::{first, last};
pub use number::Number;
pub use stddev::stddev;
pub use sum::sum;

use bumpalo::Bump;

use crate::Result;
use crate::schema::At;
use crate::schema::Stored;

/// What one row does to an accumulator. Tuples of updates are updates of tuples.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an aggregate",
    label = "`agg` takes aggregates",
    note = "each item of `agg` is one aggregate call, such as `mean = avg(temperature)`; arithmetic over them goes into a following `select`"
)]
pub trait Update {
    /// The accumulator.
    type State: Finish;
    /// Adds the row.
    fn apply(self, state: &mut Self::State, at: At);
}

/// An accumulator, part of the state of a pipeline.
pub trait Finish: Default + Stored + Clone {
    /// The result, as later stages see it: `Copy`, and borrowed from the accumulator where it is text.
    type Out<'a>: Copy;
    /// The result; what is no reference into the accumulator, such as a list, lives in the arena.
    ///
    /// # Errors
    /// It cannot be represented, such as a sum out of range.
    fn finish<'a>(&'a self, arena: &'a Bump) -> Result<Self::Out<'a>>;
    /// Adds what another accumulator has gathered. Must not depend on the order.
    fn merge(&mut self, other: Self);
}
