//! Giving groups on: each with the results of its aggregates, those of several panes put together first.

use std::collections::HashMap;

use bumpalo::Bump;

use super::{Emit, KeyedSpec, at_group};
use crate::Result;
use crate::agg::Finish;
use crate::operator::chain::Hand;
use crate::operator::held::Held;
use crate::operator::key::Key;
use crate::operator::keyed::Group;
use crate::operator::window::Window;

/// Groups after which the rows that they have made go to the sink: windows may have more of them than memory has room for rows.
const PIECE: usize = 8_192;

/// Where groups are given on to.
pub(super) struct Giving<'r, 'h, E> {
    pub(super) spec: &'r KeyedSpec,
    pub(super) emit: &'r mut E,
    pub(super) arena: &'r mut Bump,
    pub(super) hand: &'r mut Hand<'h>,
    pub(super) canonical: Vec<u8>,
    pub(super) given: usize,
}

impl<E> Giving<'_, '_, E> {
    /// Gives a group on.
    pub(super) fn give<K: Key, A: Finish>(&mut self, window: Window, key: &K, state: &A) -> Result<()>
    where
        E: Emit<K, A>,
    {
        let values = state.finish(self.arena).map_err(|error| at_group(self.spec, window, error))?;
        let number = number(key, window, &mut self.canonical);
        self.emit.group(Group { key: key.key_ref(), window, values, number }, self.arena);
        self.given += 1;
        if self.given == PIECE {
            self.given = 0;
            (self.hand)(self.emit.ready()?)?;
            self.arena.reset();
        }
        Ok(())
    }
}

/// The number of a group.
fn number<K: Key>(key: &K, window: Window, canonical: &mut Vec<u8>) -> u64 {
    canonical.clear();
    canonical.extend_from_slice(&window.start.micros().to_le_bytes());
    key.canonical(canonical);
    xxhash_rust::xxh3::xxh3_64(canonical)
}

/// A group of several panes.
struct Merged<'g, K, A> {
    key: Whose<'g, K>,
    state: A,
    changed: bool,
}

/// A key that is in memory, or one that was read.
enum Whose<'g, K> {
    Ours(&'g K),
    #[cfg(feature = "spill")]
    Read(K),
}

impl<K> Whose<'_, K> {
    fn get(&self) -> &K {
        match self {
            Self::Ours(key) => key,
            #[cfg(feature = "spill")]
            Self::Read(key) => key,
        }
    }
}

/// Puts the panes' parts of each group together, by the hash of its key.
pub(super) struct Merging<'g, K, A>(HashMap<u64, Vec<Merged<'g, K, A>>>);

impl<'g, K: Key, A: Finish> Merging<'g, K, A> {
    pub(super) fn of(parts: impl Iterator<Item = &'g Held<K, A>>) -> Self {
        let mut merging = Self(HashMap::new());
        parts.for_each(|held| {
            merging.add(held.hash(), Whose::Ours(&held.key), held.has_changed(), || held.state.clone());
        });
        merging
    }

    fn add(&mut self, hash: u64, key: Whose<'g, K>, changed: bool, state: impl FnOnce() -> A) {
        let same = self.0.entry(hash).or_default();
        match same.iter_mut().find(|merged| merged.key.get().equals(key.get())) {
            Some(merged) => {
                merged.state.merge(state());
                merged.changed |= changed;
            }
            None => same.push(Merged { key, state: state(), changed }),
        }
    }

    /// Adds a part that was read from disk.
    #[cfg(feature = "spill")]
    pub(super) fn add_read(&mut self, held: Held<K, A>) {
        self.add(held.hash, Whose::Read(held.key), false, || held.state);
    }

    /// Gives the groups on, `all` or those that have changed.
    pub(super) fn give<E: Emit<K, A>>(self, window: Window, all: bool, to: &mut Giving<'_, '_, E>) -> Result<()> {
        let mut due = self.0.values().flatten().filter(|merged| all || merged.changed);
        due.try_for_each(|Merged { key, state, .. }| to.give(window, key.get(), state))
    }
}
