//! The one place that reads clocks. Operators never do: what time it is, is part of an epoch's plan.
//!
//! In a simulation, time is what its schedule says, from when this process first asked for it.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::thread::Seat;
use crate::time::Timestamp;

/// The time of day, UTC. It may jump when the host's clock is set.
#[must_use]
pub fn now() -> Timestamp {
    static BEGUN: OnceLock<Timestamp> = OnceLock::new();
    match simulated() {
        Some(time) => *BEGUN.get_or_init(of_day) + time,
        None => of_day(),
    }
}

fn of_day() -> Timestamp {
    let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp::from_micros(micros(since)),
        Err(before) => Timestamp::from_micros(-micros(before.duration())),
    }
}

/// An instant that only grows, for timeouts and intervals.
#[must_use]
pub fn monotonic() -> Instant {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    match simulated() {
        Some(time) => *BEGUN.get_or_init(Instant::now) + time,
        None => Instant::now(),
    }
}

/// The time since an instant.
pub(crate) fn since(instant: Instant) -> Duration {
    monotonic().saturating_duration_since(instant)
}

/// Waits for a time.
pub(crate) async fn sleep(time: Duration) {
    match Seat::current() {
        Some(seat) => seat.sleep(time).await,
        None => tokio::time::sleep(time).await,
    }
}

/// Waits for what a future gives, for a time; `None` when that is over.
#[cfg_attr(not(feature = "_objects"), allow(dead_code))]
pub(crate) async fn within<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = future => Some(done),
        () = sleep(time) => None,
    }
}

/// Waits for an instant.
pub(crate) async fn sleep_until(instant: Instant) {
    sleep(instant.saturating_duration_since(monotonic())).await;
}

fn simulated() -> Option<Duration> {
    Seat::current().map(|seat| seat.schedule().now())
}
