//! The commit log, as the engine uses it: positions, state files and output files of an epoch become one record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use serde_json::Value;

use super::change;
use super::commit::{EpochWork, Found};
use super::ledger::{Slot, sink_id};
use super::restore::Restore;
use crate::checkpoint::savepoint::{self, Seed};
use crate::checkpoint::{
    Checkpoint, Commit, Instance, OpenOptions, OperatorFiles, OutboxFile, OutputFile, PartitionPosition,
    PartitionState, Previous, Retention, SourcePositions, StateFile, StateKind, remove_tree,
};
use crate::error::{Error, Kind};
use crate::mutant::{self, Mutant};
use crate::operator::key::KEY_GROUPS;
use crate::operator::keyed::stripe_len;
use crate::pipeline::Plan;
use crate::pipeline::changes::Changes;
use crate::pipeline::compare::Comparison;
use crate::pipeline::descriptor::Descriptor;
use crate::pipeline::options::Options;
use crate::source::{self, Resume};
use crate::state::file::{self, Extent};
use crate::store::{Place, SinkRoot, Store, join};
use crate::time::Timestamp;
use crate::{Result, clock};

/// The name of the one source in a record.
const SOURCE: &str = "source";
/// The folder of rows that are delivered after their commit.
const OUTBOX: &str = "outbox";
/// Epochs between two collections of garbage.
const COLLECT: u64 = 50;

/// An open commit log and what its last commit says.
pub(super) struct Book {
    pub(super) checkpoint: Checkpoint,
    keyed: Vec<String>,
    sources: SourcePositions,
    pub(super) operators: BTreeMap<String, OperatorFiles>,
    counters: BTreeMap<String, u64>,
    /// Epochs between two collections of garbage.
    collect: u64,
    /// The files of the last commit with rows to be delivered, by sink.
    outbox: BTreeMap<String, Vec<String>>,
}

/// Rows that were committed and may not have been delivered: the sink's number and the rows.
pub(super) type Undelivered = Vec<(usize, Vec<RecordBatch>)>;

impl Book {
    /// Opens the log in `root`; `sinks` are the output folders of the sinks that stage.
    pub(super) fn open(
        root: Place,
        plan: &Plan,
        options: &Options,
        sinks: Vec<(usize, Place)>,
    ) -> Result<(Self, Found, Undelivered)> {
        let keyed: Vec<String> = plan.keyed.iter().map(|keyed| keyed.spec.name.clone()).collect();
        let described = Descriptor::of(plan);
        let (descriptor, fingerprint) = described.to_json();
        let mut open = OpenOptions::new("", fingerprint, descriptor, Instance::here(build()));
        open.root = root;
        open.durability = options.durability;
        let scale = options.scale();
        if let Some(slots) = scale.slots {
            open.retention = Retention { slots, micros: 0, most: 5 * slots, batch: 1 };
        }
        open.ignore_crash_loop = options.ignore_crash_loop;
        open.allow_network_filesystem = options.allow_network_filesystem;
        if let Some(place) = options.changes.savepoint.as_ref().and_then(crate::pipeline::options::Checkpoint::place) {
            let place = super::ledger::rehearsed(place, options)?;
            open.seed = match Seed::read(&place) {
                Ok(seed) => Some(seed),
                // It was needed once.
                Err(_) if savepoint::has_begun(&open.root, &place)? => None,
                Err(error) => return Err(error),
            };
        }
        open.sinks.extend(sinks.into_iter().map(|(number, place)| (sink_id(number).to_owned(), place)));
        options.changes.check(plan)?;
        let against = |previous: &Previous| Comparison::against(previous, &described, &options.changes);
        let opened = Checkpoint::open(open, |previous, _| against(previous)?.check())?;
        let comparison = opened.previous.as_ref().map(against).transpose()?;
        let last = opened.last.unwrap_or_default();
        let mut book = Self {
            checkpoint: opened.checkpoint,
            keyed,
            sources: last.sources.get(SOURCE).cloned().unwrap_or_default(),
            operators: last.operators.clone(),
            counters: last.counters.clone(),
            collect: scale.collect.unwrap_or(COLLECT),
            outbox: paths(&last.outbox),
        };
        match book.take_over(comparison.as_ref(), (&last, opened.starts), plan, &options.changes) {
            Ok((found, undelivered)) => Ok((book, found, undelivered)),
            // So that a later start can say what went wrong.
            Err(error) => {
                book.close(Some(&error)).ok();
                Err(error)
            }
        }
    }

