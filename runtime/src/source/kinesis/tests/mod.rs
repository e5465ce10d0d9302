//! The source against the server in the process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails is meant to panic")]

mod efo;
mod faults;
mod fuzz;
mod histories;
mod limits;
mod loss;
mod packed;
mod present;
mod reshard;
mod rows;
mod several;
mod skew;
mod starts;
mod units;

use super::{Kinesis, KinesisMeta, OnDataLoss, after, at, earliest, kinesis, latest, trim_horizon};
use crate::error::Kind;
use crate::source::{Chunk, ChunkSender, Feed, Fetched, Limits, PartitionProgress, PartitionState, Resume, Source};
use crate::testing::kinesis::{Fault, Server, kpl_aggregate_with_hash_keys};
use crate::{Error, Result};
use std::future::Future;
use std::time::{Duration, Instant};

const STREAM: &str = "s";
const OTHER: &str = "s-2";
const FIRST: &str = "shardId-000000000000";
/// For what must come, on a machine that may have much other work.
const PATIENCE: Duration = Duration::from_secs(120);

fn run<F: Future>(test: impl FnOnce(Server) -> F) -> F::Output {
    let server = Server::start().unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test(server))
}

/// The stream from its beginning, without waits.
fn source(server: &Server) -> Kinesis {
    let mut source = kinesis(STREAM)
        .endpoint(server.endpoint())
        .start(trim_horizon)
        .min_fetch_period(Duration::from_millis(2))
        .max_fetch_rate(10_000.0)
        .shard_fetch_interval(Duration::from_millis(2));
    source.tuning.backoff = [Duration::from_millis(2), Duration::from_millis(20)];
    source.tuning.refresh = Duration::from_millis(100);
    source.tuning.start_patience = Duration::from_secs(5);
    source.tuning.memory = Duration::ZERO;
    source
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Got {
    partition: u32,
    shard: String,
    key: String,
    stream: String,
    text: String,
    sequence: String,
    sub: u64,
    order: u64,
}

/// A source that is read as the engine reads it, with a checkpoint in memory.
struct Reading {
    source: Kinesis,
    feed: Box<dyn Feed>,
    resume: Resume,
}

impl Reading {
    async fn start(source: Kinesis) -> Self {
        Self::resume(source, Resume::default()).await.unwrap()
    }

    async fn resume(source: Kinesis, mut resume: Resume) -> Result<Self> {
        let feed = source.open(resume.clone()).await?;
        resume.identity.get_or_insert(feed.identity());
        resume.starts.get_or_insert(feed.starts());
        Ok(Self { source, feed, resume })
    }

    /// Reads twenty new records while `fault` is there, each once, and starts again without it.
    async fn survives(mut self, server: &Server, fault: &Fault, number: &mut u32) -> Self {
        let first = *number;
        *number += 20;
        server
            .put_all(STREAM, (first..*number).map(|number| (format!("k{}", number - first), number.to_string())))
            .unwrap();
        let mut numbers: Vec<u32> = self.take(20).await.iter().map(|got| got.text.parse().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (first..*number).collect::<Vec<_>>(), "{fault:?}");
        server.faults().clear();
        self.restart().await
    }

    /// Kills the source and opens it where the last commit was.
    async fn restart(self) -> Self {
        self.try_restart().await.unwrap()
    }

    async fn try_restart(self) -> Result<Self> {
        let Self { source, feed, resume } = self;
        drop(feed);
        Self::resume(source, resume).await
    }

    /// A fetch without a commit.
    async fn peek(&mut self, limits: &Limits) -> Result<(Fetched, Vec<Got>)> {
        let (mut out, mut chunks) = ChunkSender::bounded(1 << 20);
        let feed = &mut self.feed;
        let fetch = async move { feed.fetch(limits, &mut out).await };
        let collect = async {
            let mut got = Vec::new();
            while let Some((chunk, _permit)) = chunks.recv().await {
                collect(&chunk, &mut got);
            }
            got
        };
        let (fetched, got) = tokio::join!(fetch, collect);
        Ok((fetched?, got))
    }

    fn commit(&mut self, fetched: &Fetched) {
        let state = |progress: &PartitionProgress| PartitionState {
            to: progress.to.clone(),
            drained: progress.drained,
            parents: progress.parents.clone(),
        };
        self.resume.partitions =
            fetched.partitions.iter().map(|progress| (progress.id.clone(), state(progress))).collect();
    }

    async fn fetch(&mut self, limits: &Limits) -> (Fetched, Vec<Got>) {
        let (fetched, got) = self.peek(limits).await.unwrap();
        self.commit(&fetched);
        (fetched, got)
    }

    /// Fetches until there are `count` records.
    async fn take(&mut self, count: usize) -> Vec<Got> {
        let mut all = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while all.len() < count && Instant::now() < deadline {
            all.extend(self.fetch(&patient()).await.1);
        }
        assert_eq!(all.len(), count, "{:?}", all.iter().map(|got| &got.text).collect::<Vec<_>>());
        all
    }

    /// The error of a fetch that must fail, within a few.
    async fn failure(&mut self) -> Error {
        for _ in 0..100 {
            match self.peek(&eager()).await {
                Ok((fetched, _)) => self.commit(&fetched),
                Err(error) => return error,
            }
        }
        panic!("no fetch failed");
    }
}

fn collect(chunk: &Chunk, got: &mut Vec<Got>) {
    let meta = chunk.meta.downcast_ref::<KinesisMeta>().unwrap();
    for index in 0..chunk.len() {
        let record = Kinesis::record(chunk, meta, index);
        assert!([STREAM, OTHER].contains(&record.stream));
        got.push(Got {
            partition: chunk.partition,
            shard: record.shard_id.to_owned(),
            key: record.partition_key.to_owned(),
            stream: record.stream.to_owned(),
            text: String::from_utf8_lossy(record.data).into_owned(),
            sequence: record.sequence_number.to_owned(),
            sub: record.sub_sequence_number,
            order: chunk.first + index as u64,
        });
    }
}

/// Returns with the first records, or after a moment.
fn eager() -> Limits {
    Limits { bytes: 1 << 30, rows: None, until: Instant::now() + Duration::from_millis(50), eager: true }
}

/// Returns with the first records, which must come.
fn patient() -> Limits {
    Limits { until: Instant::now() + PATIENCE, ..eager() }
}

fn texts(got: &[Got]) -> Vec<&str> {
    got.iter().map(|got| got.text.as_str()).collect()
}

fn id(number: u32) -> String {
    format!("shardId-{number:012}")
}

fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}
