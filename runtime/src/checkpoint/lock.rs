//! The lock gives a friendly answer early. What really keeps two instances apart is the log (see `fence`).

use super::identity::Instance;
use crate::error::{Error, Kind, Result};
use crate::store::{LockGuard, Locked, Store};

const LOCK: &str = "LOCK";

/// Takes the lock; `None` where there are no locks.
pub(super) fn take(store: &dyn Store, instance: &Instance) -> Result<Option<Box<dyn LockGuard>>> {
    let Instance { host, pid, started_text, .. } = instance;
    match store.lock(LOCK, &format!("pid {pid} on host {host} since {started_text}"))? {
        Locked::Held(guard) => Ok(Some(guard)),
        Locked::Unsupported => Ok(None),
        Locked::By(holder) => {
            let holder = if holder.is_empty() { "a process that left no name".to_owned() } else { holder };
            let root = store.describe("");
            Err(Error::new(Kind::AlreadyRunning, format!("the checkpoint `{root}` is already running: {holder}"))
                .help("stop that one first, or give this pipeline a checkpoint of its own"))
        }
    }
}
