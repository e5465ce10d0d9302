//! The workers of a run: what they are told, and what they answer.

use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::Span;

use super::letters::LetterBox;
use super::watchdog::Watch;
use super::worker::{self, Command, Reply, Worker};
use crate::Result;
#[cfg(feature = "parquet")]
use crate::checkpoint::restore::Rows;
use crate::error::{Error, Kind};
use crate::operator::chain::{EpochPlan, Part};
use crate::pipeline::Plan;
use crate::sink::StageWriter;
use crate::source::Chunk;
use crate::thread;
use crate::time::Timestamp;

/// The workers of a run.
pub(super) struct Crew {
    workers: Vec<Worker>,
    replies: mpsc::UnboundedReceiver<(usize, Reply)>,
}

impl Crew {
    /// Starts a worker for each writer.
    pub(super) fn start(
        plan: &Plan,
        writers: Vec<Option<Box<dyn StageWriter>>>,
        letters: &[LetterBox],
        log_changes: bool,
    ) -> Result<Self> {
        let (answers, replies) = mpsc::unbounded_channel();
        let mut workers = Vec::new();
        for (number, writer) in writers.into_iter().enumerate() {
            let chain = Arc::clone(&plan.chain);
            workers.push(worker::start(number, move || chain(), (writer, letters), log_changes, answers.clone())?);
        }
        Ok(Self { workers, replies })
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
    /// bytes.
    pub(super) async fn restored(&mut self, stage: usize, watermark: Option<Timestamp>) -> Result<(u64, u64)> {
        self.all(|| Command::Restored { stage, watermark })?;
        self.sizes().await
    }

    async fn sizes(&mut self) -> Result<(u64, u64)> {
        let answers = self.answers(|reply| match reply {
            Reply::Restored { keys, bytes } => Some((keys, bytes)),
            _ => None,
        });
        let answers = answers.await?;
        Ok(answers.into_iter().fold((0, 0), |(keys, bytes), (more, larger)| (keys + more, bytes + larger)))
    }

    /// Gives a chunk to the worker of its partition: a partition's chunks stay in order.
    pub(super) fn chunk(
        &self,
        chunk: Chunk,
        permit: tokio::sync::OwnedSemaphorePermit,
        plan: EpochPlan,
        process: &Span,
    ) -> Result<()> {
        let worker = chunk.partition as usize % self.workers.len();
        let Some(worker) = self.workers.get(worker) else { return Err(gone()) };
        worker.commands.send(Command::Chunk(chunk, permit, plan, process.clone())).map_err(|_| gone())
    }

    /// Why a worker failed on a chunk; those that do not fail do not answer.
    pub(super) async fn failure(&mut self) -> Error {
        while let Some((_, reply)) = self.replies.recv().await {
            if let Reply::Failed(error) = reply {
                return error;
            }
        }
        gone()
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

    /// One answer of each worker, in their order.
    pub(super) async fn answers<T>(&mut self, accept: impl Fn(Reply) -> Option<T>) -> Result<Vec<T>> {
        let mut answers: Vec<(usize, T)> = Vec::new();
        while answers.len() < self.workers.len() {
            match self.replies.recv().await {
                Some((_, Reply::Failed(error))) => return Err(error),
                Some((worker, reply)) => answers.push((worker, accept(reply).ok_or_else(gone)?)),
                None => return Err(gone()),
            }
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