    /// Makes what the last commit has that of this pipeline, and reads it. What refuses the start comes first: the state is not
    /// changed for one that cannot be made.
    fn take_over(
        &mut self,
        comparison: Option<&Comparison>,
        (last, starts): (&Commit, Option<Value>),
        plan: &Plan,
        changes: &Changes,
    ) -> Result<(Found, Undelivered)> {
        let undelivered = self.undelivered(last, plan)?;
        if let Some(comparison) = comparison {
            change::check_undelivered(&undelivered, plan, comparison)?;
            self.change(comparison, last, plan, changes)?;
        }
        self.clean_outbox()?;
        Ok((self.find(last, starts), undelivered))
    }

    /// The rows of the last commit that were not delivered.
    fn undelivered(&self, last: &Commit, plan: &Plan) -> Result<Undelivered> {
        if self.checkpoint.key_groups() != KEY_GROUPS {
            return Err(Error::new(
                Kind::Config,
                format!(
                    "the checkpoint has {} key groups, this version of millstream {KEY_GROUPS}",
                    self.checkpoint.key_groups()
                ),
            )
            .help("start it with the version that made it"));
        }
        let mut undelivered = Vec::new();
        for (id, files) in &last.outbox {
            let number = (0..2).find(|number| sink_id(*number) == id).unwrap_or(2);
            // A file is removed when its rows are delivered.
            let left = files.iter().filter(|file| self.checkpoint.store().exists(&file.path).unwrap_or(true));
            let left: Vec<_> = left.collect();
            let mut batches =
                left.iter().map(|file| self.read(&outbox_file(file))).collect::<Result<Vec<_>>>()?.concat();
            if batches.is_empty() && !left.is_empty() && number == 0 {
                // In mode complete a table may be empty.
                batches.push(RecordBatch::new_empty(plan.schema.clone()));
            }
            if !batches.is_empty() {
                undelivered.push((number, batches));
            }
        }
        Ok(undelivered)
    }

    /// What the last commit says of positions and times.
    fn find(&self, last: &Commit, starts: Option<Value>) -> Found {
        Found {
            resume: Resume {
                pipeline: None,
                partitions: self
                    .sources
                    .partitions
                    .iter()
                    .map(|(id, position)| {
                        let drained = position.state != PartitionState::Open;
                        let parents = position.parents.clone();
                        (id.clone(), source::PartitionState { to: position.to.clone(), drained, parents })
                    })
                    .collect(),
                identity: (!self.sources.identity.is_null()).then(|| self.sources.identity.clone()),
                starts: starts.and_then(|starts| starts.get(SOURCE).cloned()).filter(|starts| !starts.is_null()),
            },
            partitions: self
                .sources
                .partitions
                .iter()
                .map(|(id, position)| {
                    let time = position.max_event_time.map(Timestamp::from_micros);
                    (id.clone(), time, position.state != PartitionState::Open)
                })
                .collect(),
            watermark: last.watermark.map(Timestamp::from_micros),
            last_epoch: (last.epoch > 0).then_some(last.epoch),
            drained: last.drained,
            striped: striped(self.operators.values()),
            fine: std::array::from_fn(|stripe| is_fine(self.operators.values(), stripe)),
            taken: oldest(self.operators.values()),
        }
    }

    /// The state after the last commit, to be read.
    pub(super) fn state(&self) -> Restore {
        let of = |name: &String| self.operators.get(name).cloned().unwrap_or_default();
        Restore { store: Arc::clone(self.checkpoint.store()), stages: self.keyed.iter().map(of).collect() }
    }

    pub(super) fn pipeline_id(&self) -> &str {
        self.checkpoint.pipeline_id()
    }

    pub(super) fn generation(&self) -> u64 {
        self.checkpoint.generation()
    }

    /// Where a sink stages its files.
    pub(super) fn sink(&self, number: usize) -> Option<&SinkRoot> {
        self.checkpoint.sink(sink_id(number))
    }

    /// Makes the resolved start of the source durable.
    pub(super) fn starts(&mut self, starts: &Value, identity: Value) -> Result<()> {
        self.sources.identity = identity;
        // A start that was recorded once holds, so there is nothing to record when partitions have positions.
        if starts.is_null() || !self.sources.partitions.is_empty() {
            return Ok(());
        }
        self.checkpoint.record_starts(serde_json::json!({ SOURCE: starts }))
    }

