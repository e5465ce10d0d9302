//! Watches the threads that run the user's code: one that blocks or loops for ever is told of, and ends the run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Error, Kind};
use crate::observe::RUN;
use crate::operator::pulse::Pulse;
use crate::source::Place;

/// The longest time between two looks.
const LOOK: Duration = Duration::from_secs(5);
/// How long a record may take before it is told of.
const TELL: Duration = Duration::from_secs(60);

/// What a thread is doing.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// The stages up to the first group, on the records from one place to another.
    Records(Box<(Place, Place)>),
    /// This keyed stage, and those after it up to the next.
    Groups(usize),
    /// The sink, which may have its reasons: it is told of and not ended.
    Sink,
}

/// A thread that is watched.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) pulse: Arc<Pulse>,
    doing: Mutex<Option<Doing>>,
}

#[derive(Debug, Clone)]
struct Doing {
    epoch: u64,
    what: What,
    /// The beats when it was begun.
    begun: u64,
}

impl Watch {
    /// The thread begins to run the user's code.
    pub(crate) fn begin(&self, epoch: u64, what: What) {
        // What is new is not what stood still before.
        self.pulse.beat();
        *self.doing() = Some(Doing { epoch, what, begun: self.pulse.beats() });
    }

    /// It has come back.
    pub(crate) fn end(&self) {
        *self.doing() = None;
    }

    fn doing(&self) -> MutexGuard<'_, Option<Doing>> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a watch stood at the last look.
#[derive(Default)]
struct Seen {
    beats: u64,
    still: Duration,
    told: bool,
}

/// Looks now and then; gives the error when a record has taken `limit`. `stages` are the names of the keyed stages.
pub(super) async fn watch(watches: Vec<Arc<Watch>>, stages: Vec<String>, limit: Duration) -> Error {
    let look = LOOK.min(limit / 4).max(Duration::from_millis(1));
    let mut seen: Vec<Seen> = watches.iter().map(|_| Seen::default()).collect();
    loop {
        tokio::time::sleep(look).await;
        for (watch, seen) in watches.iter().zip(&mut seen) {
            let (beats, doing) = (watch.pulse.beats(), watch.doing().clone());
            let Some(doing) = doing.filter(|_| beats == seen.beats) else {
                *seen = Seen { beats, ..Seen::default() };
                continue;
            };
            // By looks and not by the clock: while the process or the machine was stopped, so was the user's code.
            seen.still += look;
            if seen.still >= TELL.min(limit) && !seen.told {
                seen.told = true;
                tell(&doing, beats, &stages, seen.still);
            }
            if seen.still >= limit && !matches!(doing.what, What::Sink) {
                return stuck(&doing, beats, &stages, seen.still);
            }
        }
    }
}

/// The operator, and what it is at.
fn words(doing: &Doing, beats: u64, stages: &[String]) -> (String, String) {
    match &doing.what {
        What::Records(places) => {
            let (first, last) = &**places;
            let number = beats.saturating_sub(doing.begun).max(1);
            ("the stages up to the first group".to_owned(), format!("record {number} of those from {first} to {last}"))
        }
        What::Groups(stage) => {
            let name = stages.get(*stage).map_or("", String::as_str);
            (format!("the keyed stage `{name}` or what follows it"), "a group".to_owned())
        }
        What::Sink => ("the sink".to_owned(), "the rows of an epoch".to_owned()),
    }
}

fn tell(doing: &Doing, beats: u64, stages: &[String], still: Duration) {
    let (operator, at) = words(doing, beats, stages);
    let (epoch, seconds) = (doing.epoch, still.as_secs());
    tracing::warn!(target: RUN, epoch, operator, at, seconds, "an operator does not come back");
}

fn stuck(doing: &Doing, beats: u64, stages: &[String], still: Duration) -> Error {
    let (operator, at) = words(doing, beats, stages);
    let message = format!("{operator} did not come back from {at} in {still:?}, in epoch {}", doing.epoch);
    Error::new(Kind::Internal, message)
        .help("a function of the pipeline blocks or loops: mend it, or give it more time with `.max_record_time(..)`")
}
