//! Rules on the types of columns, each with a sentence for the user. Concrete implementations only: a blanket one would
//! make rustc speak of an inner bound instead.

use crate::time::Timestamp;

/// What `filter` takes: `bool`, or `Option<bool>` of which `None` is no.
#[diagnostic::on_unimplemented(
    message = "`filter` needs a yes/no expression, this one is `{Self}`",
    label = "this is a `{Self}`",
    note = "compare it, as in `filter temperature > 20.0`"
)]
pub trait Predicate {
    /// Whether the row stays.
    fn keep(self) -> bool;
}

impl Predicate for bool {
    #[inline]
    fn keep(self) -> bool {
        self
    }
}

impl Predicate for Option<bool> {
    #[inline]
    fn keep(self) -> bool {
        self == Some(true)
    }
}

/// A row with a column marked `#[stream(event_time)]`: what `watermark 10s` and `tumbling(1min)` mean when they name no
/// column.
#[diagnostic::on_unimplemented(
    message = "the rows `{Self}` have no event-time column",
    note = "mark one with `#[stream(event_time)]` in the schema, or name it: `watermark ts 10s`"
)]
pub trait EventTime {
    /// The time the event happened.
    fn event_time(&self) -> Timestamp;
}

/// A value that can be event time: `Timestamp`.
#[diagnostic::on_unimplemented(
    message = "event time must be a `Timestamp`, this one is `{Self}`",
    label = "this is a `{Self}`",
    note = "declare the field as `Timestamp`, with its unit if it is a number: `#[stream(event_time, format = epoch_ms)]`"
)]
pub trait Instant {
    /// The instant.
    fn instant(self) -> Timestamp;
}

impl Instant for Timestamp {
    #[inline]
    fn instant(self) -> Timestamp {
        self
    }
}

/// What an enum whose variants are the values of a column must be able to do.
#[diagnostic::on_unimplemented(
    message = "an enum that is a column must be `Copy`, `Eq` and `Hash`, and `{Self}` is not",
    label = "write above it: `#[derive(StreamSchema, Clone, Copy, PartialEq, Eq, Hash)]`"
)]
pub trait UnitEnum: Copy + Eq + std::hash::Hash + Send + Sync + 'static {}

// With the attribute rustc speaks of `UnitEnum`, not of the first derive that is missing.
#[diagnostic::do_not_recommend]
impl<T: Copy + Eq + std::hash::Hash + Send + Sync + 'static> UnitEnum for T {}
