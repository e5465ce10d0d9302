//! A keyed stage some of whose groups are on disk.

use std::ops::Range;

use super::give::{Giving, Merging};
use super::*;

/// Gives a window on that is of several panes, some of which have groups on disk: some key groups at a time, so that only so much
/// is in memory.
pub(super) fn give_merged<K: Key, A: Finish, E: Emit<K, A>>(
    groups: &Groups<K, A>,
    (window, panes): (Window, Range<i64>),
    which: Which,
    to: &mut Giving<'_, '_, E>,
) -> Result<()> {
    let mut changed: Vec<Vec<&Held<K, A>>> = Vec::new();
    if which == Which::Changed {
        changed.resize_with(KEY_GROUPS.into(), Vec::new);
        for held in groups.changed_within(panes.clone()) {
            changed[usize::from(held.key_group)].push(held);
        }
    }
    for grain in groups.grains(panes.clone()) {
        let mut read = Vec::new();
        let mut merging = match which {
            Which::All => {
                let hot = groups.of(grain.clone()).filter(|(pane, _)| panes.contains(pane));
                groups.cold_of(panes.clone(), grain.clone(), &mut |_, cold| {
                    read.extend(cold);
                    Ok(())
                })?;
                Merging::of(hot.map(|(_, held)| held))
            }
            Which::Changed => {
                let changed = &changed[usize::from(grain.start)..usize::from(grain.end)];
                let merging = Merging::of(changed.iter().flatten().copied());
                for (&pane, _) in groups.panes.range(panes.clone()) {
                    let keys = changed.iter().flatten().map(|held| (held.key_group, &held.key));
                    groups.look_up(pane, keys, |cold| {
                        read.extend(cold);
                        Ok(())
                    })?;
                }
                merging
            }
        };
        read.into_iter().for_each(|held| merging.add_read(held));
        merging.give(window, which == Which::All, to)?;
    }
    Ok(())
}

/// Brings those of `rows` back to memory that are on disk: key group, pane, and key of each.
pub(super) fn thaw<'k, K: Key, A: Finish>(
    groups: &mut Groups<K, A>,
    rows: impl Iterator<Item = (u16, i64, &'k K)>,
) -> Result<()> {
    if groups.codec.is_none() {
        return Ok(());
    }
    let mut by_pane = std::collections::BTreeMap::<i64, Vec<(u16, &K)>>::new();
    rows.for_each(|(key_group, pane, key)| by_pane.entry(pane).or_default().push((key_group, key)));
    by_pane.into_iter().try_for_each(|(pane, keys)| groups.thaw(pane, keys.into_iter()))
}

#[cfg(test)]
mod tests;
