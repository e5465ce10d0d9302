//! `group_by` and `agg`: windows of keys and their accumulators.
//!
//! [`Keyed`] is the side before the shuffle: it gathers the partial aggregates of an epoch, pane by pane. The window is not
//! part of the key. The side after it is [`reduce`](super::reduce).

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::{FoldHasher, RandomState};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry::{Occupied, Vacant};

use super::chain::{EpochPlan, Part, Settings};
use super::input::{At, Policy};
use super::key::{Key, KeyRef, key_group};
use super::short::{Halves, LONG, Mixer, Parts, Short};
use super::window::{ALL_OF_TIME, Window, WindowSpec};
use crate::Result;
use crate::agg::{Finish, Update};
use crate::error::{Error, Kind};
use crate::sink::Mode;
use crate::time::Timestamp;

/// A group, or a row that is on its way into one. It is as small as can be, as a row in a large table waits for the memory of
/// its group more than for all else.
struct Entry<A> {
    /// The key's number; of a key that is not short its place among [`Table::long`].
    key: Halves,
    /// Where there are no windows, the latest event time of its rows.
    last: i64,
    state: A,
}

/// The groups of one pane.
struct Table<K, A> {
    entries: HashTable<Entry<A>>,
    /// The keys that are not short.
    long: Vec<K>,
    /// Rows that have not reached their groups yet, see [`Keyed::BATCHED`].
    rows: Vec<Entry<A>>,
}

impl<K, A> Default for Table<K, A> {
    fn default() -> Self {
        Self { entries: HashTable::new(), long: Vec::new(), rows: Vec::new() }
    }
}

/// One group, as the stages after `agg` see it.
#[derive(Clone, Copy)]
pub struct Group<'a, K: Key, A: Finish> {
    /// The key, as its columns were before.
    pub key: K::Ref<'a>,
    /// The window. Of a group without one: from its last row to the end of its time to live; all of time when it has none.
    pub window: Window,
    /// The results of the aggregates.
    pub values: A::Out<'a>,
    /// A number that is the same for the group in every run, whatever the workers: its place among groups of the same time.
    pub number: u64,
}

/// Gathers rows into groups.
pub struct Keyed<K, A> {
    window: WindowSpec,
    hasher: RandomState,
    mixer: Mixer,
    /// By their starts.
    panes: Vec<Pane<K, A>>,
    /// The pane last written to, or [`NONE`]: event times come close together.
    current: usize,
    /// Whether an accumulator is being changed: it is left so by a panic.
    busy: bool,
    /// Tables emptied by a seal, kept for their memory.
    spare: Vec<Table<K, A>>,
    settings: Settings,
    watermark: Option<Timestamp>,
    late: u64,
    /// The event times of late rows that are not only counted.
    late_rows: VecDeque<Timestamp>,
}

/// The keys of one pane and its bounds, so that most rows need no division.
struct Pane<K, A> {
    start: i64,
    end: i64,
    table: Table<K, A>,
}

/// How many rows reach their groups at once.
const BATCH: usize = 64;

/// The number of no pane.
const NONE: usize = usize::MAX;

/// The partial aggregates of an epoch for one worker: by pane, key group, and key.
pub(super) struct Partial<K, A> {
    pub(super) panes: Vec<(i64, Grouped<K, A>)>,
}

/// Keys with their key groups, the latest event times of their rows, and accumulators.
type Grouped<K, A> = Vec<(u16, i64, K, A)>;

// Without bounds: of a key or an aggregate that is none, rustc says so once, at `group`.
impl<K, A> Keyed<K, A> {
    /// The row is in the accumulator that [`Self::group`] gave. After a panic before that the accumulator is half changed, and
    /// the run ends.
    #[inline]
    pub fn applied(&mut self) {
        self.busy = false;
    }

    /// Whether a panic has left an accumulator half changed.
    pub(super) fn is_broken_off(&self) -> bool {
        self.busy
    }
}

impl<K: Key, A: Finish> Keyed<K, A> {
    pub(crate) fn new(window: WindowSpec, settings: Settings) -> Self {
        let hasher = RandomState::default();
        Self {
            window,
            settings,
            mixer: Mixer::new(&hasher),
            hasher,
            panes: Vec::new(),
            current: NONE,
            busy: false,
            spare: Vec::new(),
            watermark: None,
            late: 0,
            late_rows: VecDeque::new(),
        }
    }

    /// Rows whose groups have ended by the plan's watermark are late from now on; in mode complete none is.
    pub(super) fn begin(&mut self, plan: &EpochPlan) {
        let watermark = plan.watermark.filter(|_| self.settings.mode != Mode::Complete);
        if self.watermark != watermark {
            self.watermark = watermark;
            // The pane at hand may have closed.
            self.current = NONE;
        }
    }

