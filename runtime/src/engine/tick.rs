//! When epochs of [`Trigger::Every`](super::Trigger::Every) end.

use std::time::{Duration, Instant};

/// When the next epoch of `Trigger::Every` ends: an epoch that ended before its tick, at a limit, leaves the tick where
/// it is, or a backlog would push it far into the future. Missed ticks are made up for by one.
pub(super) fn next_tick(tick: Instant, interval: Duration, now: Instant) -> Instant {
    if tick > now { tick } else { (tick + interval).max(now) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn f_054_epochs_that_end_early_do_not_push_the_tick_away() {
        let (start, interval) = (clock::monotonic(), Duration::from_secs(10));
        let mut tick = next_tick(start, interval, start);
        assert_eq!(tick, start + interval);
        for early in 1..9 {
            tick = next_tick(tick, interval, start + Duration::from_secs(early));
        }
        assert_eq!(tick, start + interval);
        assert_eq!(next_tick(tick, interval, start + interval), start + interval * 2);
        // One for all that were missed.
        let late = start + interval * 5;
        assert_eq!(next_tick(tick, interval, late), late);
    }
}
