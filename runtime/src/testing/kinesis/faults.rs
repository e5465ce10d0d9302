//! Faults that a test plans, and the record of the calls that came.

use super::refusal::Refusal;
use super::state::{Shared, State};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// `ProvisionedThroughputExceededException`. The AWS SDK tries again by itself, as often as its retry options say.
    ///
    /// Planned for one shard of PutRecords, this and every other error refuses one record of that shard, in an answer
    /// that is a success.
    Throttle,
    /// Status 400 and this code, such as `LimitExceededException`, `KMSThrottlingException` or `AccessDeniedException`.
    Error {
        /// What the answer has in `__type`.
        code: String,
    },
    /// Status 500, `InternalFailure`. The AWS SDK tries again by itself.
    InternalFailure,
    /// `ExpiredIteratorException`, as if the iterator were too old.
    ExpiredIterator,
    /// The call is answered as it should be, this much later.
    Delay(Duration),
    /// The connection is closed without an answer; the call has no effect.
    CutConnection,
    /// The call takes effect, and the connection is closed half way through the answer. Over HTTP/2 it is the stream that
    /// is reset, here and in [`CutConnection`](Self::CutConnection).
    CutAnswer,
    /// The answer comes in small pieces over this time.
    Slow(Duration),
    /// GetRecords only: no records, and an iterator at the same place, as the service does now and then in the middle
    /// of a shard that has more.
    EmptyPage,
    /// GetRecords only: the last records of a closed shard come with one more iterator, and only the next answer, with
    /// no records, says that the shard is drained.
    LateEnd,
    /// Subscriptions only: a drained shard does not say so in this event, as some other servers never do.
    NoEnd,
    /// GetRecords and subscriptions: a drained shard does not name its children, so that only ListShards tells them.
    NoChildShards,
}

/// A call that came over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// The operation, such as `GetRecords`.
    pub operation: String,
    /// The id of the shard the call is about, if it is about one.
    pub shard: Option<String>,
    /// When it came, counted from the start of the server, on a clock that a test cannot set.
    pub at: Duration,
    /// The code of the error it was answered with; none after a success or a cut connection.
    pub error: Option<String>,
}

/// The faults of a server; see [`super::Server::faults`].
///
/// Faults are used up in the order they were planned in; a call takes the first one that is for its operation and
/// shard.
#[derive(Clone, Copy)]
pub struct Faults<'a> {
    pub(super) shared: &'a Shared,
}

impl Faults<'_> {
    /// The next call of `operation`, such as `"GetRecords"`, goes wrong.
    pub fn next(self, operation: &str, fault: Fault) {
        self.times(operation, 1, fault);
    }

    /// The next `times` calls of `operation` go wrong.
    pub fn times(self, operation: &str, times: usize, fault: Fault) {
        self.plan(Planned { operation: operation.to_owned(), shard: None, skip: 0, left: times, fault });
    }

    /// The next `times` calls of `operation` for the shard with the id `shard` go wrong.
    pub fn on_shard(self, operation: &str, shard: &str, times: usize, fault: Fault) {
        let (operation, shard) = (operation.to_owned(), Some(shard.to_owned()));
        self.plan(Planned { operation, shard, skip: 0, left: times, fault });
    }

    /// The call of `operation` goes wrong that comes after `skip` others.
    pub fn after(self, operation: &str, skip: usize, fault: Fault) {
        self.plan(Planned { operation: operation.to_owned(), shard: None, skip, left: 1, fault });
    }

    /// From now on each call goes wrong with the probability `share`, in one of the ways that `faults` has for its
    /// operation, `"*"` being any; what is planned comes first. The same seed and the same calls give the same faults.
    ///
    /// A refusal of PutRecords refuses single records, each with the probability `share`.
    pub fn at_random<'f>(self, seed: u64, share: f64, faults: impl IntoIterator<Item = (&'f str, Fault)>) {
        let faults = faults.into_iter().map(|(operation, fault)| (operation.to_owned(), fault)).collect();
        self.shared.lock().chances = Some(Chances { random: seed, share, faults });
    }

    /// How many planned faults have not happened yet.
    #[must_use]
    pub fn pending(self) -> usize {
        self.shared.lock().planned.iter().map(|planned| planned.left).fold(0, usize::saturating_add)
    }

    /// Forgets all that is planned, and the faults at random.
    pub fn clear(self) {
        let mut state = self.shared.lock();
        state.planned.clear();
        state.chances = None;
    }

    fn plan(self, planned: Planned) {
        if planned.left > 0 {
            self.shared.lock().planned.push(planned);
        }
    }
}

