//! How a [`Pipeline`] is run: its options and its start.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::engine::attempts;
use crate::engine::driver::Stop;
use crate::engine::{Checkpoint, Query, Summary, Trigger, shutdown};
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

    /// Threads that compute, 1 to 16; 1 by default. Each partition of the source has one of them; while much of it waits there, the
    /// others work on it, too, so that one large file takes all of them. Sinks that deliver get the rows in the order in which they
    /// were read; a sink that writes files has files of each worker, in each of which the rows of a partition are in their order.
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

    /// Puts state on disk when it takes more than half of its [budget](Self::state_budget), in a folder of this run's own in
    /// `folder`, which should be on a local disk; several pipelines may be given the same one. What is there is as good as memory: it
    /// is not synced, it goes with the run, and a start reads the checkpoint, as without it.
    ///
    /// Keys that an epoch has rows of are read back before these are added; so it pays where most keys rest most of the time. An
    /// epoch's own groups, and half of the budget besides, are in memory as before, and so are the indexes of what is on disk: some two
    /// bytes for each key.
    #[cfg(feature = "spill")]
    pub fn spill(mut self, folder: impl Into<std::path::PathBuf>) -> Self {
        self.options.spill = Some(folder.into());
        self
    }

    /// Event times later than now by more than this do not move the watermark; five minutes by default.
    pub fn max_future_skew(mut self, skew: Duration) -> Self {
        self.options.max_future_skew = skew;
        self
    }

    /// Ends the run with exit code 65 when more than this share of the rows of the last minute, and of at least a hundred,
    /// cannot be decoded or computed: `0.05` is one in twenty. The epoch with which it is passed is not committed, so a
    /// mistake upstream does not drain into the dead letters. By default rows are only told of, from one in twenty on.
    pub fn max_error_rate(mut self, rate: f64) -> Self {
        self.options.max_error_rate = Some(rate.max(0.0));
        self
    }

    /// How long an expression or an aggregate may be at work on one record, or on the groups of an epoch, before the run
    /// ends with exit code 70; ten minutes by default. After a minute it is told of.
    pub fn max_record_time(mut self, time: Duration) -> Self {
        self.options.max_record_time = time;
        self
    }

    /// How long [`Self::run`] may take to finish the epoch at hand after Ctrl-C or SIGTERM; 25 s by default, since Kubernetes
    /// kills after 30. After that it ends as by a second signal, with exit code 69.
    pub fn stop_timeout(mut self, time: Duration) -> Self {
        self.options.stop_timeout = time;
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

    /// Shows figures at `/metrics` for Prometheus, and at `/health` and `/ready` how the pipeline does, on the port at
    /// `address`: `"9464"` is a port that only this machine reaches, `"0.0.0.0:9464"` one that others reach, too; `"0"` is any
    /// that is free, which is logged. Nothing of the data is shown. The names are in
    /// [`operations`](crate::guide::operations#metrics).
    #[cfg(feature = "metrics")]
    pub fn metrics(mut self, address: impl Into<String>) -> Self {
        self.options.shown_at.port = Some(address.into());
        self
    }

    /// Sends figures to the collector of OpenTelemetry at `url`, such as `http://localhost:4318`, each minute and at the end:
    /// OTLP over HTTP as JSON. Headers, interval, time limit, name and attributes come from OpenTelemetry's variables
    /// `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_SERVICE_NAME` and
    /// `OTEL_RESOURCE_ATTRIBUTES`. A collector that does not answer is warned of, and holds nothing up but the end, by two seconds.
    #[cfg(feature = "otlp")]
    pub fn otlp(mut self, url: impl Into<String>) -> Self {
        let collector = crate::observe::otlp::Collector::at(&url.into(), |name| std::env::var(name).ok());
        self.options.shown_at.collector = Some(collector);
        self
    }

    /// Runs until the source ends, or for ever. Ctrl-C and SIGTERM end it after the epoch at hand.
    ///
    /// # Errors
    /// What ended it; see [`Kind`](crate::error::Kind).
    pub async fn run(self) -> Result<Summary> {
        let (stop, stopped) = watch::channel(Stop::No);
        let timeout = self.options.stop_timeout;
        let mut late = std::pin::pin!(shutdown::asked(stop.subscribe(), timeout));
        let run = attempts::run(self.plan, self.options, stopped);
        tokio::pin!(run);
        let mut signals = shutdown::Signals::new()?;
        loop {
            tokio::select! {
                ended = &mut run => return ended,
                () = &mut late => return Err(shutdown::late(timeout)),
                () = signals.next() => {
                    // The second signal means it: whatever is not committed is read again at the next start.
                    if *stop.borrow() == Stop::Now {
                        return Err(shutdown::aborted());
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
