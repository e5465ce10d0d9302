//! Ctrl-C and SIGTERM.

use std::time::Duration;

use tokio::sync::watch;

use super::driver::Stop;
use crate::Result;
use crate::error::{Error, Kind};

/// The signals that ask a process to end.
pub(crate) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    pub(crate) fn new() -> Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let listen = |kind| signal(kind).map_err(|error| Error::io("listening for signals", error));
            Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// The next signal.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Comes back when the run was asked to end so long ago.
pub(crate) async fn asked(mut stop: watch::Receiver<Stop>, timeout: Duration) {
    if stop.wait_for(|stop| *stop != Stop::No).await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(timeout).await;
}

/// The error of a run that was asked to end and took too long.
pub(crate) fn late(timeout: Duration) -> Error {
    Error::new(Kind::Unavailable, format!("stopped at once: the epoch at hand took more than {timeout:?} to end"))
        .help("it was not committed and is read again at the next start; `.stop_timeout(..)` gives it longer")
}

/// The error of a run that was asked to end twice.
pub(crate) fn aborted() -> Error {
    Error::new(Kind::Unavailable, "stopped at once by a second signal")
        .help("the epoch at hand was not committed and is read again at the next start")
}
