//! The state of a keyed stage in memory: the groups of some key groups, by pane and key.
//!
//! Closing a window drops a table and nothing is scanned. Groups without a window lie in one table; when they end is known
//! by a calendar of their keys, in which a key stands once, at the day of its last row or an earlier one: whoever comes
//! up too early is put down again for later.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::key::Key;
use super::window::{ALL_OF_TIME, Window, WindowSpec};
use crate::time::Timestamp;

/// A group.
pub(super) struct Held<K, A> {
    hash: u64,
    pub(super) key: K,
    pub(super) state: A,
    /// The event time of its latest row.
    pub(super) last: i64,
    pub(super) key_group: u16,
    /// Whether it is in the list of what has changed in the epoch.
    changed: bool,
}

/// The groups of one pane.
type Table<K, A> = HashTable<Held<K, A>>;

/// The groups of a keyed stage.
pub(super) struct Groups<K, A> {
    window: WindowSpec,
    hasher: foldhash::fast::RandomState,
    panes: BTreeMap<i64, Table<K, A>>,
    /// Hashes of the keys that have changed since [`Self::settle`], by pane; only if asked for.
    changed: BTreeMap<i64, Vec<u64>>,
    notes_changes: bool,
    /// Of groups with a time to live: hashes of their keys, by the day at or before that of their last row.
    calendar: BTreeMap<i64, Vec<u64>>,
}

/// The last row of a group of a pipeline that had no event times: its time to live begins when there are some.
const UNDATED: i64 = i64::MIN;

/// Days of the calendar in a time to live.
const DAYS: i64 = 64;

impl<K: Key, A> Groups<K, A> {
    /// No groups. `notes_changes` if [`Self::changed_windows`] is to be used.
    pub(super) fn new(window: WindowSpec, notes_changes: bool) -> Self {
        Self {
            window,
            hasher: foldhash::fast::RandomState::default(),
            panes: BTreeMap::new(),
            changed: BTreeMap::new(),
            notes_changes,
            calendar: BTreeMap::new(),
        }
    }

