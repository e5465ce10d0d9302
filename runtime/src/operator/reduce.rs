//! The side of `group_by` after the shuffle: holds the state of some key groups and closes windows.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, UInt16Array};
use arrow::datatypes::{Field, Schema, SchemaRef};
use bumpalo::Bump;

use super::chain::{EpochPlan, KeyedSide, Output, Part};
use super::key::Key;
use super::keyed::{Entry, Group, Keyed, Partial, Table};
use super::window::{Window, WindowSpec};
use crate::Result;
use crate::agg::Finish;
use crate::error::{Error, Kind};
use crate::schema::{Builder, Stored};
use crate::time::Timestamp;

/// The names and the window of a keyed stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedSpec {
    /// The stage's identity in checkpoints.
    pub name: String,
    /// The names of the key columns, without the window.
    pub keys: &'static [&'static str],
    /// The name of the window's column.
    pub window_name: &'static str,
    /// The names of the aggregates.
    pub values: &'static [&'static str],
    /// The window.
    pub window: WindowSpec,
}

/// What comes after a keyed stage: takes its groups and gives rows or the next stage's partial aggregates.
pub trait Emit<K: Key, A: Finish>: Send {
    /// Takes a group whose window has closed.
    fn group<'a>(&mut self, group: Group<'a, K, A>, arena: &'a Bump);
    /// What was gathered, and how many rows were late for a following keyed stage.
    ///
    /// # Errors
    /// A row builder disagrees with its own schema.
    fn take(&mut self, plan: &EpochPlan, workers: usize) -> Result<(Output, u64)>;
    /// Begins to gather for an epoch.
    fn begin(&mut self, plan: &EpochPlan);
}

/// The state of some key groups.
pub struct Reduce<K: Key, A: Finish, E> {
    spec: KeyedSpec,
    /// Used for its hasher only.
    hashing: Keyed<K, A>,
    panes: BTreeMap<i64, Table<K, (u16, A)>>,
    emit: E,
    arena: Bump,
    log: bool,
    changes: Changes<K, A>,
    /// Keys added or changed since they were last asked for.
    updated: u64,
}

/// Rows of state under construction.
struct Changes<K: Stored, A: Stored> {
    groups: Vec<u16>,
    panes: Vec<i64>,
    keys: K::Builder,
    states: A::Builder,
}

impl<K: Stored, A: Stored> Default for Changes<K, A> {
    fn default() -> Self {
        Self { groups: Vec::new(), panes: Vec::new(), keys: K::Builder::default(), states: A::Builder::default() }
    }
}

/// The columns that every state file begins with.
const GROUP: &str = "key_group";
const PANE: &str = "pane";

impl<K: Stored, A: Stored> Changes<K, A> {
    fn push(&mut self, group: u16, pane: i64, key: &K, state: &A) {
        self.groups.push(group);
        self.panes.push(pane);
        key.push_owned(&mut self.keys);
        state.push_owned(&mut self.states);
    }

    fn finish(&mut self, spec: &KeyedSpec) -> Result<Vec<RecordBatch>> {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt16Array::from(std::mem::take(&mut self.groups))),
            Arc::new(Int64Array::from(std::mem::take(&mut self.panes))),
        ];
        self.keys.columns(&mut columns);
        self.states.columns(&mut columns);
        let names = [GROUP, PANE].iter().chain(spec.keys).chain(spec.values);
        let fields: Vec<Field> = names
            .zip(&columns)
            .enumerate()
            .map(|(index, (name, column))| Field::new(*name, column.data_type().clone(), index > 1))
            .collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(schema, columns).map_err(|error| broken(spec).caused_by(error))?;
        Ok(vec![batch])
    }
}

fn broken(spec: &KeyedSpec) -> Error {
    Error::new(Kind::Internal, format!("the state of `{}` does not have the columns it should have", spec.name))
        .help("this is a bug in millstream, please report it")
}

impl<K: Key, A: Finish, E: Emit<K, A>> Reduce<K, A, E> {
    /// A stage without state.
    pub fn new(spec: KeyedSpec, emit: E) -> Self {
        Self {
            hashing: Keyed::new(spec.window),
            spec,
            panes: BTreeMap::new(),
            emit,
            arena: Bump::new(),
            log: false,
            changes: Changes::default(),
            updated: 0,
        }
    }

