//! The side of `group_by` after the shuffle: holds the state of some key groups, gives groups on and ends them.

use arrow::array::RecordBatch;
use bumpalo::Bump;

use super::chain::{EpochPlan, KeyedSide, Output, Part};
use super::held::{Groups, Held};
use super::key::Key;
use super::keyed::{Group, Partial};
use super::state_rows::{StateRows, broken, read};
use super::window::{ALL_OF_TIME, Window, WindowSpec};
use crate::Result;
use crate::agg::Finish;
use crate::error::Error;
use crate::sink::Mode;
use crate::time::Timestamp;

/// The names and the window of a keyed stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedSpec {
    /// The stage's identity in checkpoints.
    pub name: String,
    /// The names of the key columns, without the window. None for one group of all rows.
    pub keys: &'static [&'static str],
    /// The name of the window's column; empty when there are no windows.
    pub window_name: &'static str,
    /// The names of the aggregates.
    pub values: &'static [&'static str],
    /// When groups end.
    pub window: WindowSpec,
}

/// What comes after a keyed stage: takes its groups and gives rows or the next stage's partial aggregates.
pub trait Emit<K: Key, A: Finish>: Send {
    /// Takes a group.
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
    mode: Mode,
    groups: Groups<K, A>,
    emit: E,
    arena: Bump,
    log: bool,
    changes: StateRows<K, A>,
    /// Keys added or changed since they were last asked for.
    updated: u64,
    /// Keys forgotten since they were last asked for.
    removed: u64,
}

/// Which groups of a window are given on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    Changed,
}

impl<K: Key, A: Finish, E: Emit<K, A>> Reduce<K, A, E> {
    /// A stage without state.
    pub fn new(spec: KeyedSpec, mode: Mode, emit: E) -> Self {
        Self {
            groups: Groups::new(spec.window, mode == Mode::Update),
            spec,
            mode,
            emit,
            arena: Bump::new(),
            log: false,
            changes: StateRows::default(),
            updated: 0,
            removed: 0,
        }
    }

    /// Where a group is in state files: its pane or, where there are no windows, its last row.
    fn place(&self, pane: i64, held: &Held<K, A>) -> i64 {
        if self.spec.window.is_windowed() { pane } else { held.last }
    }

    /// Whether a group has ended; in mode complete none does.
    fn has_ended(&self, pane: i64, last: i64, watermark: Option<Timestamp>) -> bool {
        self.mode != Mode::Complete && self.spec.window.has_ended(pane, last, watermark)
    }

    /// Gives the groups of a window on.
    fn give(&mut self, window: Window, which: Which) -> Result<()> {
        let panes = self.groups.panes_of(window);
        if self.groups.count(panes.clone()) < 2 {
            // One pane is the whole window: nothing to merge.
            return match which {
                Which::All => give_each(&self.spec, window, self.groups.within(panes), &mut self.emit, &self.arena),
                Which::Changed => {
                    let changed = self.groups.changed_within(panes).filter(|held| held.has_changed());
                    give_each(&self.spec, window, changed, &mut self.emit, &self.arena)
                }
            };
        }
        let merged = match which {
            Which::All => merge(self.groups.within(panes)),
            Which::Changed => merge(self.groups.changed_within(panes)),
        };
        let mut canonical = Vec::new();
        for Merged { key, state, changed } in merged.values().flatten() {
            if which == Which::Changed && !changed {
                continue;
            }
            let values = state.finish(&self.arena).map_err(|error| at_group(&self.spec, window, error))?;
            let number = number(*key, window, &mut canonical);
            self.emit.group(Group { key: key.key_ref(), window, values, number }, &self.arena);
        }
        Ok(())
    }

    /// Mode append with windows: those that end in `(before, watermark]`.
    fn give_closing(&mut self, before: Option<Timestamp>, watermark: Timestamp) -> Result<()> {
        self.groups.windows(before, watermark).into_iter().try_for_each(|window| self.give(window, Which::All))
    }

    /// Mode update: the groups that have changed, of windows that were open.
    fn give_changed(&mut self, before: Option<Timestamp>) -> Result<()> {
        if !self.spec.window.is_windowed() {
            return self.give(EVER, Which::Changed);
        }
        self.groups.changed_windows(before).into_iter().try_for_each(|window| self.give(window, Which::Changed))
    }

    /// Mode complete: all groups.
    fn give_all(&mut self) -> Result<()> {
        if !self.spec.window.is_windowed() {
            return self.give(EVER, Which::All);
        }
        self.groups.windows(None, Timestamp::MAX).into_iter().try_for_each(|window| self.give(window, Which::All))
    }

    /// Forgets the groups that have ended; in mode append those without a window are given on, since they are final now.
    fn end_groups(&mut self, watermark: Option<Timestamp>, give: bool) -> Result<()> {
        let Some(watermark) = watermark.filter(|_| self.mode != Mode::Complete) else { return Ok(()) };
        if self.spec.window.is_windowed() {
            self.removed += self.groups.drop_panes(watermark);
            return Ok(());
        }
        if !self.spec.window.has_ttl() {
            return Ok(());
        }
        // Without the date a start would give a group that has ended a second life, and its rows a second time.
        let ended = self.groups.take_ended(watermark, |dated| {
            if self.log {
                self.changes.push(dated.key_group, dated.last, &dated.key, &dated.state);
            }
        });
        self.removed += ended.len() as u64;
        if !give || self.mode != Mode::Append {
            return Ok(());
        }
        for held in &ended {
            let end = self.spec.window.ends(ALL_OF_TIME, held.last).unwrap_or(Timestamp::MAX);
            let window = Window { start: Timestamp::from_micros(held.last), end };
            give_each(&self.spec, window, std::iter::once(held), &mut self.emit, &self.arena)?;
        }
        Ok(())
    }
}