    /// Writes state files and the rows to be delivered, and commits the epoch. Gives how long the state of each keyed
    /// stage took to write.
    pub(super) fn commit(&mut self, work: &EpochWork, slots: &[Slot]) -> Result<Vec<Duration>> {
        let epoch = work.plan.epoch;
        let (mut operators, mut writing) = (self.operators.clone(), Vec::new());
        for (stage, name) in self.keyed.clone().iter().enumerate() {
            let files = operators.entry(name.clone()).or_insert_with(OperatorFiles::begun);
            let begun = clock::monotonic();
            self.write_state(name, stage, work, files)?;
            writing.push(clock::since(begun));
        }
        let mut commit = Commit {
            epoch,
            watermark: work.watermark.map(Timestamp::micros),
            operators: operators.clone(),
            counters: self.count(work, slots),
            wall_time: clock::now().micros(),
            drained: work.drained,
            ..Commit::default()
        };
        let mut sources = self.sources.clone();
        sources.finished = work.drained;
        for id in &work.forgotten {
            sources.partitions.remove(id);
        }
        // Every commit names those that have ended, for ever: only what a start reads of them.
        for position in sources.partitions.values_mut().filter(|position| position.state == PartitionState::Drained) {
            (position.from, position.ms_behind) = (Value::Null, None);
        }
        for (max_event_time, partition) in &work.positions {
            if mutant::is(Mutant::ParentForgotten) && partition.drained {
                continue;
            }
            let position = PartitionPosition {
                from: partition.from.clone(),
                to: partition.to.clone(),
                sub_seq: None,
                state: if partition.drained { PartitionState::Drained } else { PartitionState::Open },
                parents: partition.parents.clone(),
                hash_range: partition.hash_range.clone(),
                max_event_time: max_event_time.map(Timestamp::micros),
                ms_behind: partition.ms_behind,
                idle: partition.idle,
            };
            sources.partitions.insert(partition.id.clone(), position);
        }
        commit.sources.insert(SOURCE.to_owned(), sources.clone());
        for slot in slots {
            let id = sink_id(slot.sink).to_owned();
            if !slot.files.is_empty() {
                let generation = self.generation();
                let output = slot.files.iter().map(|file| OutputFile {
                    stage: join(&format!("g{generation}"), &file.stage),
                    path: file.path.clone(),
                    len: file.len,
                    xxh3: file.xxh3.clone(),
                    rows: file.rows,
                    min_event_time: None,
                    max_event_time: None,
                });
                commit.sinks.insert(id.clone(), output.collect());
            }
            if !slot.batches.is_empty() {
                commit.outbox.insert(id, vec![self.write_outbox(slot, epoch)?]);
            }
        }
        self.checkpoint.commit(commit.clone())?;
        self.outbox = paths(&commit.outbox);
        (self.sources, self.operators, self.counters) = (sources, operators, commit.counters);
        Ok(writing)
    }

    /// Moves the files of a committed epoch to where readers see them.
    pub(super) fn publish(&mut self, epoch: u64) -> Result<()> {
        self.checkpoint.publish(epoch).map(drop)
    }

    /// Now and then collects garbage.
    pub(super) fn collect(&mut self, epoch: u64) -> Result<()> {
        if epoch.is_multiple_of(self.collect) {
            self.checkpoint.collect_garbage(&std::collections::BTreeSet::new())?;
        }
        Ok(())
    }

    /// The rows of the last epoch are delivered: a start after this does not deliver them again.
    pub(super) fn delivered(&self, sink: usize) -> Result<()> {
        let paths = self.outbox.get(sink_id(sink)).map(Vec::as_slice).unwrap_or_default();
        self.checkpoint.store().remove_many(paths)
    }

    /// Deletes what older generations wrote for epochs that they did not commit.
    fn clean_outbox(&self) -> Result<()> {
        let store = self.checkpoint.store();
        let named: Vec<&String> = self.outbox.values().flatten().collect();
        let generation = |name: &str| name.strip_suffix(".parquet")?.rsplit_once("-g")?.1.parse::<u64>().ok();
        let older = |name: &str| generation(name).is_some_and(|generation| generation < self.generation());
        let left = store.list(OUTBOX)?.into_iter().filter(|entry| older(&entry.name));
        let mut left: Vec<String> = left.map(|entry| join(OUTBOX, &entry.name)).collect();
        left.retain(|path| !named.contains(&path));
        store.remove_many(&left)
    }

