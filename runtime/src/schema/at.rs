//! When and where a row is.

use crate::time::Timestamp;

/// When and where a row is: its event time, and its place among rows of the same time. Aggregates such as `first` order
/// by it, so that results depend neither on workers nor on how the input was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct At {
    /// The event time.
    pub time: Timestamp,
    /// The partition's number.
    pub partition: u32,
    /// The record's number within the partition.
    pub record: u64,
}