    /// The panes from which no window is open any more once `watermark` is reached.
    fn is_closed(&self, pane: i64, watermark: Option<Timestamp>) -> bool {
        watermark.is_some_and(|watermark| self.spec.window.closes(pane) <= watermark)
    }

    /// The windows that end in `(before, watermark]` and cover a pane that has rows, in the order of their ends.
    fn closing_windows(&self, before: Option<Timestamp>, watermark: Timestamp) -> Vec<Window> {
        let (size, every, pane_len) = (self.spec.window.size(), self.spec.window.every(), self.spec.window.pane());
        let mut starts: Vec<i64> = Vec::new();
        for &pane in self.panes.keys() {
            let last = pane.saturating_sub(pane.rem_euclid(every));
            let mut start = last;
            while start.saturating_add(size) >= pane.saturating_add(pane_len) {
                starts.push(start);
                let Some(earlier) = start.checked_sub(every) else { break };
                start = earlier;
            }
        }
        starts.sort_unstable();
        starts.dedup();
        let windows = starts.into_iter().map(|start| Window {
            start: Timestamp::from_micros(start),
            end: Timestamp::from_micros(start.saturating_add(size)),
        });
        windows.filter(|window| window.end <= watermark && before.is_none_or(|before| window.end > before)).collect()
    }
}

impl<K: Key, A: Finish, E: Emit<K, A>> KeyedSide for Reduce<K, A, E> {
    fn merge(&mut self, part: Part, closing: Option<Timestamp>) -> Result<()> {
        let part = part.downcast::<Partial<K, A>>().map_err(|_| broken(&self.spec))?;
        for (pane, entries) in part.panes {
            self.updated += entries.len() as u64;
            let log = self.log && !self.is_closed(pane, closing);
            let table = self.panes.entry(pane).or_default();
            // Keys arrive in the order of another table's hashes; without room for all, they would crowd together.
            table.reserve(entries.len().saturating_sub(table.capacity() - table.len()), |entry| entry.hash);
            for (group, key, state) in entries {
                let hash = self.hashing.hash_key(&key);
                let entry = table
                    .entry(hash, |entry| entry.hash == hash && entry.key.equals(&key), |entry| entry.hash)
                    .or_insert_with(|| Entry { hash, key, state: (group, A::default()) })
                    .into_mut();
                entry.state.1.merge(state);
                if log {
                    self.changes.push(group, pane, &entry.key, &entry.state.1);
                }
            }
        }
        Ok(())
    }

    fn close(&mut self, plan: &EpochPlan, watermark: Option<Timestamp>, workers: usize) -> Result<(Output, u64)> {
        self.emit.begin(plan);
        let Some(reached) = watermark else { return self.emit.take(plan, workers) };
        let mut canonical = Vec::new();
        for window in self.closing_windows(plan.watermark, reached) {
            let (start, end) = (window.start.micros(), window.end.micros());
            let mut panes = self.panes.range(start..end);
            let first = panes.next();
            if panes.next().is_none() {
                // One pane is the whole window: nothing to merge.
                for entry in first.into_iter().flat_map(|(_, table)| table.iter()) {
                    let values =
                        entry.state.1.finish(&self.arena).map_err(|error| at_group(&self.spec, window, error))?;
                    let number = number(&entry.key, window, &mut canonical);
                    self.emit.group(Group { key: entry.key.key_ref(), window, values, number }, &self.arena);
                }
            } else {
                let mut merged: HashMap<u64, Vec<(&K, A)>> = HashMap::new();
                for (_, table) in self.panes.range(start..end) {
                    for entry in table {
                        let same = merged.entry(entry.hash).or_default();
                        match same.iter_mut().find(|(key, _)| key.equals(&entry.key)) {
                            Some((_, state)) => state.merge(entry.state.1.clone()),
                            None => same.push((&entry.key, entry.state.1.clone())),
                        }
                    }
                }
                for (key, state) in merged.values().flatten() {
                    let values = state.finish(&self.arena).map_err(|error| at_group(&self.spec, window, error))?;
                    let number = number(*key, window, &mut canonical);
                    self.emit.group(Group { key: key.key_ref(), window, values, number }, &self.arena);
                }
            }
        }
        self.arena.reset();
        let window = self.spec.window;
        self.panes.retain(|&pane, _| window.closes(pane) > reached);
        self.emit.take(plan, workers)
    }

