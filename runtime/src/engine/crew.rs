//! The workers of a run: what they are told, and what they answer.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tracing::Span;

use super::fetch;
use super::keeping::Keeping;
use super::letters::LetterBox;
use super::share;
use super::watchdog::Watch;
use super::worker::{self, Command, Failure, Reply, Task, Worker};
use crate::Result;
#[cfg(feature = "parquet")]
use crate::checkpoint::restore::Rows;
use crate::error::{Error, Kind};
use crate::operator::chain::{EpochPlan, Part};
use crate::pipeline::Plan;
use crate::sink::StageWriter;
use crate::source::{Chunk, Spare};
use crate::thread;
use crate::time::Timestamp;

/// The workers of a run.
pub(super) struct Crew {
    workers: Vec<Worker>,
    replies: mpsc::UnboundedReceiver<(usize, Reply)>,
    /// How much may wait for the worker of a partition until others help.
    near: usize,
    /// Buffers of chunks that were worked through.
    spare: Spare,
}

impl Crew {
    /// Starts a worker for each writer.
    pub(super) fn start(
        plan: &Plan,
        writers: Vec<Option<Box<dyn StageWriter>>>,
        letters: &[LetterBox],
        keeping: &Keeping,
        near: usize,
    ) -> Result<Self> {
        let (answers, replies) = mpsc::unbounded_channel();
        let spare = Spare::keeping(fetch::ahead(writers.len()));
        let mut workers = Vec::new();
        for (number, writer) in writers.into_iter().enumerate() {
            let chain = Arc::clone(&plan.chain);
            workers.push(worker::start(number, move || chain(), (writer, letters), keeping.clone(), answers.clone())?);
        }
        Ok(Self { workers, replies, near, spare })
    }

    /// Where the buffers of chunks come to when they were worked through.
    pub(super) fn spare(&self) -> Spare {
        self.spare.clone()
    }

