//! A pipeline that runs in the background.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::attempts;
use super::driver::Stop;
use super::summary::Summary;
use crate::Result;
use crate::error::{Error, Kind};
use crate::observe::progress::Progress;
use crate::pipeline::Plan;
use crate::pipeline::options::{Listener, Options};

/// A pipeline that runs in the background. Dropping it lets it run on.
pub struct Query {
    stop: watch::Sender<Stop>,
    progress: watch::Receiver<Option<Progress>>,
    listeners: Arc<Mutex<Vec<Listener>>>,
    task: JoinHandle<Result<Summary>>,
}

impl Query {
    pub(crate) fn start(plan: Plan, mut options: Options) -> Self {
        let (stop, stopped) = watch::channel(Stop::No);
        let (told, progress) = watch::channel(None);
        let listeners = Arc::new(Mutex::new(Vec::from_iter(options.listener.take())));
        let all = Arc::clone(&listeners);
        options.listener = Some(Arc::new(move |progress: &Progress| {
            told.send_replace(Some(progress.clone()));
            // Called without the lock: a listener may add another.
            let listeners = all.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for listener in listeners {
                listener(progress);
            }
        }));
        let task = tokio::spawn(attempts::run(plan, options, stopped));
        Self { stop, progress, listeners, task }
    }

    /// The progress of the last epoch; `None` before the first.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        self.progress.borrow().clone()
    }

    /// Calls `listener` after every epoch that ends from now on, beside those that there are. That of
    /// [`Pipeline::on_progress`](crate::Pipeline::on_progress) hears of the first one for certain.
    pub fn on_progress(&self, listener: impl Fn(&Progress) + Send + Sync + 'static) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(listener));
    }

    /// Asks the pipeline to end after the epoch at hand, leaving windows open for the next start.
    pub fn stop(&self) {
        self.stop.send_replace(Stop::Now);
    }

    /// Asks the pipeline to end after the epoch at hand, closing all windows as if the input had ended.
    pub fn drain(&self) {
        self.stop.send_replace(Stop::Drain);
    }

    /// Whether it has ended, for whatever reason; [`Self::wait`] tells at once then.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// What ended the pipeline.
    pub async fn wait(self) -> Result<Summary> {
        self.task.await.map_err(|error| {
            Error::new(Kind::Internal, "the pipeline's task was cancelled or panicked")
                .caused_by(error)
                .help("keep the tokio runtime alive until the pipeline has ended")
        })?
    }
}