    fn changes(&mut self) -> Result<Vec<RecordBatch>> {
        if self.changes.groups.is_empty() { Ok(Vec::new()) } else { self.changes.finish(&self.spec) }
    }

    fn snapshot(&self, low: u16, high: u16) -> Result<Vec<RecordBatch>> {
        let mut rows = Changes::<K, A>::default();
        for (&pane, table) in &self.panes {
            for entry in table {
                if (low..high).contains(&entry.state.0) {
                    rows.push(entry.state.0, pane, &entry.key, &entry.state.1);
                }
            }
        }
        rows.finish(&self.spec)
    }

    fn restore(&mut self, batch: &RecordBatch, owns: &dyn Fn(u16) -> bool) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let column = |name: &str| batch.column_by_name(name).ok_or_else(|| unreadable(&self.spec, name));
        let groups = column(GROUP)?;
        let panes = column(PANE)?;
        let gather = |names: &[&str]| names.iter().map(|name| column(name).map(Arc::clone)).collect::<Result<Vec<_>>>();
        let (keys, states) = (gather(self.spec.keys)?, gather(self.spec.values)?);
        for row in 0..batch.num_rows() {
            let group = u16::load(groups, row).ok_or_else(|| unreadable(&self.spec, GROUP))?;
            if !owns(group) {
                continue;
            }
            let pane = i64::load(panes, row).ok_or_else(|| unreadable(&self.spec, PANE))?;
            let key = K::load_columns(&mut keys.iter(), row)
                .ok_or_else(|| unreadable(&self.spec, &self.spec.keys.join("`, `")))?;
            let state = A::load_columns(&mut states.iter(), row)
                .ok_or_else(|| unreadable(&self.spec, &self.spec.values.join("`, `")))?;
            let hash = self.hashing.hash_key(&key);
            let table = self.panes.entry(pane).or_default();
            match table.entry(hash, |entry| entry.hash == hash && entry.key.equals(&key), |entry| entry.hash) {
                hashbrown::hash_table::Entry::Occupied(mut entry) => entry.get_mut().state = (group, state),
                hashbrown::hash_table::Entry::Vacant(place) => {
                    place.insert(Entry { hash, key, state: (group, state) });
                }
            }
        }
        Ok(())
    }

    fn restored(&mut self, watermark: Option<Timestamp>) {
        let window = self.spec.window;
        self.panes.retain(|&pane, _| watermark.is_none_or(|watermark| window.closes(pane) > watermark));
    }

    fn keys(&self) -> u64 {
        self.panes.values().map(|table| table.len() as u64).sum()
    }

    fn bytes(&self) -> u64 {
        // What text and lists hold besides is not counted.
        let entry = size_of::<Entry<K, (u16, A)>>() as u64 + 1;
        self.panes.values().map(|table| table.capacity() as u64 * entry).sum()
    }

    fn updated(&mut self) -> u64 {
        std::mem::take(&mut self.updated)
    }

    fn log_changes(&mut self, on: bool) {
        self.log = on;
    }
}

/// The number of a group.
fn number<K: Key>(key: &K, window: Window, canonical: &mut Vec<u8>) -> u64 {
    canonical.clear();
    canonical.extend_from_slice(&window.start.micros().to_le_bytes());
    key.canonical(canonical);
    xxhash_rust::xxh3::xxh3_64(canonical)
}

fn at_group(spec: &KeyedSpec, window: Window, error: Error) -> Error {
    let place = format!("in `{}`, window from {} to {}: {}", spec.name, window.start, window.end, error.message());
    let advice = error.advice().map(str::to_owned);
    let error = Error::new(error.kind(), place);
    match advice {
        Some(advice) => error.help(advice),
        None => error,
    }
}

fn unreadable(spec: &KeyedSpec, column: &str) -> Error {
    Error::new(
        Kind::Config,
        format!(
            "the state of `{}` in the checkpoint has no column `{column}` of the type this pipeline needs",
            spec.name
        ),
    )
    .help("the pipeline was changed since; start it with a fresh checkpoint, or with the one it was changed from")
}
