//! How event time is cut into windows.

pub use crate::schema::Window;
use crate::time::{Duration, Timestamp, micros};

/// How event time is cut into windows.
///
/// Windows start at multiples of their step since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSpec {
    size: i64,
    every: i64,
}

impl WindowSpec {
    /// Windows of `size` side by side. A size under one microsecond counts as one.
    #[must_use]
    pub const fn tumbling(size: Duration) -> Self {
        Self::sliding(size, size)
    }

    /// Windows of `size` that start `every` so often; a row belongs to each that covers it.
    #[must_use]
    pub const fn sliding(size: Duration, every: Duration) -> Self {
        let (size, every) = (micros(size), micros(every));
        Self { size: if size < 1 { 1 } else { size }, every: if every < 1 { 1 } else { every } }
    }

    /// The length of a window in microseconds.
    #[must_use]
    pub const fn size(&self) -> i64 {
        self.size
    }

    /// The step between the starts of windows in microseconds.
    #[must_use]
    pub const fn every(&self) -> i64 {
        self.every
    }

    /// The length of a pane: the longest pieces of which every window is a whole number.
    #[must_use]
    pub const fn pane(&self) -> i64 {
        let (mut a, mut b) = (self.size, self.every);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    }

    /// The start of the pane that holds `at`.
    #[inline]
    #[must_use]
    pub const fn pane_of(&self, at: Timestamp) -> i64 {
        let pane = self.pane();
        at.micros().saturating_sub(at.micros().rem_euclid(pane))
    }

    /// When the last window that covers the pane starting at `pane` ends.
    #[must_use]
    pub const fn closes(&self, pane: i64) -> Timestamp {
        let last_start = pane.saturating_sub(pane.rem_euclid(self.every));
        Timestamp::from_micros(last_start.saturating_add(self.size))
    }
}

impl std::fmt::Display for WindowSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let duration = |micros: i64| Duration::from_micros(micros.unsigned_abs());
        if self.size == self.every {
            write!(f, "tumbling({:?})", duration(self.size))
        } else {
            write!(f, "sliding({:?}, every = {:?})", duration(self.size), duration(self.every))
        }
    }
}
