//! The one place that reads clocks. Operators never do: what time it is, is part of an epoch's plan.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::time::Timestamp;

/// The time of day, UTC. It may jump when the host's clock is set.
#[must_use]
pub fn now() -> Timestamp {
    let micros = |duration: std::time::Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp::from_micros(micros(since)),
        Err(before) => Timestamp::from_micros(-micros(before.duration())),
    }
}

/// An instant that only grows, for timeouts and intervals.
#[must_use]
pub fn monotonic() -> Instant {
    Instant::now()
}
