//! What services and disks are like in a storm: how long a call takes, and what becomes of it.

use std::sync::Mutex;
use std::time::Duration;

use super::lock;
use crate::thread::Random;

/// The weather of a process. Each seed has another: some only slow, some so that every other request fails.
#[derive(Debug)]
#[cfg_attr(not(feature = "_objects"), allow(dead_code))]
pub(in crate::store) struct Weather {
    random: Mutex<Random>,
    /// Microseconds that a request usually takes.
    usual: u64,
    /// Each trouble happens to one of so many requests.
    sides: Option<u64>,
}

/// What becomes of a request, other than that it is carried out and answered.
#[cfg(feature = "_objects")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Trouble {
    /// The service is busy, and has done nothing.
    Busy,
    /// The connection is lost before the request.
    Lost,
    /// It is carried out, and the connection lost before the answer.
    Unanswered,
    /// The connection is lost, and the request is carried out later: it may be repeated before that.
    Late,
    /// Somebody else is about to make the name. Only of requests that make one.
    Conflict,
}

impl Weather {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let usual = [200, 20_000, 500_000][random.below(3) as usize % 3];
        let sides = [None, Some(64), Some(16), Some(12)][random.below(4) as usize % 4];
        Self { random: Mutex::new(random), usual, sides }
    }

    fn below(&self, limit: u64) -> u64 {
        lock(&self.random).below(limit)
    }

    /// How long a request or an answer is on its way: mostly up to twice the usual time, and sometimes ten times as long.
    #[cfg(feature = "_objects")]
    pub(in crate::store) fn on_its_way(&self) -> Duration {
        let slow = if self.below(32) == 0 { 10 } else { 1 };
        Duration::from_micros(self.below(2 * self.usual) * slow)
    }

    /// How much later a request is carried out that was thought lost.
    #[cfg(feature = "_objects")]
    pub(in crate::store) fn late(&self) -> Duration {
        Duration::from_micros(self.below(200 * self.usual))
    }

    /// How long a call of the system takes.
    pub(super) fn on_the_disk(&self) -> Duration {
        let slow = if self.below(32) == 0 { 100 } else { 1 };
        Duration::from_micros(self.below(1_000) * slow)
    }

    /// What becomes of a request that changes something.
    #[cfg(feature = "_objects")]
    pub(in crate::store) fn trouble(&self, creates: bool) -> Option<Trouble> {
        let troubles = [Trouble::Busy, Trouble::Lost, Trouble::Unanswered, Trouble::Late, Trouble::Conflict];
        let trouble = troubles.get(self.below(self.sides?) as usize).copied()?;
        (creates || trouble != Trouble::Conflict).then_some(trouble)
    }

    /// Whether a listing lacks what was made last.
    #[cfg(feature = "_objects")]
    pub(in crate::store) fn lags(&self) -> bool {
        self.sides.is_some() && self.below(4) == 0
    }
}
