//! The side of `group_by` after the shuffle: holds the state of some key groups, gives groups on and ends them.

use arrow::array::RecordBatch;
use bumpalo::Bump;

use self::give::{Giving, Merging};
use super::chain::{EpochPlan, Hand, KeyedSide, Output, Part};
use super::held::{Groups, Held};
#[cfg(feature = "spill")]
use super::key::KEY_GROUPS;
use super::key::Key;
use super::keyed::{Group, Partial};
use super::state_rows::{StateRows, broken, read};
use super::window::{ALL_OF_TIME, Window, WindowSpec};
use crate::Result;
use crate::agg::Finish;
use crate::error::Error;
use crate::sink::Mode;
use crate::time::Timestamp;

mod give;
#[cfg(feature = "spill")]
mod spill;

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
    /// Takes the rows that are ready for the sink.
    ///
    /// # Errors
    /// As [`Self::take`].
    fn ready(&mut self) -> Result<Vec<RecordBatch>>;
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
    fn give(&mut self, window: Window, which: Which, hand: &mut Hand<'_>) -> Result<()> {
        let Self { groups, spec, emit, arena, .. } = self;
        let mut giving = Giving { spec, emit, arena, hand, canonical: Vec::new(), given: 0 };
        let panes = groups.panes_of(window);
        if groups.count(panes.clone()) < 2 {
            // One pane is the whole window: nothing to merge.
            return match which {
                Which::All => {
                    groups.within(panes.clone()).try_for_each(|held| giving.give(window, &held.key, &held.state))?;
                    #[cfg(feature = "spill")]
                    groups.cold_of(panes, 0..KEY_GROUPS, &mut |_, cold| {
                        cold.iter().try_for_each(|held| giving.give(window, &held.key, &held.state))
                    })?;
                    Ok(())
                }
                Which::Changed => {
                    let mut changed = groups.changed_within(panes).filter(|held| held.has_changed());
                    changed.try_for_each(|held| giving.give(window, &held.key, &held.state))
                }
            };
        }
        #[cfg(feature = "spill")]
        if groups.has_cold(panes.clone()) {
            return spill::give_merged(groups, (window, panes), which, &mut giving);
        }
        let merged = match which {
            Which::All => Merging::of(groups.within(panes)),
            Which::Changed => Merging::of(groups.changed_within(panes)),
        };
        merged.give(window, which == Which::All, &mut giving)
    }

    /// Mode append with windows: those that end in `(before, watermark]`.
    fn give_closing(&mut self, before: Option<Timestamp>, watermark: Timestamp, hand: &mut Hand<'_>) -> Result<()> {
        let mut windows = self.groups.windows(before, watermark).into_iter();
        windows.try_for_each(|window| self.give(window, Which::All, hand))
    }

    /// Mode update: the groups that have changed, of windows that were open.
    fn give_changed(&mut self, before: Option<Timestamp>, hand: &mut Hand<'_>) -> Result<()> {
        if !self.spec.window.is_windowed() {
            return self.give(EVER, Which::Changed, hand);
        }
        let mut windows = self.groups.changed_windows(before).into_iter();
        windows.try_for_each(|window| self.give(window, Which::Changed, hand))
    }

    /// Mode complete: all groups.
    fn give_all(&mut self, hand: &mut Hand<'_>) -> Result<()> {
        if !self.spec.window.is_windowed() {
            return self.give(EVER, Which::All, hand);
        }
        let mut windows = self.groups.windows(None, Timestamp::MAX).into_iter();
        windows.try_for_each(|window| self.give(window, Which::All, hand))
    }

    /// Forgets the groups that have ended; in mode append those without a window are given on, to `hand`, since they are final
    /// now.
    fn end_groups(&mut self, watermark: Option<Timestamp>, hand: Option<&mut Hand<'_>>) -> Result<()> {
        let Some(watermark) = watermark.filter(|_| self.mode != Mode::Complete) else { return Ok(()) };
        if self.spec.window.is_windowed() {
            self.removed += self.groups.drop_panes(watermark);
            return Ok(());
        }
        if !self.spec.window.has_ttl() {
            return Ok(());
        }
        let Self { groups, spec, emit, arena, .. } = self;
        let mut giving = hand.filter(|_| self.mode == Mode::Append).map(|hand| Giving {
            spec,
            emit,
            arena,
            hand,
            canonical: Vec::new(),
            given: 0,
        });
        let mut give = |ended: &[Held<K, A>]| {
            let Some(giving) = &mut giving else { return Ok(()) };
            ended.iter().try_for_each(|held| {
                let end = spec.window.ends(ALL_OF_TIME, held.last).unwrap_or(Timestamp::MAX);
                let window = Window { start: Timestamp::from_micros(held.last), end };
                giving.give(window, &held.key, &held.state)
            })
        };
        // First those on disk: one that is in memory as well is given on from there.
        #[cfg(feature = "spill")]
        {
            self.removed += groups.end_cold(watermark, |ended| give(&ended))?;
        }
        // Without the date a start would give a group that has ended a second life, and its rows a second time.
        let ended = groups.take_ended(watermark, |dated| {
            if self.log {
                self.changes.push(dated.key_group, dated.last, &dated.key, &dated.state);
            }
        });
        self.removed += ended.len() as u64;
        give(&ended)
    }
}

