//! Threads, and how they wait for each other.
//!
//! In earnest they are the system's. On a thread that has a seat in a [`Schedule`] all of this is simulated: of the threads that
//! such a one starts, of their tokio runtimes and of the requests they make, one thing happens at a time; a seed says which; and
//! when all wait, time goes on to when one of them need not wait any longer.
//!
//! * `schedule`: whose turn it is.

mod schedule;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, mpsc};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc as to_runtime;

#[cfg_attr(not(feature = "parquet"), allow(unused_imports))] // of crash tests
pub(crate) use self::schedule::{Random, Schedule, Seat, block_on};
use self::schedule::{Reserved, Until};

/// A thread.
#[derive(Debug)]
pub(crate) struct Thread {
    handle: JoinHandle<()>,
    seat: Option<usize>,
}

/// Starts a thread.
///
/// # Errors
/// The system has none left.
pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<Thread> {
    let reserved = Seat::current().map(|seat| seat.beside());
    let seat = reserved.as_ref().map(Reserved::number);
    let run = move || {
        let _seat = reserved.inspect(Reserved::sit);
        run();
    };
    Ok(Thread { handle: Builder::new().name(name.to_owned()).spawn(run)?, seat })
}

impl Thread {
    /// Waits until it has ended, by itself or by a panic.
    pub(crate) fn join(self) {
        if let (Some(seat), Some(other)) = (Seat::current(), self.seat) {
            seat.wait(Until::Gone(other));
        }
        self.handle.join().ok();
    }
}

/// A queue between threads.
pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::channel();
    let changes = Arc::new(AtomicU64::new(0));
    (Sender { sender: Some(sender), changes: Arc::clone(&changes) }, Receiver { receiver, changes })
}

/// The end of a queue that takes.
#[derive(Debug)]
pub(crate) struct Sender<T> {
    /// Until it is dropped.
    sender: Option<mpsc::Sender<T>>,
    changes: Arc<AtomicU64>,
}

impl<T> Sender<T> {
    /// Sends, unless nobody receives any more.
    pub(crate) fn send(&self, what: T) -> Result<(), mpsc::SendError<T>> {
        match &self.sender {
            Some(sender) => sender.send(what)?,
            None => return Err(mpsc::SendError(what)),
        }
        self.changes.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.sender = None;
        self.changes.fetch_add(1, Ordering::Release);
    }
}

/// The end of a queue that gives.
#[derive(Debug)]
pub(crate) struct Receiver<T> {
    receiver: mpsc::Receiver<T>,
    changes: Arc<AtomicU64>,
}

impl<T> Receiver<T> {
    /// Waits for the next; `None` when no more will come.
    pub(crate) fn recv(&self) -> Option<T> {
        let Some(seat) = Seat::current() else { return self.receiver.recv().ok() };
        loop {
            let seen = self.changes.load(Ordering::Acquire);
            match self.receiver.try_recv() {
                Ok(received) => return Some(received),
                Err(mpsc::TryRecvError::Disconnected) => return None,
                Err(mpsc::TryRecvError::Empty) => drop(seat.wait(Until::Changed(Arc::clone(&self.changes), seen))),
            }
        }
    }
}

/// Sends to a tokio runtime, and waits for room; `false` if nobody receives any more.
#[cfg_attr(not(feature = "parquet"), allow(dead_code))]
pub(crate) fn send_to_runtime<T>(to: &to_runtime::Sender<T>, mut what: T) -> bool {
    let Some(seat) = Seat::current() else { return to.blocking_send(what).is_ok() };
    let mut again = false;
    loop {
        match to.try_send(what) {
            Ok(()) => return true,
            Err(to_runtime::error::TrySendError::Closed(_)) => return false,
            Err(to_runtime::error::TrySendError::Full(unsent)) => what = unsent,
        }
        seat.wait(Until::Told { again });
        again = true;
    }
}

/// Takes a lock that may be held while its holder waits; whatever a panic has left in it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    let Some(seat) = Seat::current() else { return mutex.lock().unwrap_or_else(PoisonError::into_inner) };
    let mut again = false;
    loop {
        match mutex.try_lock() {
            Ok(guard) => return guard,
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => drop(seat.wait(Until::Told { again })),
        }
        again = true;
    }
}

/// Lets simulated time go by. In earnest none does.
pub(crate) fn pause(time: Duration) {
    if let Some(seat) = Seat::current() {
        seat.wait_for_task(seat.start(seat.sleep(time)));
    }
}
