//! The time of the server: the only file of it that asks the machine for the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Two times: the time of day, which a test can set, and the time that passes, which it cannot.
pub(super) struct Clock {
    set: Option<i64>,
    started: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { set: None, started: Instant::now() }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub(super) fn now(&self) -> i64 {
        let passed = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.set.unwrap_or_else(|| i64::try_from(passed().as_millis()).unwrap_or(i64::MAX))
    }

    /// How long the server has been running; goes on when the time of day is set.
    pub(super) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn set(&mut self, now: Option<i64>) {
        self.set = now;
    }
}
