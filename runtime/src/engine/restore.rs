//! The state of a checkpoint on its way to the workers: one file is read while the rows of the one before are put back.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::crew::gone;
use crate::Result;
use crate::checkpoint::restore::{Reading, Rows};
use crate::checkpoint::{KEY_GROUPS, OperatorFiles, StateFile};
use crate::error::{Error, Kind};
use crate::observe::STATE;
use crate::store::Store;
use crate::thread;

/// What is to be put back.
pub(crate) struct Restore {
    pub store: Arc<dyn Store>,
    /// By keyed stage.
    pub stages: Vec<OperatorFiles>,
}

/// State that is being read.
pub(super) struct Restoring {
    files: mpsc::Receiver<(usize, Rows)>,
    ended: oneshot::Receiver<Result<Vec<(StateFile, String)>>>,
}

impl Restore {
    /// Begins to read, on a thread of its own.
    pub(super) fn begin(self) -> Result<Restoring> {
        // Two files wait at most: the state is not to be in memory twice.
        let (sender, files) = mpsc::channel(1);
        let (done, ended) = oneshot::channel();
        let read = move || {
            // Nobody may want to know any more.
            done.send(self.read(&sender)).ok();
        };
        thread::spawn("millstream-restore", read)
            .map_err(|error| Error::io("starting the thread that reads the state", error))?;
        Ok(Restoring { files, ended })
    }

    fn read(&self, sender: &mpsc::Sender<(usize, Rows)>) -> Result<Vec<(StateFile, String)>> {
        let mut reading = Reading::new(self.store.as_ref(), KEY_GROUPS);
        for (stage, files) in self.stages.iter().enumerate() {
            let put = |rows| if thread::send_to_runtime(sender, (stage, rows)) { Ok(()) } else { Err(gone()) };
            reading.operator(files, put)?;
        }
        reading.finish()
    }
}

impl Restoring {
    /// The rows of the next file and the number of their stage; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<(usize, Rows)> {
        self.files.recv().await
    }

    /// Waits for the end. Gives the snapshots that were corrupt: older ones stood in for them.
    pub(super) async fn end(self) -> Result<Vec<StateFile>> {
        let damaged = self.ended.await.map_err(|error| {
            Error::new(Kind::Internal, "reading the state panicked").caused_by(error).help("please report it")
        })??;
        for (file, why) in &damaged {
            tracing::warn!(target: STATE, path = file.path, "{why}: the snapshot before it and the changes since stood in");
        }
        Ok(damaged.into_iter().map(|(file, _)| file).collect())
    }
}
