//! When to call next: the rates of a shard and the waits after a failure.

use std::time::Duration;

use tokio::time::Instant;

/// Waits after failures in a row: a random time below a limit that doubles, so that readers that failed together do not
/// come back together.
pub(crate) struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
    random: u64,
}

impl Backoff {
    pub(crate) fn new([base, cap]: [Duration; 2], seed: u64) -> Self {
        Self { base, cap, failures: 0, random: seed }
    }

    /// After a success.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let limit = self.base.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(self.cap);
        self.failures = self.failures.saturating_add(1).min(31);
        // 53 bits are what a float holds exactly.
        limit.mul_f64((splitmix64(&mut self.random) >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// A random number; after Guy Steele et al., "Fast Splittable Pseudorandom Number Generators".
pub(super) fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Keeps the calls for one shard below its rates.
///
/// A bucket that holds one call: the next is allowed once the period has passed and the bytes of the last are paid for.
pub(super) struct Pace {
    period: Duration,
    bytes_per_second: f64,
    next: Instant,
}

impl Pace {
    pub(super) fn new(period: Duration, bytes_per_second: f64) -> Self {
        Self { period, bytes_per_second, next: Instant::now() }
    }

    /// Waits until a call is allowed.
    pub(super) async fn wait(&mut self) {
        tokio::time::sleep_until(self.next).await;
        self.called(Instant::now());
    }

    fn called(&mut self, at: Instant) {
        self.next = at + self.period;
    }

    /// Counts the bytes of the call that was waited for.
    pub(super) fn took(&mut self, bytes: usize) {
        let paid = Duration::try_from_secs_f64(bytes as f64 / self.bytes_per_second).unwrap_or_default();
        self.next += paid.saturating_sub(self.period);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails is meant to panic")]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_are_spread() {
        let mut backoff = Backoff::new([Duration::from_millis(200), Duration::from_secs(10)], 7);
        let waits: Vec<_> = (0..1_000).map(|_| backoff.next()).collect();
        assert!(waits[0] < Duration::from_millis(200) && waits[1] < Duration::from_millis(400));
        assert!(waits.iter().all(|wait| *wait < Duration::from_secs(10)));
        assert!(waits.iter().filter(|wait| **wait > Duration::from_secs(5)).count() > 400);
        backoff.reset();
        assert!(backoff.next() < Duration::from_millis(200));
    }

    #[test]
    fn bytes_are_paid_for() {
        let (start, millis) = (Instant::now(), Duration::from_millis);
        let mut pace = Pace::new(millis(10), 1_000_000.0);
        pace.called(start);
        pace.took(5_000);
        assert_eq!(pace.next, start + millis(10), "the period covers them");
        // A call that comes late is not made up for.
        pace.called(start + millis(25));
        pace.took(50_000);
        assert_eq!(pace.next, start + millis(75));
    }

    #[test]
    fn a_call_waits_until_it_is_allowed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut pace = Pace::new(Duration::from_millis(10), f64::INFINITY);
            for _ in 0..3 {
                let allowed = pace.next;
                pace.wait().await;
                // Never early, however loaded the machine is; how late is the machine's affair.
                assert!(Instant::now() >= allowed && pace.next >= allowed + Duration::from_millis(10));
            }
        });
    }
}