    pub(super) fn close(self, error: Option<&Error>) -> Result<()> {
        match error {
            Some(error) if error.is_disk_full() => {
                // What is left of it does no harm but that it takes room.
                if self.checkpoint.ends_as_known() {
                    self.remove_staged().ok();
                }
                // In good order, unless something waits to be published.
                self.checkpoint.close().or_else(|_| self.checkpoint.fail(error))
            }
            Some(error) => self.checkpoint.fail(error),
            None => self.checkpoint.close(),
        }
    }

    /// Removes what was staged for epochs that are not committed.
    fn remove_staged(&self) -> Result<()> {
        for root in (0..3).filter_map(|number| self.sink(number)) {
            let stage = root.stage_path(&format!("g{}", self.generation()));
            for entry in root.store().list(&stage)? {
                let epoch = entry.name.strip_prefix('e').and_then(|number| number.parse().ok());
                if epoch.is_some_and(|epoch| Some(epoch) > self.checkpoint.last_epoch()) {
                    remove_tree(root.store().as_ref(), &join(&stage, &entry.name))?;
                }
            }
        }
        Ok(())
    }

    fn count(&self, work: &EpochWork, slots: &[Slot]) -> BTreeMap<String, u64> {
        let mut counters = self.counters.clone();
        let counts = work.counts;
        let rows_out = work.finished.iter().map(|finished| finished.rows_out).sum();
        let figures = [
            ("rows", counts.rows),
            ("filtered", counts.filtered),
            ("late", counts.late),
            ("skipped", counts.skipped),
            ("dead_letters", counts.dead),
            ("rows_out", rows_out),
            ("files", slots.iter().map(|slot| slot.files.len() as u64).sum()),
        ];
        for (name, figure) in figures {
            *counters.entry(name.to_owned()).or_default() += figure;
        }
        counters
    }

    /// Adds an epoch's changes and snapshots of a keyed stage to its files.
    fn write_state(&self, name: &str, stage: usize, work: &EpochWork, files: &mut OperatorFiles) -> Result<()> {
        let epoch = work.plan.epoch;
        // Before the epoch's own are added: a snapshot that is taken now follows them, but the one before it needs them.
        let oldest = snapshot_epochs(files).into_iter().min().unwrap_or(0);
        files.changelogs.retain(|changes| changes.epoch > oldest);
        let of_stage = || work.finished.iter().filter_map(move |finished| finished.state.get(stage));
        let changes: Vec<RecordBatch> = of_stage().flat_map(|state| state.changes.iter().cloned()).collect();
        if !changes.is_empty() {
            files.changelogs.push(self.write(name, StateKind::Changelog, (0, KEY_GROUPS), epoch, &changes)?);
        }
        let mut ranges: Vec<(u16, u16)> =
            of_stage().flat_map(|state| &state.snapshots).map(|(range, _)| *range).collect();
        ranges.sort_unstable();
        ranges.dedup();
        // A snapshot goes when those taken now have all of its key groups, or there would be none of some.
        let all_taken = |older: &StateFile| {
            (older.lo..=older.hi).all(|group| ranges.iter().any(|&(from, to)| (from..to).contains(&group)))
        };
        let stays: Vec<StateFile> = files.snapshots.iter().filter(|older| !all_taken(older)).cloned().collect();
        let fits = |&&(from, to): &&(u16, u16)| !stays.iter().any(|older| older.lo < to && from <= older.hi);
        for &range in ranges.iter().filter(fits) {
            let taken = of_stage().flat_map(|state| &state.snapshots).filter(|(of, _)| *of == range);
            let mut rows: Vec<RecordBatch> = taken.flat_map(|(_, batches)| batches.iter().cloned()).collect();
            // Every worker has a batch, though only one has rows of the range.
            if rows.iter().any(|batch| batch.num_rows() > 0) {
                rows.retain(|batch| batch.num_rows() > 0);
            } else {
                rows.truncate(1);
            }
            let snapshot = self.write(name, StateKind::Snapshot, range, epoch, &rows)?;
            // It is named only after it was read back as it was written.
            self.read(&snapshot)?;
            files.snapshots.retain(|older| !older.overlaps(&snapshot));
            files.snapshots.push(snapshot);
        }
        Ok(())
    }

