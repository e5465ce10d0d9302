//! Processes: they make calls, and die at one of them.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

#[cfg(feature = "_objects")]
use object_store::memory::InMemory;
use tokio::sync::watch;

#[cfg(feature = "_objects")]
use super::Buckets;
use super::disk::Disk;
use super::lock;
use super::scale::Scale;
use super::weather::Weather;
use crate::error::{Error, Kind};
use crate::thread;

/// When a process dies, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Death {
    /// The number of the call, from 0.
    pub(crate) at: usize,
    pub(crate) how: How,
}

/// How a process dies at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// The call is not made.
    Before,
    /// The call is made, and its answer is lost.
    After,
    /// A write is made in half.
    Torn,
    /// It does not die: it is frozen before the call until [`Life::thaw`], and then goes on as if nothing had happened.
    Frozen,
}

/// A simulated process.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(super) life: Arc<Life>,
    pub(super) disk: Arc<Mutex<Disk>>,
    #[cfg(feature = "_objects")]
    pub(super) buckets: Buckets,
    pub(super) scale: Scale,
}

impl Process {
    /// Whether it lives, and what it did.
    pub(crate) fn life(&self) -> &Arc<Life> {
        &self.life
    }

    /// What is done more often than in earnest.
    pub(crate) fn scale(&self) -> Scale {
        self.scale
    }

    /// Looks at the disk.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Disk) -> io::Result<T>) -> io::Result<T> {
        self.life.alive()?;
        look(&lock(&self.disk))
    }

    /// Changes the disk, or half of what `change` would.
    pub(super) fn change<T>(
        &self,
        what: impl FnOnce() -> String,
        change: impl FnOnce(&mut Disk, bool) -> io::Result<T>,
    ) -> io::Result<T> {
        self.life.call(what, |half| change(&mut lock(&self.disk), half))
    }

    /// A bucket, which is there when it is asked for.
    #[cfg(feature = "_objects")]
    pub(in crate::store) fn bucket(&self, name: &str) -> Arc<InMemory> {
        Arc::clone(lock(&self.buckets).entry(name.to_owned()).or_default())
    }
}

/// The life of a process: its calls, and its end.
#[derive(Debug)]
pub(crate) struct Life {
    death: Option<Death>,
    weather: Option<Weather>,
    state: Mutex<State>,
    changed: Condvar,
    thawed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    /// What was done, in words.
    calls: Vec<String>,
    dead: bool,
    frozen: bool,
    /// Whether the run has ended, so that nobody waits for it to freeze.
    ended: bool,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Fate {
    /// It is made, and answered.
    Made,
    /// It is made, and the process dies.
    Last,
    /// It is made in half, and the process dies.
    Half,
    /// It is made once the process is thawed, and answered.
    Late,
}

/// The process is dead, and makes no calls.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the simulated process died")]
pub(crate) struct Died;

impl From<Died> for io::Error {
    fn from(died: Died) -> Self {
        Self::other(died)
    }
}

impl From<Died> for Error {
    fn from(died: Died) -> Self {
        Self::new(Kind::Io, died.to_string())
    }
}

impl Life {
    pub(super) fn new(death: Option<Death>, storm: Option<u64>) -> Self {
        let thawed = watch::Sender::new(false);
        Self { death, weather: storm.map(Weather::new), state: Mutex::default(), changed: Condvar::new(), thawed }
    }

    /// The weather, if there is a storm.
    #[cfg(feature = "_objects")]
    pub(in crate::store) fn weather(&self) -> Option<&Weather> {
        self.weather.as_ref()
    }

    /// Whether an epoch is computed while the one before it is committed: where there are no storms, calls have numbers.
    pub(crate) fn overlaps(&self) -> bool {
        self.weather.is_some()
    }

    /// Whether it has died.
    pub(crate) fn dead(&self) -> bool {
        lock(&self.state).dead
    }

    /// Fails if it is dead.
    pub(in crate::store) fn alive(&self) -> Result<(), Died> {
        if self.dead() { Err(Died) } else { Ok(()) }
    }

    /// What it did, in words, one for each call.
    pub(crate) fn calls(&self) -> Vec<String> {
        lock(&self.state).calls.clone()
    }

    /// Waits until it is frozen; `false` if it has ended and never was.
    pub(crate) fn wait_for_frost(&self) -> bool {
        let mut state = lock(&self.state);
        while !state.frozen && !state.ended {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.frozen
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        // Those that wait look again after this, or before they wait.
        let _state = lock(&self.state);
        self.thawed.send_replace(true);
        self.changed.notify_all();
    }

    /// Waits until it is thawed. Requests to buckets have few threads, which are those of all processes.
    #[cfg(feature = "_objects")]
    pub(in crate::store) async fn thawed(&self) {
        // It cannot fail: the sender is here.
        self.thawed.subscribe().wait_for(|thawed| *thawed).await.ok();
    }

    /// Its run has ended.
    pub(crate) fn end(&self) {
        lock(&self.state).ended = true;
        self.changed.notify_all();
    }

    /// Makes a call that leaves something behind. `act` is told whether to do only half of it.
    pub(crate) fn call<T, E: From<Died>>(
        &self,
        what: impl FnOnce() -> String,
        act: impl FnOnce(bool) -> Result<T, E>,
    ) -> Result<T, E> {
        if let Some(weather) = &self.weather {
            thread::pause(weather.on_the_disk());
        }
        let fate = self.enter(what)?;
        if fate == Fate::Late {
            let mut state = lock(&self.state);
            while !*self.thawed.borrow() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        let answer = act(fate == Fate::Half);
        if matches!(fate, Fate::Made | Fate::Late) {
            return answer;
        }
        self.die();
        Err(Died.into())
    }

    /// Counts a call, and says what becomes of it.
    pub(in crate::store) fn enter(&self, what: impl FnOnce() -> String) -> Result<Fate, Died> {
        let mut state = lock(&self.state);
        if state.dead {
            return Err(Died);
        }
        let number = state.calls.len();
        state.calls.push(what());
        match self.death.filter(|death| death.at == number).map(|death| death.how) {
            None => Ok(Fate::Made),
            Some(How::After) => Ok(Fate::Last),
            Some(How::Torn) => Ok(Fate::Half),
            Some(How::Before) => {
                state.dead = true;
                Err(Died)
            }
            Some(How::Frozen) => {
                state.frozen = true;
                self.changed.notify_all();
                Ok(Fate::Late)
            }
        }
    }

    pub(in crate::store) fn die(&self) {
        lock(&self.state).dead = true;
    }
}
