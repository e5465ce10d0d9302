//! How event time is cut into windows, and how long groups without a window last.

pub use crate::schema::Window;
use crate::time::{Duration, Timestamp, micros};

/// When the groups of a keyed stage end: with their window, some time after their last row, or never.
///
/// Windows start at multiples of their step since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSpec(End);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Window { size: i64, every: i64 },
    Ttl(i64),
    Never,
}

/// The pane of groups without a window: there is one, for all of time.
pub(super) const ALL_OF_TIME: i64 = 0;

impl WindowSpec {
    /// Windows of `size` side by side. A size under one microsecond counts as one.
    #[must_use]
    pub const fn tumbling(size: Duration) -> Self {
        Self::sliding(size, size)
    }

    /// Windows of `size` that start `every` so often; a row belongs to each that covers it.
    #[must_use]
    pub const fn sliding(size: Duration, every: Duration) -> Self {
        Self(End::Window { size: at_least_one(micros(size)), every: at_least_one(micros(every)) })
    }

    /// No window: a group ends when the watermark is `ttl` after the event time of its last row.
    #[must_use]
    pub const fn ttl(ttl: Duration) -> Self {
        Self(End::Ttl(at_least_one(micros(ttl))))
    }

    /// No window: a group does not end.
    #[must_use]
    pub const fn never() -> Self {
        Self(End::Never)
    }

    /// Whether there are windows.
    #[must_use]
    pub const fn is_windowed(&self) -> bool {
        matches!(self.0, End::Window { .. })
    }

    /// Whether groups without a window end.
    #[must_use]
    pub const fn has_ttl(&self) -> bool {
        matches!(self.0, End::Ttl(_))
    }

    /// Whether groups do not end.
    #[must_use]
    pub const fn is_endless(&self) -> bool {
        matches!(self.0, End::Never)
    }

    /// The length of a window in microseconds; without one, the time to live.
    #[must_use]
    pub const fn size(&self) -> i64 {
        match self.0 {
            End::Window { size, .. } => size,
            End::Ttl(ttl) => ttl,
            End::Never => i64::MAX,
        }
    }

    /// The step between the starts of windows in microseconds.
    #[must_use]
    pub const fn every(&self) -> i64 {
        match self.0 {
            End::Window { every, .. } => every,
            End::Ttl(_) | End::Never => i64::MAX,
        }
    }

    /// The length of a pane: the longest pieces of which every window is a whole number.
    #[must_use]
    pub const fn pane(&self) -> i64 {
        let (mut a, mut b) = (self.size(), self.every());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    }

    /// The start of the pane that holds `at`; the same for all of time when there are no windows.
    #[inline]
    #[must_use]
    pub const fn pane_of(&self, at: Timestamp) -> i64 {
        if !self.is_windowed() {
            return ALL_OF_TIME;
        }
        let pane = self.pane();
        at.micros().saturating_sub(at.micros().rem_euclid(pane))
    }

    /// When a group ends whose last row was at `last`, in the pane that starts at `pane`: with the last window that
    /// covers the pane, or `ttl` after the row. `None` when it does not.
    #[must_use]
    pub const fn ends(&self, pane: i64, last: i64) -> Option<Timestamp> {
        let end = match self.0 {
            End::Window { size, every } => pane.saturating_sub(pane.rem_euclid(every)).saturating_add(size),
            End::Ttl(ttl) => last.saturating_add(ttl),
            End::Never => return None,
        };
        Some(Timestamp::from_micros(end))
    }

    /// Whether a group has ended once `watermark` is reached; see [`Self::ends`].
    #[inline]
    #[must_use]
    pub fn has_ended(&self, pane: i64, last: i64, watermark: Option<Timestamp>) -> bool {
        match (self.ends(pane, last), watermark) {
            (Some(end), Some(watermark)) => end <= watermark,
            _ => false,
        }
    }
}

const fn at_least_one(micros: i64) -> i64 {
    if micros < 1 { 1 } else { micros }
}

impl std::fmt::Display for WindowSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let duration = |micros: i64| Duration::from_micros(micros.unsigned_abs());
        match self.0 {
            End::Window { size, every } if size == every => write!(f, "tumbling({:?})", duration(size)),
            End::Window { size, every } => write!(f, "sliding({:?}, every = {:?})", duration(size), duration(every)),
            End::Ttl(ttl) => write!(f, "ttl {:?}", duration(ttl)),
            End::Never => f.write_str("ttl never"),
        }
    }
}
