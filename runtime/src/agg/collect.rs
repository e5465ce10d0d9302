//! `collect(column)`.

use bumpalo::Bump;

use super::scalar::{Ordered, Scalar};
use super::state::accumulator;
use super::{Finish, Update};
use crate::Result;
use crate::error::{Error, Kind};
use crate::schema::{At, Stored};
use crate::time::Timestamp;

/// The most values of a group.
pub const MAX_VALUES: usize = 100_000;

/// The most bytes of memory that the text of the values of a group may take.
pub const MAX_BYTES: usize = 16 << 20;

/// All values as a list, a slice in later expressions; empty when all of them were null, as nulls are skipped.
///
/// The list begins with what [`first`](super::first) gives and ends with what [`last`](super::last) gives: it is in the
/// order of event time, among equal times in that of partitions, and within a partition in that of arrival. So it is the
/// same for any number of workers.
///
/// A group may have [`MAX_VALUES`] values and [`MAX_BYTES`] of text; more are an error when its window is closed, not
/// memory that runs out. Every value is kept until then, with 20 bytes for its place, and is in each state file of the
/// checkpoint that its group is written to.
pub fn collect<T>(value: T) -> Collect<T> {
    Collect(value)
}

/// The update of [`collect`].
#[derive(Debug, Clone, Copy)]
pub struct Collect<T>(T);

accumulator! {
    /// The accumulator of [`collect`]: its lists have an item for each value, in the order in which they came.
    Collected<T: Ordered> {
        /// The event times, in microseconds since the Unix epoch.
        times: Vec<i64>,
        /// The orders of their partitions.
        partitions: Vec<u32>,
        /// Their records' numbers within the partitions.
        records: Vec<u64>,
        /// The values; none of them once there were too many.
        values: Vec<T>,
        /// How many came, with those that are not kept.
        count: u64,
        /// The bytes of their text.
        bytes: u64,
    }
    heap Self::held
}

impl<T: Ordered> Collected<T> {
    /// The bytes of the lists and of the text in them, if it is there.
    fn held(&self) -> usize {
        let text = if self.is_over() { 0 } else { self.bytes as usize };
        self.times.heap()
            + self.partitions.heap()
            + self.records.heap()
            + self.values.capacity() * size_of::<T>()
            + text
    }

    fn is_over(&self) -> bool {
        self.count > MAX_VALUES as u64 || self.bytes > MAX_BYTES as u64
    }

    /// Counts values; says whether they are to be kept. Those there are go when one is too many.
    fn count(&mut self, values: u64, bytes: u64) -> bool {
        self.count += values;
        self.bytes += bytes;
        if self.is_over() {
            self.times = Vec::new();
            self.partitions = Vec::new();
            self.records = Vec::new();
            self.values = Vec::new();
        }
        !self.is_over()
    }
}

impl<T: Scalar> Update for Collect<T> {
    type State = Collected<T::Owned>;
    #[inline]
    fn apply(self, state: &mut Self::State, at: At) {
        let mut value = None;
        self.0.keep(&mut value);
        if let Some(value) = value
            && state.count(1, value.heap() as u64)
        {
            state.times.push(at.time.micros());
            state.partitions.push(at.partition);
            state.records.push(at.record);
            state.values.push(value);
        }
    }
}

impl<T: Ordered> Finish for Collected<T> {
    const NAME: &'static str = "collect";
    type Out<'a> = &'a [T::View<'a>];
    fn finish<'a>(&'a self, arena: &'a Bump) -> Result<Self::Out<'a>> {
        if self.is_over() {
            let message = format!(
                "`collect` has {} values with {} bytes of text in one group; {MAX_VALUES} and {MAX_BYTES} are the most",
                self.count, self.bytes
            );
            return Err(Error::new(Kind::Data, message)
                .help("group by more or by a shorter window, or take an aggregate that keeps less, such as `first`, `last` or `count_distinct`"));
        }
        let places = self.times.iter().zip(&self.partitions).zip(&self.records);
        let items =
            arena.alloc_slice_fill_iter(places.zip(&self.values).map(|(((time, partition), record), value)| {
                let at = At { time: Timestamp::from_micros(*time), partition: *partition, record: *record };
                (at, value)
            }));
        // Stable: several rows of one record keep their order.
        items.sort_by_key(|(at, _)| *at);
        Ok(arena.alloc_slice_fill_iter(items.iter().map(|(_, value)| value.view(arena))))
    }
    fn merge(&mut self, other: Self) {
        if self.count(other.count, other.bytes) {
            self.times.extend(other.times);
            self.partitions.extend(other.partitions);
            self.records.extend(other.records);
            self.values.extend(other.values);
        }
    }
}