    /// What each of them is doing.
    pub(super) fn watches(&self) -> Vec<Arc<Watch>> {
        self.workers.iter().map(|worker| Arc::clone(&worker.watch)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.workers.len()
    }

    /// Puts back rows of the state of a keyed stage.
    #[cfg(feature = "parquet")]
    pub(super) async fn restore(&mut self, stage: usize, rows: Rows) -> Result<()> {
        let workers = self.len();
        self.all(|| Command::Restore { stage, rows: rows.clone(), workers })?;
        self.sizes().await.map(drop)
    }

    /// All state of a stage is back: what had ended by the watermark is forgotten. Gives how many keys there are, and their
    /// bytes in memory and on disk.
    pub(super) async fn restored(&mut self, stage: usize, watermark: Option<Timestamp>) -> Result<[u64; 3]> {
        self.all(|| Command::Restored { stage, watermark })?;
        self.sizes().await
    }

    async fn sizes(&mut self) -> Result<[u64; 3]> {
        let answers = self.answers(|reply| match reply {
            Reply::Restored { keys, bytes, spilled } => Some([keys, bytes, spilled]),
            _ => None,
        });
        let answers = answers.await?;
        Ok(std::array::from_fn(|at| answers.iter().map(|of| of[at]).sum()))
    }

    /// Gives a chunk, the epoch's `number`th, to the worker of its partition or to one that has less to do.
    pub(super) fn chunk(
        &self,
        chunk: Chunk,
        permit: OwnedSemaphorePermit,
        number: u64,
        plan: EpochPlan,
        process: &Span,
    ) -> Result<()> {
        let worker = share::worker(chunk.partition, self.near, self.workers.iter().map(|worker| &worker.load));
        let Some(worker) = self.workers.get(worker) else { return Err(gone()) };
        let share = worker.load.add(chunk.data.len());
        let task = Task { number, plan, process: process.clone(), permit, share, spare: self.spare.clone() };
        worker.commands.send(Command::Chunk(chunk, task)).map_err(|_| gone())
    }

    /// Why a worker failed on a chunk; those that do not fail do not answer.
    pub(super) async fn failure(&mut self) -> Result<Failure> {
        while let Some((_, reply)) = self.replies.recv().await {
            if let Reply::Failed(failure) = reply {
                return Ok(failure);
            }
        }
        Err(gone())
    }

    /// Why a run ends in which a worker failed on a chunk: as if all chunks were one worker's, by the first of those that fail.
    /// The others may be at earlier ones.
    pub(super) async fn earliest(&mut self, failure: Failure) -> Error {
        let workers = self.len();
        // Whoever has failed takes no commands.
        match self.all(|| Command::Seal { workers }) {
            Ok(()) => self.gather(vec![failure], |_| Some(())).await.err().unwrap_or_else(gone),
            Err(_) => failure.error,
        }
    }

    /// Sends the parts that every worker made to those that own them, and closes windows. Gives the parts for the next
    /// stage, and how many groups were late for it.
    pub(super) async fn exchange(
        &mut self,
        stage: usize,
        made: Vec<Option<Vec<Part>>>,
        plan: &EpochPlan,
        watermark: Option<Timestamp>,
    ) -> Result<(Vec<Option<Vec<Part>>>, u64)> {
        let workers = self.len();
        let mut owned: Vec<Vec<Part>> = (0..workers).map(|_| Vec::new()).collect();
        for parts in made.into_iter().flatten() {
            for (own, part) in owned.iter_mut().zip(parts) {
                own.push(part);
            }
        }
        for (worker, parts) in self.workers.iter().zip(owned) {
            let command = Command::Reduce { stage, parts, plan: *plan, watermark, workers };
            worker.commands.send(command).map_err(|_| gone())?;
        }
        let answers = self
            .answers(|reply| match reply {
                Reply::Reduced { output, late } => Some((output, late)),
                _ => None,
            })
            .await?;
        let late = answers.iter().map(|(_, late)| late).sum();
        Ok((answers.into_iter().map(|(output, _)| output).collect(), late))
    }

    /// Tells all workers the same.
    pub(super) fn all(&self, command: impl Fn() -> Command) -> Result<()> {
        self.workers.iter().try_for_each(|worker| worker.commands.send(command()).map_err(|_| gone()))
    }

    /// One answer of each worker, in their order; the failure of the earliest chunk, if one has failed.
    pub(super) async fn answers<T>(&mut self, accept: impl Fn(Reply) -> Option<T>) -> Result<Vec<T>> {
        self.gather(Vec::new(), accept).await
    }

    /// As [`Self::answers`], of those that have not failed yet.
    async fn gather<T>(&mut self, mut failed: Vec<Failure>, accept: impl Fn(Reply) -> Option<T>) -> Result<Vec<T>> {
        let mut answers: Vec<(usize, T)> = Vec::new();
        while answers.len() + failed.len() < self.workers.len() {
            match self.replies.recv().await {
                Some((_, Reply::Failed(failure))) => failed.push(failure),
                Some((worker, reply)) => answers.push((worker, accept(reply).ok_or_else(gone)?)),
                None => return Err(gone()),
            }
        }
        if let Some(first) = failed.into_iter().min_by_key(|failure| failure.chunk) {
            return Err(first.error);
        }
        answers.sort_by_key(|(worker, _)| *worker);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    /// Ends all threads. One that does not come back is waited for, and nothing is held up by that but the caller.
    pub(super) async fn end(&mut self) {
        let mut threads = Vec::new();
        for worker in &mut self.workers {
            // Dropping the sender ends the thread.
            let (unused, _) = thread::channel();
            drop(std::mem::replace(&mut worker.commands, unused));
            threads.extend(worker.thread.take());
        }
        let (done, ended) = tokio::sync::oneshot::channel();
        let join = move || {
            for thread in threads {
                thread.join();
            }
            done.send(()).ok();
        };
        if thread::spawn("millstream-end", join).is_ok() {
            ended.await.ok();
        }
    }
}

pub(super) fn gone() -> Error {
    Error::new(Kind::Internal, "a worker thread has ended unexpectedly")
        .help("this is a bug in millstream, please report it")
}
