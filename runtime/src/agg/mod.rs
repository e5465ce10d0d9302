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
mod count;
mod extreme;
mod first_last;
mod number;
pub mod state;
mod stddev;
mod sum;

pub use avg::avg;
pub use count::{count, count_if};
pub use extreme::{max, min};
pub use first_last::{first, last};
pub use number::Number;
pub use stddev::stddev;
pub use sum::{AddTo, sum};

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
    /// The result.
    ///
    /// # Errors
    /// It cannot be represented, such as a sum out of range.
    fn finish(&self) -> Result<Self::Out<'_>>;
    /// Adds what another accumulator has gathered. Must not depend on the order.
    fn merge(&mut self, other: Self);
}
