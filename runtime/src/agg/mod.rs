//! Aggregates: one file each.
//!
//! An aggregate is a function that takes columns and returns an [`Update`] of its accumulator:
//!
//! ```
//! use millstream::agg::{Arena, Finish, Update};
//! use millstream::schema::At;
//! use millstream::prelude::*;
//!
//! /// `agg { spread = spread(temperature) }`: the highest value minus the lowest.
//! pub fn spread(value: f64) -> Spread {
//!     Spread(value)
//! }
//!
//! /// What one row does.
//! pub struct Spread(f64);
//!
//! /// The accumulator, which is a column of the state.
//! #[derive(StreamSchema, Clone, Default)]
//! pub struct Range {
//!     low: Option<f64>,
//!     high: Option<f64>,
//! }
//!
//! impl Update for Spread {
//!     type State = Range;
//!     fn apply(self, range: &mut Range, _at: At) {
//!         range.merge(Range { low: Some(self.0), high: Some(self.0) });
//!     }
//! }
//!
//! impl Finish for Range {
//!     type Out<'a> = Option<f64>;
//!     fn finish(&self, _arena: &Arena) -> millstream::Result<Option<f64>> {
//!         Ok(self.high.zip(self.low).map(|(high, low)| high - low))
//!     }
//!     fn merge(&mut self, other: Self) {
//!         self.low = self.low.into_iter().chain(other.low).reduce(f64::min);
//!         self.high = self.high.into_iter().chain(other.high).reduce(f64::max);
//!     }
//! }
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
pub mod saved;
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

pub use crate::schema::Arena;

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
    /// What a checkpoint calls it. A pipeline does not go on with the state of an aggregate of another name. Default: none,
    /// and only the type of the state is compared.
    const NAME: &'static str = "";
    /// The result, as later stages see it: `Copy`, and borrowed from the accumulator where it is text.
    type Out<'a>: Copy;
    /// The result; what is no reference into the accumulator, such as a list, lives in the arena.
    ///
    /// # Errors
    /// It cannot be represented, such as a sum out of range.
    fn finish<'a>(&'a self, arena: &'a Arena) -> Result<Self::Out<'a>>;
    /// Adds what another accumulator has gathered. Must not depend on the order.
    fn merge(&mut self, other: Self);
    /// The names of the parts of a tuple, one after the other.
    #[doc(hidden)]
    fn names(out: &mut Vec<&'static str>) {
        out.push(Self::NAME);
    }
}
