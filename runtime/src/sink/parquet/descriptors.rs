//! How many files the sinks of this process have open: descriptors are shared with everything else in it. Objects of a store take
//! none.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

static OPEN: AtomicUsize = AtomicUsize::new(0);

/// The share of the descriptors that the process may have which is for output: the rest is for input, the checkpoint, and
/// whatever else is in the program.
const SHARE: usize = 2;

/// Counts an open file, until it is dropped.
#[derive(Debug)]
pub(super) struct Counted(());

impl Counted {
    pub(super) fn new() -> Self {
        OPEN.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether as many files are open as may be.
pub(super) fn are_used_up() -> bool {
    static MOST: OnceLock<usize> = OnceLock::new();
    OPEN.load(Ordering::Relaxed) >= *MOST.get_or_init(|| limit() / SHARE)
}

/// The descriptors that the process may have.
#[cfg(unix)]
fn limit() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

#[cfg(not(unix))]
fn limit() -> usize {
    usize::MAX
}
