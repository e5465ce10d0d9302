//! A sign of life, for who watches a thread that runs the user's code.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the records that a thread has begun. One thread counts, others look.
#[derive(Debug, Default)]
pub struct Pulse(AtomicU64);

impl Pulse {
    /// A record is begun.
    #[inline]
    pub fn beat(&self) {
        // No other thread counts, so no locked instruction is needed.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// How many were begun.
    #[must_use]
    pub fn beats(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