    pub(super) fn write(
        &self,
        name: &str,
        kind: StateKind,
        range: (u16, u16),
        epoch: u64,
        rows: &[RecordBatch],
    ) -> Result<StateFile> {
        let (low, high) = (range.0, range.1.saturating_sub(1));
        let path = self.checkpoint.state_path(name, kind, low, high, epoch)?;
        write_rows(self.checkpoint.store().as_ref(), &path, Extent { lo: low, hi: high, epoch }, rows)
    }

    fn read(&self, of: &StateFile) -> Result<Vec<RecordBatch>> {
        file::read(self.checkpoint.store().as_ref(), of)
    }

    fn write_outbox(&self, slot: &Slot, epoch: u64) -> Result<OutboxFile> {
        let store = self.checkpoint.store();
        store.create_dirs(OUTBOX)?;
        // A name of this generation's own: an older one that does not know yet that it is fenced cannot write it.
        let name = format!("e{epoch:010}-{}-g{}.parquet", sink_id(slot.sink), self.generation());
        let path = join(OUTBOX, &name);
        let StateFile { path, len, xxh3, rows, .. } =
            write_rows(store.as_ref(), &path, Extent { lo: 0, hi: 0, epoch }, &slot.batches)?;
        Ok(OutboxFile { path, len, xxh3, rows })
    }
}

fn write_rows(store: &dyn Store, path: &str, extent: Extent, rows: &[RecordBatch]) -> Result<StateFile> {
    let Some(first) = rows.first() else {
        return Err(
            Error::new(Kind::Internal, format!("there is nothing to write to `{path}`")).help("please report it")
        );
    };
    file::write(store, path, extent, &first.schema(), rows)
}

/// Whether all snapshots are by stripe. Where one stage has a file of more, as after a migration, all are taken anew together.
fn striped<'a>(mut stages: impl Iterator<Item = &'a OperatorFiles> + Clone) -> bool {
    let wide = |file: &StateFile| file.hi - file.lo >= stripe_len();
    let any_wide = stages.clone().any(|files| files.snapshots.iter().any(wide));
    !any_wide && stages.any(|files| files.snapshots.len() > 1)
}

/// Whether the snapshots of a stripe are by key group. Where one stage has a file of more, all are taken anew together.
fn is_fine<'a>(stages: impl Iterator<Item = &'a OperatorFiles>, stripe: usize) -> bool {
    let of_stripe = |file: &&StateFile| (file.lo / stripe_len()..=file.hi / stripe_len()).contains(&(stripe as u16));
    let mut wide = stages.flat_map(|files| &files.snapshots).filter(of_stripe).map(|file| file.lo < file.hi).peekable();
    wide.peek().is_some() && !wide.any(|wide| wide)
}

/// The epoch of the snapshot of each key group, of the stage where it is oldest.
fn oldest<'a>(stages: impl Iterator<Item = &'a OperatorFiles>) -> Vec<u64> {
    let least =
        |one: Vec<u64>, other: Vec<u64>| one.into_iter().zip(other).map(|(one, other)| one.min(other)).collect();
    stages.map(snapshot_epochs).reduce(least).unwrap_or_default()
}

/// The epoch of the snapshot of each key group, 0 where there is none.
fn snapshot_epochs(files: &OperatorFiles) -> Vec<u64> {
    let of = |group: u16| files.snapshots.iter().filter(move |file| (file.lo..=file.hi).contains(&group));
    (0..KEY_GROUPS).map(|group| of(group).map(|file| file.epoch).max().unwrap_or(0)).collect()
}

fn paths(outbox: &BTreeMap<String, Vec<OutboxFile>>) -> BTreeMap<String, Vec<String>> {
    let paths = |files: &[OutboxFile]| files.iter().map(|file| file.path.clone()).collect();
    outbox.iter().map(|(id, files)| (id.clone(), paths(files))).collect()
}

fn outbox_file(file: &OutboxFile) -> StateFile {
    let OutboxFile { path, len, xxh3, rows } = file.clone();
    StateFile { lo: 0, hi: 0, epoch: 0, path, len, xxh3, rows }
}

/// Which build of the program this is: the path and the age of its file. Tells a program that crashes at every start from
/// a mended one.
fn build() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let changed = std::fs::metadata(&path).and_then(|found| found.modified()).ok();
    let age = changed.and_then(|at| at.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()).unwrap_or_default();
    format!("{}@{}", path.file_name().unwrap_or_default().to_string_lossy(), age.as_secs())
}
