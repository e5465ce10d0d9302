//! Waiting for room on a disk that is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::driver::Stop;
use super::watchdog::{Watch, What};
use crate::observe::RUN;
#[cfg(feature = "metrics")]
use crate::observe::monitor::lock;
use crate::pipeline::Plan;
use crate::pipeline::options::{Checkpoint, Options};
use crate::{Result, clock};

/// How long the first wait for room is; each is twice as long as the one before, up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// How soon the commit thread learns that it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// Waits for room, each time longer than before.
pub(crate) struct Room {
    stop: watch::Receiver<Stop>,
    /// Whether the run has failed, or nobody waits for it any more.
    given_up: Arc<AtomicBool>,
    #[cfg(feature = "metrics")]
    figures: Option<crate::observe::monitor::Shared>,
    /// Whether a new start goes on where the last commit was, with nothing lost.
    waits: bool,
    next: Duration,
}

impl Room {
    pub(super) fn new(plan: &Plan, options: &Options, stop: watch::Receiver<Stop>) -> Self {
        let kept = options.checkpoint.as_ref().and_then(Checkpoint::place).is_some();
        let waits = kept && options.rehearsal.is_none() && plan.source.describe().replayable;
        Self {
            stop,
            given_up: Arc::default(),
            #[cfg(feature = "metrics")]
            figures: options.figures.clone(),
            waits,
            next: FIRST,
        }
    }

    /// Whether waiting helps.
    pub(super) fn can_wait(&self) -> bool {
        self.waits
    }

    /// What ends the waits of a run that has failed: its error is not to wait for room.
    pub(super) fn given_up(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.given_up)
    }

    fn is_to_end(&self) -> bool {
        *self.stop.borrow() != Stop::No || self.given_up.load(Ordering::Acquire)
    }

    /// There was room: the next wait is a short one again.
    pub(super) fn was_there(&mut self) {
        self.next = FIRST;
    }

    /// Waits; `false` if the run is to end, which the next start then does what is left for.
    pub(super) async fn wait(&mut self) -> bool {
        if self.is_to_end() {
            return false;
        }
        let wait = self.begin();
        tokio::select! {
            Ok(_) = self.stop.wait_for(|stop| *stop != Stop::No) => false,
            () = clock::sleep(wait) => true,
        }
    }

    /// Does what is left of a committed epoch, and again when there is room if a disk is full: it must be such that it may be
    /// begun anew.
    pub(super) fn finish(&mut self, watch: &Watch, epoch: u64, mut what: impl FnMut() -> Result<()>) -> Result<()> {
        loop {
            match what() {
                Err(error) if self.waits && error.is_disk_full() => {
                    // Nothing of the user's runs meanwhile.
                    watch.end();
                    if !self.wait_blocking() {
                        return Err(error);
                    }
                    watch.begin(epoch, What::Sink);
                }
                ended => {
                    self.was_there();
                    return ended;
                }
            }
        }
    }

    /// As [`wait`](Self::wait), of a thread of its own.
    fn wait_blocking(&mut self) -> bool {
        if self.is_to_end() {
            return false;
        }
        let mut left = self.begin();
        while !left.is_zero() && !self.is_to_end() {
            let slice = left.min(LOOK);
            std::thread::sleep(slice);
            left -= slice;
        }
        !self.is_to_end()
    }

    fn begin(&mut self) -> Duration {
        #[cfg(feature = "metrics")]
        if let Some(figures) = &self.figures {
            lock(figures).waits();
        }
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        let seconds = wait.as_secs();
        tracing::warn!(target: RUN, seconds, "a disk is full; the run goes on when there is room, and tries that in a while");
        wait
    }
}