/// The window of groups that have none.
const EVER: Window = Window { start: Timestamp::MIN, end: Timestamp::MAX };

/// A group of several panes.
struct Merged<'g, K, A> {
    key: &'g K,
    state: A,
    changed: bool,
}

/// Puts the panes' parts of each group together, by the hash of its key.
fn merge<'g, K: Key, A: Finish>(
    parts: impl Iterator<Item = &'g Held<K, A>>,
) -> std::collections::HashMap<u64, Vec<Merged<'g, K, A>>> {
    let mut merged = std::collections::HashMap::<u64, Vec<Merged<'g, K, A>>>::new();
    for held in parts {
        let same = merged.entry(held.hash()).or_default();
        match same.iter_mut().find(|merged| merged.key.equals(&held.key)) {
            Some(merged) => {
                merged.state.merge(held.state.clone());
                merged.changed |= held.has_changed();
            }
            None => same.push(Merged { key: &held.key, state: held.state.clone(), changed: held.has_changed() }),
        }
    }
    merged
}

fn give_each<'g, K: Key, A: Finish>(
    spec: &KeyedSpec,
    window: Window,
    groups: impl Iterator<Item = &'g Held<K, A>>,
    emit: &mut impl Emit<K, A>,
    arena: &Bump,
) -> Result<()> {
    let mut canonical = Vec::new();
    for held in groups {
        let values = held.state.finish(arena).map_err(|error| at_group(spec, window, error))?;
        let number = number(&held.key, window, &mut canonical);
        emit.group(Group { key: held.key.key_ref(), window, values, number }, arena);
    }
    Ok(())
}

impl<K: Key, A: Finish, E: Emit<K, A>> KeyedSide for Reduce<K, A, E> {
    fn merge(&mut self, part: Part, closing: Option<Timestamp>) -> Result<()> {
        let part = part.downcast::<Partial<K, A>>().map_err(|_| broken(&self.spec))?;
        let windowed = self.spec.window.is_windowed();
        for (pane, entries) in part.panes {
            self.updated += entries.len() as u64;
            self.groups.reserve(pane, entries.iter().map(|(key_group, ..)| *key_group));
            let closes = windowed && self.has_ended(pane, 0, closing);
            for (key_group, last, key, state) in entries {
                let held = self.groups.add(pane, key_group, last, key, A::default, |own| own.merge(state));
                if self.log && !closes {
                    let place = if windowed { pane } else { held.last };
                    self.changes.push(key_group, place, &held.key, &held.state);
                }
            }
        }
        Ok(())
    }

    fn close(&mut self, plan: &EpochPlan, watermark: Option<Timestamp>, workers: usize) -> Result<(Output, u64)> {
        self.emit.begin(plan);
        match (self.mode, watermark) {
            (Mode::Append, Some(reached)) if self.spec.window.is_windowed() => {
                self.give_closing(plan.watermark, reached)?;
            }
            // Without windows, groups are given on when they end.
            (Mode::Append, _) => {}
            (Mode::Update, _) => self.give_changed(plan.watermark)?,
            (Mode::Complete, _) => self.give_all()?,
        }
        self.groups.settle();
        self.end_groups(watermark, true)?;
        self.arena.reset();
        self.emit.take(plan, workers)
    }

    fn changes(&mut self) -> Result<Vec<RecordBatch>> {
        if self.changes.is_empty() { Ok(Vec::new()) } else { self.changes.finish(&self.spec) }
    }

    fn snapshot(&self, low: u16, high: u16) -> Result<Vec<RecordBatch>> {
        let mut rows = StateRows::<K, A>::default();
        for (pane, held) in self.groups.of(low..high) {
            rows.push(held.key_group, self.place(pane, held), &held.key, &held.state);
        }
        rows.finish(&self.spec)
    }

    fn restore(&mut self, batches: &[RecordBatch], owns: &dyn Fn(u16) -> bool) -> Result<()> {
        let (windowed, groups) = (self.spec.window.is_windowed(), &mut self.groups);
        batches.iter().try_for_each(|batch| {
            read(&self.spec, batch, owns, |key_group, place, key: K, state: A| {
                let (pane, last) = if windowed { (place, 0) } else { (ALL_OF_TIME, place) };
                groups.add(pane, key_group, last, key, A::default, |own| *own = state);
            })
        })
    }

    fn restored(&mut self, watermark: Option<Timestamp>) {
        self.groups.settle();
        // Nothing is given on, so nothing can fail.
        self.end_groups(watermark, false).ok();
        self.removed = 0;
    }

    fn keys(&self) -> u64 {
        self.groups.size().0
    }

    fn bytes(&self) -> u64 {
        self.groups.size().1
    }

    fn open(&self) -> Option<(u64, Timestamp)> {
        self.groups.open().map(|(windows, oldest)| (windows, Timestamp::from_micros(oldest)))
    }

    fn updated(&mut self) -> u64 {
        std::mem::take(&mut self.updated)
    }

    fn removed(&mut self) -> u64 {
        std::mem::take(&mut self.removed)
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
    let windows = spec.window.is_windowed();
    let place = if windows { format!(", window from {} to {}", window.start, window.end) } else { String::new() };
    let advice = error.advice().map(str::to_owned);
    let error = Error::new(error.kind(), format!("in `{}`{place}: {}", spec.name, error.message()));
    match advice {
        Some(advice) => error.help(advice),
        None => error,
    }
}

#[cfg(test)]
mod tests;
