//! Rules on the types of columns, each with a sentence for the user. Concrete implementations only: a blanket one would
//! make rustc speak of an inner bound instead.

use crate::time::{Date, Timestamp};

/// What `filter` takes: `bool`, or `Option<bool>` of which `None` is no.
#[diagnostic::on_unimplemented(
    message = "a condition must be yes or no, this one is `{Self}`",
    label = "this is a `{Self}`",
    note = "compare it, as in `temperature > 20.0`"
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

/// Says, while a program is compiled, that an enum lacks derives.
pub const fn is_unit_enum<T: UnitEnum>() {}

/// Why an expression has no value: what is in its `Err`.
#[diagnostic::on_unimplemented(
    message = "an `Err` of type `{Self}` cannot say what is wrong with a row",
    label = "this is a `Result` with a `{Self}`",
    note = "an `Err` sends its row to the policy of `decode`, with its text: implement `Display` for it, or take the value out, as in `.ok()` or `.unwrap_or(..)`"
)]
pub trait Reason: std::fmt::Display {}

#[diagnostic::do_not_recommend]
impl<E: std::fmt::Display> Reason for E {}

/// A column that can name a folder of a partitioned output: `partition_by = [date]`.
#[diagnostic::on_unimplemented(
    message = "a column of type `{Self}` cannot name a folder",
    label = "this is a `{Self}`",
    note = "`partition_by` takes text, integers, bool, Date, Timestamp and Option of these: make one, as in `select {{ .., date = ts.date() }}`"
)]
pub trait PartitionKey: Copy {}

/// Checks that a column can name a folder; what `pipeline!` writes for each column of `partition_by`.
pub fn partition_key<T: PartitionKey>(_column: T) {}

macro_rules! partition_key {
    ($($type:ty),*) => {$(
        impl PartitionKey for $type {}
    )*};
}

partition_key!(bool, i8, i16, i32, i64, u8, u16, u32, u64, &str, Date, Timestamp);

impl<T: PartitionKey> PartitionKey for Option<T> {}
