//! Whether a shard is silent: what its reader was last told, and for how long that is believed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// An answer is believed for so many of the intervals at which they come: one until it comes, one until the next does,
/// and one for what is late.
const INTERVALS: u32 = 3;
/// It is believed at least for so long, however often the shard is asked,
const BRIEF: Duration = Duration::from_secs(1);
/// and no longer than for intervals of so much, however slow the answers are, unless they are wanted less often. It is also
/// the interval at which the service sends events of a subscription that has no records.
const SLOW: Duration = Duration::from_secs(5);

/// For how long an answer to GetRecords is believed, by the time since the call before it and the time there should be.
pub(super) fn polled(interval: Duration, period: Duration) -> Duration {
    interval.min(SLOW).max(period).saturating_mul(INTERVALS).max(BRIEF)
}

/// For how long an event of a subscription is believed.
pub(super) fn pushed() -> Duration {
    SLOW * INTERVALS
}

/// Set by the reader of a shard after every answer and failure, and read when a fetch ends.
#[derive(Default)]
pub(super) struct Quiet(Mutex<Option<Proof>>);

/// The service has said that nothing is left.
struct Proof {
    /// When it was asked. A record may have come at any time after.
    asked: Instant,
    /// How long that is believed from then on.
    believed: Duration,
    /// The last record before.
    last: Option<String>,
}

impl Quiet {
    /// Nothing is left after the record `last`, by an answer to what was asked at this time.
    pub(super) fn prove(&self, asked: Instant, believed: Duration, last: Option<&str>) {
        let proof = Proof { asked, believed, last: last.map(str::to_owned) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(proof);
    }

    /// There are records, or nobody knows.
    pub(super) fn doubt(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the shard is known to have had nothing for so long after the record `last`, which was handed out at
    /// `active`.
    pub(super) fn lasts(&self, time: Duration, last: Option<&str>, active: Instant) -> bool {
        let proof = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        proof.as_ref().is_some_and(|proof| {
            // Others that were read and wait to be handed out are not silence.
            let all = proof.last.as_deref() == last;
            let long = proof.asked.checked_duration_since(active).is_some_and(|silence| silence >= time);
            all && long && proof.asked.elapsed() < proof.believed
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_believed_for_a_while() {
        let millis = Duration::from_millis;
        assert_eq!(polled(millis(2), millis(2)), millis(1_000));
        assert_eq!(polled(millis(410), millis(400)), millis(1_230));
        assert_eq!(
            polled(millis(4_000), millis(400)),
            millis(12_000),
            "thousands of shards have to wait for each other"
        );
        assert_eq!(polled(millis(60_000), millis(400)), millis(15_000));
        assert_eq!(polled(millis(30_000), millis(30_000)), millis(90_000));
    }

    #[test]
    fn silence_needs_proof() {
        let (quiet, time) = (Quiet::default(), Duration::from_secs(30));
        let (asked, believed) = (Instant::now(), Duration::from_secs(3_600));
        let Some(long_ago) = asked.checked_sub(time) else { return };
        assert!(!quiet.lasts(time, None, long_ago), "nobody was asked");
        quiet.prove(asked, believed, Some("7"));
        assert!(quiet.lasts(time, Some("7"), long_ago));
        assert!(!quiet.lasts(time, Some("6"), long_ago), "a record waits");
        assert!(!quiet.lasts(time, Some("7"), long_ago + Duration::from_millis(1)), "not for long enough");
        assert!(!quiet.lasts(Duration::ZERO, Some("7"), asked + time), "asked before the record was handed out");
        quiet.prove(long_ago, time, Some("7"));
        assert!(!quiet.lasts(Duration::ZERO, Some("7"), long_ago), "the proof is old");
        quiet.prove(asked, believed, None);
        quiet.doubt();
        assert!(!quiet.lasts(Duration::ZERO, None, long_ago));
    }
}