/// The window of groups that have none.
const EVER: Window = Window { start: Timestamp::MIN, end: Timestamp::MAX };

impl<K: Key, A: Finish, E: Emit<K, A>> KeyedSide for Reduce<K, A, E> {
    fn merge(&mut self, part: Part, closing: Option<Timestamp>) -> Result<()> {
        let part = part.downcast::<Partial<K, A>>().map_err(|_| broken(&self.spec))?;
        let windowed = self.spec.window.is_windowed();
        for (pane, entries) in part.panes {
            self.updated += entries.len() as u64;
            #[cfg(feature = "spill")]
            spill::thaw(&mut self.groups, entries.iter().map(|(key_group, _, key, _)| (*key_group, pane, key)))?;
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

    fn close(
        &mut self,
        plan: &EpochPlan,
        watermark: Option<Timestamp>,
        workers: usize,
        hand: &mut Hand<'_>,
    ) -> Result<(Output, u64)> {
        self.emit.begin(plan);
        match (self.mode, watermark) {
            (Mode::Append, Some(reached)) if self.spec.window.is_windowed() => {
                self.give_closing(plan.watermark, reached, hand)?;
            }
            // Without windows, groups are given on when they end.
            (Mode::Append, _) => {}
            (Mode::Update, _) => self.give_changed(plan.watermark, hand)?,
            (Mode::Complete, _) => self.give_all(hand)?,
        }
        self.groups.settle();
        self.end_groups(watermark, Some(hand))?;
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
        #[cfg(feature = "spill")]
        self.groups.cold_of(i64::MIN..i64::MAX, low..high.min(KEY_GROUPS), &mut |pane, cold| {
            for held in &cold {
                rows.push(held.key_group, self.place(pane, held), &held.key, &held.state);
            }
            Ok(())
        })?;
        rows.finish(&self.spec)
    }

    fn restore(&mut self, batches: &[RecordBatch], owns: &dyn Fn(u16) -> bool) -> Result<()> {
        let windowed = self.spec.window.is_windowed();
        let place = |place: i64| if windowed { (place, 0) } else { (ALL_OF_TIME, place) };
        let groups = &mut self.groups;
        batches.iter().try_for_each(|batch| {
            // What is on disk comes back first.
            #[cfg(feature = "spill")]
            if groups.codec.is_some() {
                let mut rows = Vec::new();
                read(&self.spec, batch, owns, |key_group, at, key: K, _: A| rows.push((key_group, place(at).0, key)))?;
                spill::thaw(groups, rows.iter().map(|(key_group, pane, key)| (*key_group, *pane, key)))?;
            }
            read(&self.spec, batch, owns, |key_group, at, key: K, state: A| {
                let (pane, last) = place(at);
                groups.add(pane, key_group, last, key, A::default, |own| *own = state);
            })
        })?;
        // Nothing of it has changed.
        self.groups.settle();
        Ok(())
    }

    fn restored(&mut self, watermark: Option<Timestamp>) -> Result<()> {
        self.groups.settle();
        let ended = self.end_groups(watermark, None);
        self.removed = 0;
        ended
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

    #[cfg(feature = "spill")]
    fn spill(
        &mut self,
        scratch: std::sync::Arc<crate::state::scratch::Scratch>,
        pulse: std::sync::Arc<super::pulse::Pulse>,
    ) -> Result<()> {
        self.groups.spill_to(self.spec.clone(), scratch, pulse)
    }

    #[cfg(feature = "spill")]
    fn evict(&mut self, bytes: u64) -> Result<()> {
        self.groups.evict(bytes)
    }

    #[cfg(feature = "spill")]
    fn spilled(&self) -> (u64, u64) {
        self.groups.spilled()
    }
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
