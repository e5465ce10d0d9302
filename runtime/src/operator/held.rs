//! The state of a keyed stage in memory: the groups of some key groups, by pane and key.
//!
//! Closing a window drops a table and nothing is scanned. Groups without a window lie in one table; when they end is known
//! by a calendar of their keys, in which a key stands once, at the day of its last row or an earlier one: whoever comes
//! up too early is put down again for later.
//!
//! A pane has a table for each stripe of key groups. So a snapshot of a stripe looks at no other one, and when tables grow,
//! which takes the old one and one of twice its size at a time, that is a sixteenth of the state and not all of it.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::key::Key;
use super::keyed::{STRIPES, stripe_len};
use super::window::{ALL_OF_TIME, Window, WindowSpec};
use crate::schema::Stored;
use crate::time::Timestamp;

/// A group.
pub(super) struct Held<K, A> {
    pub(super) hash: u64,
    pub(super) key: K,
    pub(super) state: A,
    /// The event time of its latest row.
    pub(super) last: i64,
    pub(super) key_group: u16,
    /// Whether it is in the list of what has changed in the epoch.
    pub(super) changed: bool,
    /// Whether there is an older one of it on disk.
    #[cfg(feature = "spill")]
    pub(super) stored: bool,
}

/// The groups of one stripe in one pane.
pub(super) type Table<K, A> = HashTable<Held<K, A>>;

/// A pane.
pub(super) struct Pane<K, A> {
    /// By stripe.
    pub(super) tables: Box<[Table<K, A>; STRIPES]>,
    /// The bytes that its keys and accumulators hold besides their own size: text and lists.
    pub(super) heap: usize,
    /// What is on disk.
    #[cfg(feature = "spill")]
    pub(super) cold: Option<Box<super::cold::ColdPane>>,
}

impl<K, A> Default for Pane<K, A> {
    fn default() -> Self {
        Self {
            tables: Box::new(std::array::from_fn(|_| Table::new())),
            heap: 0,
            #[cfg(feature = "spill")]
            cold: None,
        }
    }
}

impl<K, A> Pane<K, A> {
    /// The table in which a hash is.
    #[inline]
    fn table(&self, hash: u64) -> &Table<K, A> {
        &self.tables[stripe_in(hash)]
    }

    fn len(&self) -> u64 {
        let hot: usize = self.tables.iter().map(Table::len).sum();
        #[cfg(feature = "spill")]
        let hot = hot + self.cold.as_ref().map_or(0, |cold| cold.len() as usize);
        hot as u64
    }

    /// The group of a key, if it is in memory.
    #[cfg(feature = "spill")]
    pub(super) fn find(&self, hash: u64, key: &K) -> Option<&Held<K, A>>
    where
        K: Key,
    {
        self.table(hash).find(hash, |held| held.hash == hash && held.key.equals(key))
    }

    /// Bytes of memory that are not in its tables.
    fn aside(&self) -> usize {
        #[cfg(feature = "spill")]
        let cold = self.cold.as_ref().map_or(0, |cold| cold.memory());
        #[cfg(not(feature = "spill"))]
        let cold = 0;
        size_of::<[Table<K, A>; STRIPES]>() + self.heap + cold
    }
}

/// Where in a hash its stripe is: bits that are neither among the first seven, which a table compares, nor among the last,
/// by which it finds a place.
const STRIPE_BIT: u32 = 48;

/// The stripe of a hash.
#[inline]
pub(super) fn stripe_in(hash: u64) -> usize {
    (hash >> STRIPE_BIT) as usize % STRIPES
}

/// The stripe of a key group.
#[inline]
pub(super) fn stripe_of(key_group: u16) -> usize {
    usize::from(key_group / stripe_len()) % STRIPES
}