    /// Adds a row: `key` is a tuple of columns, `updates` a tuple of aggregates.
    ///
    /// A row all of whose windows have closed by the epoch's watermark is late: it is left out, and counted or kept for
    /// the policy. Without windows a row is late when its own time to live has run out.
    #[inline]
    pub fn update<Q, U>(&mut self, key: Q, at: At, updates: U)
    where
        Q: KeyRef<Owned = K>,
        U: Update<State = A>,
    {
        if let Some(state) = self.group(key, at) {
            updates.apply(state, at);
            self.applied();
        }
    }

    /// An accumulator for a row: that of its group, or one that will be merged into it. `None` when the row is late, see
    /// [`Self::update`]. Say when the row is in it, by [`Self::applied`].
    #[inline]
    pub fn group<Q: KeyRef<Owned = K>>(&mut self, key: Q, at: At) -> Option<&mut A> {
        let micros = at.time.micros();
        if !self.panes.get(self.current).is_some_and(|pane| (pane.start..pane.end).contains(&micros)) {
            self.turn_to(at.time);
            if self.current == NONE {
                self.leave_out(at.time);
            }
        }
        let Pane { table, .. } = self.panes.get_mut(self.current)?;
        self.busy = true;
        let mut short = Short::default();
        key.shorten(&mut short);
        let short = short.number();
        if short == LONG {
            return Some(table.long(key, micros, &self.hasher, &self.mixer));
        }
        if Self::BATCHED {
            if table.rows.len() >= BATCH {
                table.settle(&self.hasher, &self.mixer);
            }
            table.rows.push(Entry { key: short, last: micros, state: A::default() });
            return table.rows.last_mut().map(|row| &mut row.state);
        }
        Some(table.short(short, micros, &self.hasher, &self.mixer))
    }

    /// Whether rows reach their groups many at once: looked up one after the other, they do not wait for one another's group
    /// to come from memory. A row waits as an accumulator of its own, which therefore is small and owns no memory.
    const BATCHED: bool = !std::mem::needs_drop::<A>() && size_of::<A>() <= 256;

