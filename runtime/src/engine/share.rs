//! Whose a chunk is.
//!
//! A partition has a worker, so that its rows stay together in few files. While that one has enough to do the chunks go to whoever
//! has least, or one large file would be the work of one core. What becomes of a row does not depend on who works on it: records
//! are told apart by their partitions and numbers, and chunks by their numbers in the epoch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of payload that may wait for the worker of a partition until its chunks go to others: that of a source with little to
/// read is to have few files.
pub(super) const NEAR: usize = 256 << 10;

/// The bytes of the chunks that a worker has not done with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Load(Arc<AtomicUsize>);

/// A chunk's share of a load, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    of: Load,
    bytes: usize,
}

impl Load {
    /// Adds a chunk of so many bytes.
    pub(super) fn add(&self, bytes: usize) -> Share {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Share { of: self.clone(), bytes }
    }

    fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The worker for a chunk of a partition: its own, unless more than `near` bytes wait there and fewer elsewhere.
pub(super) fn worker<'l>(partition: u32, near: usize, loads: impl ExactSizeIterator<Item = &'l Load>) -> usize {
    let own = partition as usize % loads.len().max(1);
    let loads: Vec<usize> = loads.map(Load::bytes).collect();
    let at_own = loads.get(own).copied().unwrap_or(0);
    let least = loads.iter().enumerate().min_by_key(|(_, bytes)| **bytes);
    least.filter(|(_, bytes)| at_own > near && **bytes < at_own).map_or(own, |(worker, _)| worker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_goes_to_another_worker_only_while_its_own_has_enough() {
        let loads = [Load::default(), Load::default(), Load::default()];
        let of = |partition| worker(partition, 10, loads.iter());
        assert_eq!([of(0), of(1), of(2), of(3), of(7)], [0, 1, 2, 0, 1]);
        let near = loads[1].add(10);
        assert_eq!(of(1), 1);
        let more = loads[1].add(1);
        assert_eq!(of(1), 0);
        let elsewhere = loads[0].add(5);
        assert_eq!([of(0), of(1), of(4)], [0, 2, 2]);
        let others = [loads[0].add(6), loads[2].add(11)];
        // None has less: there it stays.
        assert_eq!([of(0), of(1), of(2)], [0, 1, 2]);
        drop((near, more, elsewhere, others));
        assert_eq!([of(0), of(1), of(2)], [0, 1, 2]);
    }
}