/// The groups of a keyed stage.
pub(super) struct Groups<K, A> {
    pub(super) window: WindowSpec,
    hasher: foldhash::fast::RandomState,
    pub(super) panes: BTreeMap<i64, Pane<K, A>>,
    /// Hashes of the keys that have changed since [`Self::settle`], by pane; only if asked for.
    changed: BTreeMap<i64, Vec<u64>>,
    notes_changes: bool,
    /// Of groups with a time to live: hashes of their keys, by the day at or before that of their last row.
    pub(super) calendar: BTreeMap<i64, Vec<u64>>,
    /// If groups may be put on disk: how.
    #[cfg(feature = "spill")]
    pub(super) codec: Option<super::cold::Codec>,
}

/// The last row of a group of a pipeline that had no event times: its time to live begins when there are some.
pub(super) const UNDATED: i64 = i64::MIN;

/// Days of the calendar in a time to live.
const DAYS: i64 = 64;

impl<K: Key, A: Stored> Groups<K, A> {
    /// No groups. `notes_changes` if [`Self::changed_windows`] is to be used.
    pub(super) fn new(window: WindowSpec, notes_changes: bool) -> Self {
        Self {
            window,
            hasher: foldhash::fast::RandomState::default(),
            panes: BTreeMap::new(),
            changed: BTreeMap::new(),
            notes_changes,
            calendar: BTreeMap::new(),
            #[cfg(feature = "spill")]
            codec: None,
        }
    }