    /// Makes the pane of `at` the current one, or none if it is closed. Rows out of order switch often between panes that
    /// are there.
    #[inline(never)]
    fn turn_to(&mut self, at: Timestamp) {
        if !self.window.is_windowed() {
            self.turn_to_all(at);
            return;
        }
        let after = self.panes.partition_point(|pane| pane.start <= at.micros());
        let before = after.wrapping_sub(1);
        let known = self.panes.get(before).filter(|pane| at.micros() < pane.end).map(|pane| pane.start);
        let start = known.unwrap_or_else(|| self.window.pane_of(at));
        if self.window.has_ended(start, at.micros(), self.watermark) {
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

    /// As [`Self::turn_to`], without windows: the one pane begins where rows are not late.
    fn turn_to_all(&mut self, at: Timestamp) {
        self.current = NONE;
        if self.window.has_ended(ALL_OF_TIME, at.micros(), self.watermark) {
            return;
        }
        if self.panes.is_empty() {
            let limit = self.watermark.filter(|_| self.window.has_ttl()).map(Timestamp::micros);
            let start = limit.map_or(i64::MIN, |limit| limit.saturating_sub(self.window.size()).saturating_add(1));
            self.panes.push(Pane { start, end: i64::MAX, table: self.spare.pop().unwrap_or_default() });
        }
        self.current = 0;
    }

    #[cold]
    fn leave_out(&mut self, at: Timestamp) {
        match self.settings.late {
            Policy::Skip => self.late += 1,
            Policy::Fail | Policy::DeadLetter => self.late_rows.push_back(at),
        }
    }

    /// The event time of a row that was late and is not only counted; each is given once.
    #[inline]
    pub(super) fn take_late_row(&mut self) -> Option<Timestamp> {
        self.late_rows.pop_front()
    }

    /// Rows that came late since the last call.
    pub(super) fn take_late(&mut self) -> u64 {
        std::mem::take(&mut self.late)
    }

    /// Empties the tables into parts, one for each worker.
    ///
    /// # Errors
    /// A key cannot be had back from its number, which is up to its type.
    pub(super) fn drain(&mut self, workers: usize) -> Result<Vec<Part>> {
        self.current = NONE;
        let workers = workers.max(1);
        let mut parts: Vec<Partial<K, A>> = (0..workers).map(|_| Partial { panes: Vec::new() }).collect();
        let mut canonical = Vec::new();
        for Pane { start, mut table, .. } in self.panes.drain(..) {
            table.settle(&self.hasher, &self.mixer);
            let Table { entries, long, .. } = &mut table;
            let start = if self.window.is_windowed() { start } else { ALL_OF_TIME };
            let mut split: Vec<Grouped<K, A>> =
                (0..workers).map(|_| Vec::with_capacity(entries.len() / workers + 1)).collect();
            let mut long: Vec<Option<K>> = long.drain(..).map(Some).collect();
            for Entry { key, last, state } in entries.drain() {
                let key = match place(key) {
                    Some(place) => long.get_mut(place).and_then(Option::take),
                    None => K::lengthen(&mut Parts::of(key)),
                };
                let key = key.ok_or_else(not_had_back::<K>)?;
                canonical.clear();
                key.canonical(&mut canonical);
                let group = key_group(&canonical, super::key::KEY_GROUPS);
                if let Some(part) = split.get_mut(owner(group, workers)) {
                    part.push((group, last, key, state));
                }
            }
            self.spare.push(table);
            for (part, entries) in parts.iter_mut().zip(split) {
                if !entries.is_empty() {
                    part.panes.push((start, entries));
                }
            }
        }
        Ok(parts.into_iter().map(|part| Box::new(part) as Part).collect())
    }
}

impl<K: Key, A: Finish> Table<K, A> {
    /// The accumulator of a short key.
    #[inline]
    fn short(&mut self, key: Halves, last: i64, hasher: &RandomState, mixer: &Mixer) -> &mut A {
        let Self { entries, long, .. } = self;
        let hash = |entry: &Entry<A>| rehash(entry, long, hasher, mixer);
        let entry = match entries.entry(mixer.hash(key), |entry| entry.key == key, hash) {
            Occupied(entry) => entry.into_mut(),
            Vacant(place) => place.insert(Entry { key, last, state: A::default() }).into_mut(),
        };
        entry.last = entry.last.max(last);
        &mut entry.state
    }

    /// The accumulator of a key that is not short.
    #[inline]
    fn long<Q: KeyRef<Owned = K>>(&mut self, key: Q, last: i64, hasher: &RandomState, mixer: &Mixer) -> &mut A {
        let Self { entries, long, .. } = self;
        let own = |entry: &Entry<A>| long.get(place(entry.key)?);
        let same = |entry: &Entry<A>| own(entry).is_some_and(|own| key.same(own));
        let hash = |entry: &Entry<A>| rehash(entry, long, hasher, mixer);
        let entry = match entries.entry(long_hash(hasher, |hasher| key.feed(hasher)), same, hash) {
            Occupied(entry) => entry.into_mut(),
            Vacant(vacant) => {
                let entry = vacant.insert(Entry { key: [long.len() as u64, 0], last, state: A::default() });
                long.push(key.to_key());
                entry.into_mut()
            }
        };
        entry.last = entry.last.max(last);
        &mut entry.state
    }

    /// Takes the rows that wait to their groups.
    #[inline(never)]
    fn settle(&mut self, hasher: &RandomState, mixer: &Mixer) {
        let Self { entries, long, rows } = self;
        for row in rows.drain(..) {
            let hash = |entry: &Entry<A>| rehash(entry, long, hasher, mixer);
            match entries.entry(mixer.hash(row.key), |entry| entry.key == row.key, hash) {
                Occupied(entry) => {
                    let entry = entry.into_mut();
                    entry.last = entry.last.max(row.last);
                    entry.state.merge(row.state);
                }
                Vacant(place) => drop(place.insert(row)),
            }
        }
    }
}

/// Where among [`Table::long`] a key is, if it is not short: numbers of short keys have another half.
#[inline(always)]
fn place(key: Halves) -> Option<usize> {
    (key[1] == 0).then_some(key[0] as usize)
}

#[inline]
fn rehash<K: Key, A>(entry: &Entry<A>, long: &[K], hasher: &RandomState, mixer: &Mixer) -> u64 {
    match place(entry.key).and_then(|place| long.get(place)) {
        Some(key) => long_hash(hasher, |hasher| key.feed_key(hasher)),
        None => mixer.hash(entry.key),
    }
}

/// A row must not be lost because a type of the user's is half written.
#[cold]
fn not_had_back<K>() -> Error {
    let of = std::any::type_name::<K>();
    Error::new(Kind::Internal, format!("a group's key of type `{of}` cannot be had back from its number"))
        .help("mend its type: `Key::lengthen` must undo what `KeyRef::shorten` does, or neither is written")
}

/// The hash of a key that is not short.
#[inline]
fn long_hash(hasher: &RandomState, feed: impl FnOnce(&mut FoldHasher<'_>)) -> u64 {
    let mut hasher = hasher.build_hasher();
    feed(&mut hasher);
    hasher.finish()
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
