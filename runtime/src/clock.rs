//! The one place that reads a clock.

use std::time::{Instant, SystemTime};

use crate::time::Timestamp;

/// The time of day, in UTC.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A point on a clock that never goes back, for timeouts and triggers.
#[must_use]
pub fn monotonic() -> Instant {
    Instant::now()
}