    /// The hash of a key, with its stripe in it.
    #[inline]
    pub(super) fn hash(&self, key: &K, key_group: u16) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        key.feed_key(&mut hasher);
        let stripes = (STRIPES as u64 - 1) << STRIPE_BIT;
        hasher.finish() & !stripes | (stripe_of(key_group) as u64) << STRIPE_BIT
    }

    /// Makes room for keys of these key groups. Keys arrive in the order of another table's hashes; without room for all,
    /// they would crowd together.
    pub(super) fn reserve(&mut self, pane: i64, key_groups: impl Iterator<Item = u16>) {
        let mut keys = [0_usize; STRIPES];
        key_groups.for_each(|key_group| keys[stripe_of(key_group)] += 1);
        let tables = &mut self.panes.entry(pane).or_default().tables;
        for (table, keys) in tables.iter_mut().zip(keys) {
            table.reserve(keys.saturating_sub(table.capacity() - table.len()), |held| held.hash);
        }
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
        let hash = self.hash(&key, key_group);
        let Pane { tables, heap, .. } = self.panes.entry(pane).or_default();
        let table = &mut tables[stripe_in(hash)];
        let held = match table.entry(hash, |held| held.hash == hash && held.key.equals(&key), |held| held.hash) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(place) => {
                if self.window.has_ttl() {
                    self.calendar.entry(day(self.window, last)).or_default().push(hash);
                }
                let held = Held {
                    hash,
                    key,
                    state: new(),
                    last,
                    key_group,
                    changed: false,
                    #[cfg(feature = "spill")]
                    stored: false,
                };
                *heap += held.heap();
                place.insert(held).into_mut()
            }
        };
        // Once for each key of an epoch, not for each row; nothing at all where the size is fixed.
        let before = held.state.heap();
        add(&mut held.state);
        *heap = *heap + held.state.heap() - before;
        held.last = held.last.max(last);
        held.key_group = key_group;
        if self.notes_changes && !held.changed {
            held.changed = true;
            self.changed.entry(pane).or_default().push(hash);
        }
        held
    }

    /// The groups of some key groups, each with its pane.
    pub(super) fn of(&self, key_groups: Range<u16>) -> impl Iterator<Item = (i64, &Held<K, A>)> {
        let stripes = stripe_of(key_groups.start)..=stripe_of(key_groups.end.saturating_sub(1));
        let tables = stripes.flat_map(|stripe| self.panes.iter().map(move |(&at, pane)| (at, &pane.tables[stripe])));
        let all = tables.flat_map(|(at, table)| table.iter().map(move |held| (at, held)));
        all.filter(move |(_, held)| key_groups.contains(&held.key_group))
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
        self.panes.range(panes).flat_map(|(_, pane)| pane.tables.iter().flatten())
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
            let panes = self.panes.range(panes.clone());
            panes.flat_map(move |(_, pane)| pane.table(hash).iter_hash(hash).filter(move |held| held.hash == hash))
        };
        hashes.into_iter().flat_map(of)
    }

    /// Forgets what has changed.
    pub(super) fn settle(&mut self) {
        for (pane, hashes) in std::mem::take(&mut self.changed) {
            let Some(pane) = self.panes.get_mut(&pane) else { continue };
            for hash in hashes {
                pane.tables[stripe_in(hash)].iter_hash_mut(hash).for_each(|held| held.changed = false);
            }
        }
    }

    /// Drops the panes that no open window covers any more. Gives the number of keys in them.
    pub(super) fn drop_panes(&mut self, watermark: Timestamp) -> u64 {
        let (window, mut dropped) = (self.window, 0);
        self.panes.retain(|&at, pane| {
            let ended = window.has_ended(at, 0, Some(watermark));
            dropped += if ended { pane.len() } else { 0 };
            !ended
        });
        dropped
    }

    /// Takes out the groups whose time to live has run out. That of a group without an event time begins now; `dated` is
    /// told of it, as it is a change of the state.
    pub(super) fn take_ended(&mut self, watermark: Timestamp, mut dated: impl FnMut(&Held<K, A>)) -> Vec<Held<K, A>> {
        let mut ended: Vec<Held<K, A>> = Vec::new();
        let Some(pane) = self.panes.get_mut(&ALL_OF_TIME) else { return ended };
        let Pane { tables, heap, .. } = pane;
        let mut later: Vec<(i64, u64)> = Vec::new();
        // The first instant of a day ends first.
        while let Some(days) = self.calendar.first_entry()
            && self.window.has_ended(ALL_OF_TIME, first_of(self.window, *days.key()), Some(watermark))
        {
            for hash in days.remove() {
                let table = &mut tables[stripe_in(hash)];
                // Of two keys of one hash either may be meant; both are looked at twice.
                let over = |held: &Held<K, A>| {
                    held.hash == hash
                        // At the end of the input a group ends that never had a time to end at.
                        && (held.last != UNDATED || watermark == Timestamp::MAX)
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
                            dated(held);
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
        *heap -= ended.iter().map(Held::heap).sum::<usize>();
        #[cfg(feature = "spill")]
        if let Some(cold) = &mut pane.cold {
            // What the disk has of them is older, so it has ended as well.
            let stored = ended.iter().filter(|held| held.stored).count() as u64;
            (cold.shadowed, cold.records) = (cold.shadowed - stored, cold.records - stored);
        }
        ended
    }

    /// How many windows, or slides of them, have groups, and where the oldest begins; `None` without windows.
    pub(super) fn open(&self) -> Option<(u64, i64)> {
        let oldest = *self.panes.keys().next()?;
        self.window.is_windowed().then_some((self.panes.len() as u64, oldest))
    }

    /// The number of groups, and the bytes that they take, with what text and lists hold.
    pub(super) fn size(&self) -> (u64, u64) {
        let keys = self.panes.values().map(Pane::len).sum();
        let tables = self.panes.values().flat_map(|pane| pane.tables.iter());
        let tables: usize = tables.map(Table::allocation_size).sum();
        let panes: usize = self.panes.values().map(Pane::aside).sum();
        let days: usize = self.calendar.values().map(|hashes| hashes.capacity() * size_of::<u64>()).sum();
        (keys, (tables + panes + days) as u64)
    }
}

impl<K: Stored, A: Stored> Held<K, A> {
    pub(super) fn heap(&self) -> usize {
        self.key.heap() + self.state.heap()
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
pub(super) fn day(window: WindowSpec, at: i64) -> i64 {
    at.div_euclid(length(window))
}

/// The first event time of a day.
fn first_of(window: WindowSpec, day: i64) -> i64 {
    day.saturating_mul(length(window))
}
