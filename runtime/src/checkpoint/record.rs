//! What the log says: one record per slot, as JSON that a person can read.
//!
//! ```text
//! Open   a generation begins            Start  where sources without a position begin
//! Commit an epoch is done for good      Close  a generation ended by itself
//! Change state was dropped, begun empty, renamed or migrated between two epochs
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::state::named::StateFile;

/// The head of every slot: who wrote it, and which slot it follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The number of this slot; a copy under another name is refused.
    pub slot: u64,
    /// The number of the slot before, 0 for the first.
    pub prev_slot: u64,
    /// xxh3-128 of the whole file of the slot before, empty for the first.
    pub prev_xxh3: String,
    /// The generation of the writer.
    pub generation: u64,
    /// The nonce of the writer.
    pub nonce: String,
    /// The fingerprint of the writer's pipeline; `plan/<fingerprint>.json` describes it.
    pub fingerprint: String,
}

/// The content of a slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Record {
    /// A generation begins; every older one is fenced from here on.
    Open(Open),
    /// Where sources begin that have no position yet.
    Start(Start),
    /// An epoch is done.
    Commit(Box<Commit>),
    /// The generation ended by itself.
    Close(Close),
    /// State was changed between two epochs.
    Change(Box<Change>),
}

impl Record {
    /// The number of the kind in the frame.
    #[must_use]
    pub fn kind(&self) -> u16 {
        match self {
            Self::Open(_) => 1,
            Self::Start(_) => 2,
            Self::Commit(_) => 3,
            Self::Close(_) => 4,
            Self::Change(_) => 5,
        }
    }
}

/// The claim of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The process that runs it.
    pub writer: Writer,
    /// When it started, in microseconds since 1970.
    pub started: i64,
}

/// Where sources begin that have no position yet, with `latest` resolved to a time. Durable before the first fetch, so
/// that a start after a crash without any commit reads the same rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Per source; the engine and the source know the form.
    pub starts: Value,
}

/// The end of a generation by its own will.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Close {
    /// All epochs up to this one are published.
    pub published_through: Option<u64>,
    /// Why it ended, if not because it was done, was asked to stop, or a disk was full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A change of state that no epoch has made: the pipeline was changed, or somebody asked for it. The state of its operators
/// is that of this record until the next commit, and the fingerprint of the record that of the pipeline whose state it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Change {
    /// The process that made it.
    pub writer: Writer,
    /// When it was made, in microseconds since 1970.
    pub wall_time: i64,
    /// The epoch from which it holds.
    pub epoch: u64,
    /// What was changed, for people.
    pub changes: Vec<String>,
    /// The state after it, by stateful operator.
    #[serde(default)]
    pub operators: BTreeMap<String, OperatorFiles>,
}

/// One epoch: how far the sources were read, the state after it, and the output of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Commit {
    /// The number of the epoch; the first is 1, and no number is left out.
    pub epoch: u64,
    /// The generation that ran it. Filled in when it is committed.
    #[serde(default)]
    pub generation: u64,
    /// The watermark after it, in microseconds since 1970.
    pub watermark: Option<i64>,
    /// The positions after it, by source.
    #[serde(default)]
    pub sources: BTreeMap<String, SourcePositions>,
    /// The state after it, by stateful operator.
    #[serde(default)]
    pub operators: BTreeMap<String, OperatorFiles>,
    /// The output of it, by sink.
    #[serde(default)]
    pub sinks: BTreeMap<String, Vec<OutputFile>>,
    /// The output folder of every sink that has files here. Filled in when it is committed.
    #[serde(default)]
    pub roots: BTreeMap<String, String>,
    /// Effects that are carried out after the commit, by sink that cannot stage.
    #[serde(default)]
    pub outbox: BTreeMap<String, Vec<OutboxFile>>,
    /// All epochs up to this one were published before. Filled in when it is committed.
    #[serde(default)]
    pub published_through: Option<u64>,
    /// Rows in, out, late, set aside, and so on, since the checkpoint was made.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
    /// The processes that took part. Filled in with the committing one if empty.
    #[serde(default)]
    pub writers: Vec<Writer>,
    /// When it was committed, in microseconds since 1970.
    pub wall_time: i64,
    /// Every source was read to its end, and every window is closed.
    #[serde(default)]
    pub drained: bool,
}

