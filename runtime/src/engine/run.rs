//! How a [`Pipeline`] is run: its options and its start.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::engine::driver::{self, Stop};
use crate::engine::{Checkpoint, Query, Summary, Trigger};
use crate::error::Error;
use crate::observe::progress::Progress;
use crate::store::Durability;
use crate::{Pipeline, Result};

impl Pipeline {
    /// A name, for progress documents and logs.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Where progress is kept: a folder of its own, or a place of its own in an object store, such as
    /// `s3://bucket/checkpoint`. A sink that writes files needs one.
    pub fn checkpoint(mut self, checkpoint: impl Into<Checkpoint>) -> Self {
        self.options.checkpoint = Some(checkpoint.into());
        self
    }

    /// When an epoch ends; by default as soon as there is something to do.
    pub fn trigger(mut self, trigger: Trigger) -> Self {
        self.options.trigger = trigger;
        self
    }

    /// Threads that compute, 1 to 16; 1 by default. Partitions of the source are shared among them.
    pub fn workers(mut self, workers: usize) -> Self {
        self.options.workers = workers;
        self
    }

    /// The greatest number of rows in an epoch, shared equally among the partitions of the source; none by default. A share
    /// is rounded up to whole rows, so an epoch may have up to one row more for each partition.
    pub fn max_rows_per_epoch(mut self, rows: u64) -> Self {
        self.options.max_rows_per_epoch = Some(rows.max(1));
        self
    }

    /// The bytes of payload at which an epoch ends; 64 MiB by default.
    pub fn max_bytes_per_epoch(mut self, bytes: usize) -> Self {
        self.options.max_bytes_per_epoch = bytes.max(1);
        self
    }

    /// The bytes of memory that the state of keyed stages may take; by default 70 % of what the process may have, which is the
    /// memory of the machine or the limit of its control group, as Linux says it. On other systems there is no default.
    ///
    /// At four fifths of it a warning names the largest stage, and epochs become smaller. Over it the run ends after the commit of
    /// the epoch at hand with [`Kind::StateBudget`](crate::error::Kind::StateBudget), and a start with more goes on from there.
    pub fn state_budget(mut self, bytes: u64) -> Self {
        self.options.state_budget = Some(bytes);
        self
    }

    /// Event times later than now by more than this do not move the watermark; five minutes by default.
    pub fn max_future_skew(mut self, skew: Duration) -> Self {
        self.options.max_future_skew = skew;
        self
    }

    /// Whether what is committed survives a power cut (the default) or only the death of the process.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.options.durability = durability;
        self
    }

    /// Starts even if the last five starts ended without a commit, once their cause is removed.
    pub fn ignore_crash_loop(mut self) -> Self {
        self.options.ignore_crash_loop = true;
        self
    }

    /// Takes a checkpoint on a file system that is known not to be a local disk (NFS, SMB, FUSE and others), which is refused
    /// otherwise: commits rely on locks, links and syncs that mean what they do on a local disk.
    pub fn allow_network_filesystem(mut self) -> Self {
        self.options.allow_network_filesystem = true;
        self
    }

    /// Takes a checkpoint, or a sink that writes files, with a source that cannot be read again, such as `socket`. That is
    /// refused otherwise, since a checkpoint cannot keep what it promises: after a restart positions, state and output go on
    /// from the last commit, and what the source had sent since then is lost.
    pub fn allow_loss_on_restart(mut self) -> Self {
        self.options.allow_loss_on_restart = true;
        self
    }

    /// Calls `listener` after every epoch, in place of the one that was given before. While it runs the next epoch waits.
    pub fn on_progress(mut self, listener: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.options.listener = Some(Arc::new(listener));
        self
    }

    /// Whether a line of progress is shown on a terminal; it is by default, unless the sink is `console` and prints there.
    pub fn progress_line(mut self, shown: bool) -> Self {
        self.options.progress = shown;
        self
    }

    /// Runs until the source ends, or for ever. Ctrl-C and SIGTERM end it after the epoch at hand.
    ///
    /// # Errors
    /// What ended it; see [`Kind`](crate::error::Kind).
    pub async fn run(self) -> Result<Summary> {
        let (stop, stopped) = watch::channel(Stop::No);
        let run = driver::run(self.plan, self.options, stopped);
        tokio::pin!(run);
        let mut signals = crate::engine::shutdown::Signals::new()?;
        loop {
            tokio::select! {
                ended = &mut run => return ended,
                () = signals.next() => {
                    // The second signal means it: whatever is not committed is read again at the next start.
                    if *stop.borrow() == Stop::Now {
                        return Err(crate::engine::shutdown::aborted());
                    }
                    stop.send_replace(Stop::Now);
                }
            }
        }
    }

    /// Runs until the source ends, on a tokio runtime of its own.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_blocking(self) -> Result<Summary> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::io("starting the tokio runtime", error))?;
        runtime.block_on(self.run())
    }

    /// Runs in the background of the current tokio runtime.
    pub fn start(self) -> Query {
        Query::start(self.plan, self.options)
    }
}
