//! From the threads that call a [`Store`](crate::store::Store), which block, to the requests, which do not.
//!
//! Requests run on a small tokio runtime of their own, one for the process, so that a store can be called from any
//! thread, whether or not a program has a runtime, and its connections outlive the runtime of a pipeline. It is never
//! dropped: a runtime must not be dropped where others run.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, sync_channel};

use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Kind, Result};
use crate::thread::Seat;

/// Something that runs.
pub(super) struct Task<T> {
    answer: Receiver<T>,
    /// Its number in a simulation.
    place: Option<u64>,
}

impl<T> Task<T> {
    /// Blocks until it has ended.
    pub(super) fn wait(self) -> Result<T> {
        if let Some(id) = self.place {
            Seat::current().iter().for_each(|seat| seat.wait_for_task(id));
        }
        self.answer
            .recv()
            .map_err(|_| Error::new(Kind::Internal, "a request to an object store panicked").help("please report it"))
    }
}

/// Runs something in the background.
pub(super) fn spawn<T, F>(future: F) -> Result<Task<T>>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (done, answer) = sync_channel(1);
    if let Some(seat) = Seat::current() {
        let id = seat.start(async move {
            done.send(future.await).ok();
        });
        return Ok(Task { answer, place: Some(id) });
    }
    static RUNTIME: OnceLock<Result<Runtime, std::io::Error>> = OnceLock::new();
    let start = || Builder::new_multi_thread().worker_threads(2).thread_name("millstream-store").enable_all().build();
    let runtime = RUNTIME.get_or_init(start).as_ref().map_err(|error| {
        Error::new(Kind::Io, format!("starting the threads of object stores: {error}"))
            .help("raise the limit of threads of this user or container")
    })?;
    runtime.spawn(async move {
        // Nobody may want to know any more.
        done.send(future.await).ok();
    });
    Ok(Task { answer, place: None })
}

/// Runs something and blocks until it has ended.
pub(super) fn run<T, F>(future: F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    spawn(future)?.wait()?
}