/// How far one source was read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SourcePositions {
    /// What the positions belong to, such as the ARN and the creation time of a stream.
    #[serde(default)]
    pub identity: Value,
    /// By shard, partition or file.
    #[serde(default)]
    pub partitions: BTreeMap<String, PartitionPosition>,
    /// It will never have more.
    #[serde(default)]
    pub finished: bool,
}

/// How far one partition was read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PartitionPosition {
    /// Where the epoch began; absent for a partition that had ended before.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub from: Value,
    /// Where it ended, and the next begins.
    #[serde(default)]
    pub to: Value,
    /// How many records of an aggregate cut in two are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_seq: Option<u64>,
    /// Whether there is more to come.
    #[serde(default)]
    pub state: PartitionState,
    /// The partitions it came from, which have to be drained before it is read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
    /// The hash keys it covers, as decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_range: Option<[String; 2]>,
    /// The highest event time in it, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_event_time: Option<i64>,
    /// How far it was behind the end of the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms_behind: Option<u64>,
    /// It does not hold back the watermark.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub idle: bool,
}

/// Whether a partition has more to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionState {
    /// It may have more.
    #[default]
    Open,
    /// It was read to its end.
    Drained,
    /// It is gone, and its end was not read.
    Lost,
}

/// The state of one operator: for every key group one snapshot at most, and the changes since.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OperatorFiles {
    /// The newest verified snapshots; no two share a key group.
    #[serde(default)]
    pub snapshots: Vec<StateFile>,
    /// The changes after them.
    #[serde(default)]
    pub changelogs: Vec<StateFile>,
    /// What the operator wants to keep beside its files.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub extra: Value,
    /// The snapshots before those, from which a corrupt one is repaired. Filled in when it is committed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous_snapshots: Vec<StateFile>,
    /// The changes between the two generations of snapshots. Filled in when it is committed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous_changelogs: Vec<StateFile>,
    /// Whether the operator began empty in this checkpoint: a key group without an older snapshot has all of its changes, and
    /// can be repaired from those. What was migrated, or came from a savepoint, cannot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub begun: bool,
}

impl OperatorFiles {
    /// Those of an operator that begins empty.
    #[must_use]
    pub fn begun() -> Self {
        Self { begun: true, ..Self::default() }
    }

    /// All files that a start or a repair may read.
    pub fn files(&self) -> impl Iterator<Item = &StateFile> {
        let older = self.previous_snapshots.iter().chain(&self.previous_changelogs);
        self.snapshots.iter().chain(&self.changelogs).chain(older)
    }
}

/// A finished file of output and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutputFile {
    /// Where it is staged, relative to `<out>.stage`.
    pub stage: String,
    /// Where it goes, relative to `<out>`.
    pub path: String,
    /// Its length in bytes.
    pub len: u64,
    /// xxh3-128 of its content, as hex.
    pub xxh3: String,
    /// How many rows it has.
    pub rows: u64,
    /// The lowest event time in it, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_event_time: Option<i64>,
    /// The highest event time in it, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_event_time: Option<i64>,
}

/// A file of effects that a sink carries out after the commit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutboxFile {
    /// Where it is, relative to the checkpoint.
    pub path: String,
    /// Its length in bytes.
    pub len: u64,
    /// xxh3-128 of its content, as hex.
    pub xxh3: String,
    /// How many effects it has.
    pub rows: u64,
}

/// A process that writes to the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Writer {
    /// Its generation.
    pub generation: u64,
    /// What tells it from every other process, for ever.
    pub nonce: String,
    /// The host it runs on.
    pub host: String,
    /// Its process id there.
    pub pid: u32,
    /// Which build of the program it is.
    pub build: String,
}
