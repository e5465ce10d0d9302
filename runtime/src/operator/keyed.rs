//! `group_by` and `agg`: windows of keys and their accumulators.
//!
//! State is pane start -> table of keys, so that closing a window drops a table and nothing is scanned. The window is not
//! part of the key. The same [`Keyed`] serves both sides: before the shuffle it gathers the partial aggregates of an
//! epoch, after it it holds the state.

use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;

use super::chain::{EpochPlan, Part};
use super::input::At;
use super::key::{Key, KeyRef, key_group};
use super::window::{Window, WindowSpec};
use crate::agg::{Finish, Update};
use crate::time::Timestamp;

/// A key and its accumulator.
pub(super) struct Entry<K, A> {
    pub(super) hash: u64,
    pub(super) key: K,
    pub(super) state: A,
}

/// The keys of one pane.
pub(super) type Table<K, A> = HashTable<Entry<K, A>>;

/// One group, as the stages after `agg` see it.
#[derive(Clone, Copy)]
pub struct Group<'a, K: Key, A: Finish> {
    /// The key, as its columns were before.
    pub key: K::Ref<'a>,
    /// The window; all of time when there is none.
    pub window: Window,
    /// The results of the aggregates.
    pub values: A::Out<'a>,
    /// A number that is the same for the group in every run, whatever the workers: its place among groups of the same time.
    pub number: u64,
}

/// Gathers rows into groups.
pub struct Keyed<K, A> {
    window: WindowSpec,
    hasher: foldhash::fast::RandomState,
    /// By their starts.
    panes: Vec<Pane<K, A>>,
    /// The pane last written to, or [`NONE`]: event times come close together.
    current: usize,
    /// Tables emptied by a seal, kept for their memory.
    spare: Vec<Table<K, A>>,
    watermark: Option<Timestamp>,
    late: u64,
}

/// The keys of one pane and its bounds, so that most rows need no division.
struct Pane<K, A> {
    start: i64,
    end: i64,
    table: Table<K, A>,
}

/// The number of no pane.
const NONE: usize = usize::MAX;

/// The partial aggregates of an epoch for one worker: by pane, key group, and key.
pub(super) struct Partial<K, A> {
    pub(super) panes: Vec<(i64, Grouped<K, A>)>,
}

/// Keys with their key groups and accumulators.
type Grouped<K, A> = Vec<(u16, K, A)>;

impl<K: Key, A: Finish> Keyed<K, A> {
    pub(crate) fn new(window: WindowSpec) -> Self {
        Self {
            window,
            hasher: foldhash::fast::RandomState::default(),
            panes: Vec::new(),
            current: NONE,
            spare: Vec::new(),
            watermark: None,
            late: 0,
        }
    }

    /// Rows whose windows end at or before this are late from now on.
    pub(super) fn begin(&mut self, plan: &EpochPlan) {
        if self.watermark != plan.watermark {
            self.watermark = plan.watermark;
            // The pane at hand may have closed.
            self.current = NONE;
        }
    }

    /// Adds a row: `key` is a tuple of columns, `updates` a tuple of aggregates.
    ///
    /// A row all of whose windows have closed by the epoch's watermark is counted as late and left out.
    #[inline]
    pub fn update<Q, U>(&mut self, key: Q, at: At, updates: U)
    where
        Q: KeyRef<Owned = K>,
        U: Update<State = A>,
    {
        if let Some(state) = self.group(key, at) {
            updates.apply(state, at);
        }
    }

    /// The accumulator of a row's group; `None` when the row is late, which is counted.
    #[inline]
    pub fn group<Q: KeyRef<Owned = K>>(&mut self, key: Q, at: At) -> Option<&mut A> {
        let micros = at.time.micros();
        if !self.panes.get(self.current).is_some_and(|pane| (pane.start..pane.end).contains(&micros)) {
            self.turn_to(at.time);
        }
        let Some(Pane { table, .. }) = self.panes.get_mut(self.current) else {
            self.late += 1;
            return None;
        };
        let mut hasher = self.hasher.build_hasher();
        key.feed(&mut hasher);
        let hash = hasher.finish();
        let same = |entry: &Entry<K, A>| entry.hash == hash && key.same(&entry.key);
        let entry = table.entry(hash, same, |entry| entry.hash);
        let entry = entry.or_insert_with(|| Entry { hash, key: key.to_key(), state: A::default() });
        Some(&mut entry.into_mut().state)
    }

    /// Makes the pane of `at` the current one, or none if it is closed. Rows out of order switch often between panes that
    /// are there.
    #[inline(never)]
    fn turn_to(&mut self, at: Timestamp) {
        let after = self.panes.partition_point(|pane| pane.start <= at.micros());
        let before = after.wrapping_sub(1);
        let known = self.panes.get(before).filter(|pane| at.micros() < pane.end).map(|pane| pane.start);
        let start = known.unwrap_or_else(|| self.window.pane_of(at));
        if self.watermark.is_some_and(|watermark| self.window.closes(start) <= watermark) {
            self.current = NONE;
            return;
        }
        // The pane at the end of time does not hold its end.
        if self.panes.get(before).is_some_and(|pane| pane.start == start) {
            self.current = before;
            return;
        }
        let (end, table) = (start.saturating_add(self.window.pane()), self.spare.pop().unwrap_or_default());
        self.panes.insert(after, Pane { start, end, table });
        self.current = after;
    }

    /// Rows that came late since the last call.
    pub(super) fn take_late(&mut self) -> u64 {
        std::mem::take(&mut self.late)
    }

    /// Empties the tables into parts, one for each worker.
    pub(super) fn drain(&mut self, workers: usize) -> Vec<Part> {
        self.current = NONE;
        let workers = workers.max(1);
        let mut parts: Vec<Partial<K, A>> = (0..workers).map(|_| Partial { panes: Vec::new() }).collect();
        let mut canonical = Vec::new();
        for Pane { start, mut table, .. } in self.panes.drain(..) {
            let mut split: Vec<Grouped<K, A>> =
                (0..workers).map(|_| Vec::with_capacity(table.len() / workers + 1)).collect();
            for entry in table.drain() {
                canonical.clear();
                entry.key.canonical(&mut canonical);
                let group = key_group(&canonical, super::key::KEY_GROUPS);
                if let Some(part) = split.get_mut(owner(group, workers)) {
                    part.push((group, entry.key, entry.state));
                }
            }
            self.spare.push(table);
            for (part, entries) in parts.iter_mut().zip(split) {
                if !entries.is_empty() {
                    part.panes.push((start, entries));
                }
            }
        }
        parts.into_iter().map(|part| Box::new(part) as Part).collect()
    }

    pub(super) fn hash_key(&self, key: &K) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        key.feed_key(&mut hasher);
        hasher.finish()
    }
}

/// The worker that owns a key group: contiguous ranges of [`STRIPES`] stripes, so that a state file never spans workers.
#[must_use]
pub fn owner(group: u16, workers: usize) -> usize {
    usize::from(group / stripe_len()) * workers.clamp(1, STRIPES) / STRIPES
}

/// The number of ranges of key groups in which state is kept in files, and the greatest number of workers.
pub const STRIPES: usize = 16;

/// Key groups in a stripe.
#[must_use]
pub const fn stripe_len() -> u16 {
    super::key::KEY_GROUPS / STRIPES as u16
}