pub(super) struct Planned {
    operation: String,
    shard: Option<String>,
    /// So many calls go well before.
    skip: usize,
    left: usize,
    fault: Fault,
}

/// Faults at random.
pub(super) struct Chances {
    random: u64,
    share: f64,
    faults: Vec<(String, Fault)>,
}

impl Chances {
    fn draw(&mut self, operation: &str) -> Option<Fault> {
        // 53 bits are what a float holds exactly.
        if (splitmix64(&mut self.random) >> 11) as f64 / (1_u64 << 53) as f64 >= self.share {
            return None;
        }
        let mut faults = self.faults.iter().filter(|(of, _)| of == operation || of == "*");
        let count = faults.clone().count().max(1) as u64;
        let chosen = faults.nth((splitmix64(&mut self.random) % count) as usize);
        chosen.map(|(_, fault)| fault.clone())
    }
}

/// A random number; after Guy Steele et al., "Fast Splittable Pseudorandom Number Generators".
fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl State {
    /// The fault for a call, if one is planned.
    pub(super) fn next_fault(&mut self, operation: &str, shard: Option<&str>) -> Option<Fault> {
        let fits = |planned: &Planned| {
            planned.operation == operation && (planned.shard.is_none() || planned.shard.as_deref() == shard)
        };
        let mut due = None;
        for (position, planned) in self.planned.iter_mut().enumerate().filter(|(_, planned)| fits(planned)) {
            match planned.skip.checked_sub(1) {
                Some(left) => planned.skip = left,
                None => due = due.or(Some(position)),
            }
        }
        match due {
            Some(position) => self.use_up(position),
            // Those of single records are drawn for each.
            None => {
                let drawn = self.chances.as_mut()?.draw(operation)?;
                (operation != "PutRecords" || drawn.refusal(None).is_none()).then_some(drawn)
            }
        }
    }

    /// The refusal that is planned for the records of one shard in a PutRecord or PutRecords call.
    pub(super) fn next_write_fault(&mut self, operation: &str, shard: &str) -> Option<Refusal> {
        let fits = |planned: &Planned| {
            let of_shard = planned.operation == operation && planned.shard.as_deref() == Some(shard);
            of_shard && planned.fault.refusal(None).is_some()
        };
        match self.planned.iter().position(fits) {
            Some(position) => self.use_up(position)?.refusal(Some(shard)),
            None if operation == "PutRecords" => self.chances.as_mut()?.draw(operation)?.refusal(Some(shard)),
            None => None,
        }
    }

    fn use_up(&mut self, position: usize) -> Option<Fault> {
        let planned = self.planned.get_mut(position)?;
        planned.left -= 1;
        let fault = planned.fault.clone();
        if planned.left == 0 {
            self.planned.remove(position);
        }
        Some(fault)
    }
}

impl Fault {
    /// An [`Error`](Self::Error) with this code, such as `KMSDisabledException`.
    #[must_use]
    pub fn error(code: &str) -> Self {
        Self::Error { code: code.to_owned() }
    }

    /// The answer to a call that this fault prevents; `None` if it only delays, cuts or changes it.
    pub(super) fn refusal(&self, shard: Option<&str>) -> Option<Refusal> {
        match self {
            Self::Throttle => Some(Refusal::throttled(shard.unwrap_or("the call"))),
            Self::Error { code } => Some(Refusal::new(code, "A fault that the test has planned")),
            Self::InternalFailure => Some(Refusal::internal()),
            Self::ExpiredIterator => Some(Refusal::expired_iterator()),
            Self::Delay(_) | Self::CutConnection | Self::CutAnswer | Self::Slow(_) => None,
            Self::EmptyPage | Self::LateEnd | Self::NoEnd | Self::NoChildShards => None,
        }
    }
}

/// The last calls, and how many there were.
#[derive(Default)]
pub(super) struct Log {
    pub(super) calls: VecDeque<Call>,
    pub(super) counts: BTreeMap<String, u64>,
}

/// So that a test that runs for hours does not fill the memory.
const LOG_LIMIT: usize = 100_000;

impl Log {
    pub(super) fn count(&mut self, operation: &str) {
        *self.counts.entry(operation.to_owned()).or_default() += 1;
    }

    pub(super) fn add(&mut self, call: Call) {
        self.count(&call.operation);
        if self.calls.len() == LOG_LIMIT {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }
}