    fn hash(&self, key: &K) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        key.feed_key(&mut hasher);
        hasher.finish()
    }

    /// Makes room for so many keys more. Keys arrive in the order of another table's hashes; without room for all, they
    /// would crowd together.
    pub(super) fn reserve(&mut self, pane: i64, keys: usize) {
        let table = self.panes.entry(pane).or_default();
        table.reserve(keys.saturating_sub(table.capacity() - table.len()), |held| held.hash);
    }

    /// The group of a key, made with `new` if it is not there, after `add` was done to it; `last` is the event time of the
    /// rows that are added.
    pub(super) fn add(
        &mut self,
        pane: i64,
        key_group: u16,
        last: i64,
        key: K,
        new: impl FnOnce() -> A,
        add: impl FnOnce(&mut A),
    ) -> &Held<K, A> {
        let hash = self.hash(&key);
        let table = self.panes.entry(pane).or_default();
        let held = match table.entry(hash, |held| held.hash == hash && held.key.equals(&key), |held| held.hash) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(place) => {
                if self.window.has_ttl() {
                    self.calendar.entry(day(self.window, last)).or_default().push(hash);
                }
                let held = Held { hash, key, state: new(), last, key_group, changed: false };
                place.insert(held).into_mut()
            }
        };
        add(&mut held.state);
        held.last = held.last.max(last);
        held.key_group = key_group;
        if self.notes_changes && !held.changed {
            held.changed = true;
            self.changed.entry(pane).or_default().push(hash);
        }
        held
    }

    /// Every group, with its pane.
    pub(super) fn all(&self) -> impl Iterator<Item = (i64, &Held<K, A>)> {
        self.panes.iter().flat_map(|(&pane, table)| table.iter().map(move |held| (pane, held)))
    }

    /// The windows that cover a pane with groups and end in `(after, until]`, in the order of their ends.
    pub(super) fn windows(&self, after: Option<Timestamp>, until: Timestamp) -> Vec<Window> {
        self.windows_over(self.panes.keys(), after, until)
    }

    /// The windows that cover a pane in which a group has changed and end after `after`.
    pub(super) fn changed_windows(&self, after: Option<Timestamp>) -> Vec<Window> {
        self.windows_over(self.changed.keys(), after, Timestamp::MAX)
    }

    fn windows_over<'p>(
        &self,
        panes: impl Iterator<Item = &'p i64>,
        after: Option<Timestamp>,
        until: Timestamp,
    ) -> Vec<Window> {
        let (size, every, pane_len) = (self.window.size(), self.window.every(), self.window.pane());
        let (after, until) = (after.map_or(i64::MIN, Timestamp::micros), until.micros());
        let end = |start: i64| start.saturating_add(size);
        let mut starts: Vec<i64> = Vec::new();
        for &pane in panes {
            let last = pane.saturating_sub(pane.rem_euclid(every));
            // A window of many steps has many panes, and most of its windows are still open: they are not looked at.
            let beyond = end(last).saturating_sub(until).max(0);
            let steps = beyond / every + i64::from(beyond % every > 0);
            let mut start = last.saturating_sub(steps.saturating_mul(every));
            while end(start) >= pane.saturating_add(pane_len) && end(start) > after {
                starts.push(start);
                let Some(earlier) = start.checked_sub(every) else { break };
                start = earlier;
            }
        }
        starts.sort_unstable();
        starts.dedup();
        let window =
            |start: i64| Window { start: Timestamp::from_micros(start), end: Timestamp::from_micros(end(start)) };
        starts.into_iter().map(window).collect()
    }

    /// The panes of a window; without windows, all there is.
    pub(super) fn panes_of(&self, window: Window) -> Range<i64> {
        if self.window.is_windowed() {
            window.start.micros()..window.end.micros()
        } else {
            ALL_OF_TIME..ALL_OF_TIME + 1
        }
    }

    /// The groups of some panes.
    pub(super) fn within(&self, panes: Range<i64>) -> impl Iterator<Item = &Held<K, A>> {
        self.panes.range(panes).flat_map(|(_, table)| table.iter())
    }

    /// How many of some panes have groups.
    pub(super) fn count(&self, panes: Range<i64>) -> usize {
        self.panes.range(panes).count()
    }

    /// The groups of some panes that have changed, and those of the same keys in others of them. Each comes up once.
    pub(super) fn changed_within(&self, panes: Range<i64>) -> impl Iterator<Item = &Held<K, A>> {
        let mut hashes: Vec<u64> = self.changed.range(panes.clone()).flat_map(|(_, hashes)| hashes).copied().collect();
        hashes.sort_unstable();
        hashes.dedup();
        let of = move |hash: u64| {
            let tables = self.panes.range(panes.clone());
            let same = move |(_, table): (&i64, _)| Table::iter_hash(table, hash).filter(move |held| held.hash == hash);
            tables.flat_map(same)
        };
        hashes.into_iter().flat_map(of)
    }

    /// Forgets what has changed.
    pub(super) fn settle(&mut self) {
        for (pane, hashes) in std::mem::take(&mut self.changed) {
            let Some(table) = self.panes.get_mut(&pane) else { continue };
            for hash in hashes {
                table.iter_hash_mut(hash).for_each(|held| held.changed = false);
            }
        }
    }

    /// Drops the panes that no open window covers any more.
    pub(super) fn drop_panes(&mut self, watermark: Timestamp) {
        let window = self.window;
        self.panes.retain(|&pane, _| !window.has_ended(pane, 0, Some(watermark)));
    }

    /// Takes out the groups whose time to live has run out.
    pub(super) fn take_ended(&mut self, watermark: Timestamp) -> Vec<Held<K, A>> {
        let mut ended = Vec::new();
        let Some(table) = self.panes.get_mut(&ALL_OF_TIME) else { return ended };
        let mut later: Vec<(i64, u64)> = Vec::new();
        // The first instant of a day ends first.
        while let Some(days) = self.calendar.first_entry()
            && self.window.has_ended(ALL_OF_TIME, first_of(self.window, *days.key()), Some(watermark))
        {
            for hash in days.remove() {
                // Of two keys of one hash either may be meant; both are looked at twice.
                let over = |held: &Held<K, A>| {
                    held.hash == hash
                        && held.last != UNDATED
                        && self.window.has_ended(ALL_OF_TIME, held.last, Some(watermark))
                };
                let before = ended.len();
                while let Ok(found) = table.find_entry(hash, over) {
                    ended.push(found.remove().0);
                }
                if ended.len() == before {
                    let left = table.iter_hash_mut(hash).filter(|held| held.hash == hash);
                    let earliest = left.map(|held| {
                        if held.last == UNDATED {
                            held.last = watermark.micros();
                        }
                        held.last
                    });
                    later.extend(earliest.min().map(|last| (day(self.window, last), hash)));
                }
            }
        }
        for (day, hash) in later {
            self.calendar.entry(day).or_default().push(hash);
        }
        ended
    }

    /// The number of groups, and an estimate of the bytes they need. What text and lists hold besides is not counted.
    pub(super) fn size(&self) -> (u64, u64) {
        let held = size_of::<Held<K, A>>() as u64 + 1;
        let keys = self.panes.values().map(|table| table.len() as u64).sum();
        let tables: u64 = self.panes.values().map(|table| table.capacity() as u64 * held).sum();
        let days: u64 = self.calendar.values().map(|hashes| hashes.capacity() as u64 * 8).sum();
        (keys, tables + days)
    }
}

impl<K, A> Held<K, A> {
    /// Whether it has changed since [`Groups::settle`].
    pub(super) fn has_changed(&self) -> bool {
        self.changed
    }

    /// What tells its key from others, almost always.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }
}

/// The length of a day of the calendar.
fn length(window: WindowSpec) -> i64 {
    (window.size() / DAYS).max(1)
}

/// The day of an event time.
fn day(window: WindowSpec, at: i64) -> i64 {
    at.div_euclid(length(window))
}

/// The first event time of a day.
fn first_of(window: WindowSpec, day: i64) -> i64 {
    day.saturating_mul(length(window))
}
