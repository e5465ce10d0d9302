//! Which older state files a commit keeps, so that a corrupt snapshot can be repaired from the one before.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Commit, OperatorFiles, StateFile};

/// Fills in the older generation of every operator of `next`, which follows `last`.
pub(super) fn carry(last: Option<&Commit>, next: &mut Commit, key_groups: u16) {
    let nothing = BTreeMap::new();
    let before = last.map_or(&nothing, |last| &last.operators);
    for (name, files) in &mut next.operators {
        if let Some(before) = before.get(name) {
            carry_operator(before, files, key_groups);
        }
    }
}

fn carry_operator(before: &OperatorFiles, next: &mut OperatorFiles, key_groups: u16) {
    let paths = |files: &[StateFile]| -> BTreeSet<String> { files.iter().map(|file| file.path.clone()).collect() };
    let (had, has) = (paths(&before.snapshots), paths(&next.snapshots));
    let new: Vec<&StateFile> = next.snapshots.iter().filter(|file| !had.contains(&file.path)).collect();
    // A snapshot that was replaced is the older one of its key groups now; what it had replaced itself can go.
    let replaced = before.snapshots.iter().filter(|file| !has.contains(&file.path));
    let still = before.previous_snapshots.iter().filter(|old| !new.iter().any(|new| new.overlaps(old)));
    next.previous_snapshots = replaced.chain(still).cloned().collect();
    // Without an older snapshot, the older state of a key group is all changes from the beginning.
    let base: Vec<u64> = (0..key_groups)
        .map(|group| {
            let covering = next.previous_snapshots.iter().filter(|file| (file.lo..=file.hi).contains(&group));
            covering.map(|file| file.epoch).min().unwrap_or(0)
        })
        .collect();
    let named = paths(&next.changelogs);
    let needed = |file: &&StateFile| {
        !named.contains(&file.path)
            && (file.lo..=file.hi).any(|group| base.get(usize::from(group)).is_none_or(|base| file.epoch > *base))
    };
    next.previous_changelogs =
        before.previous_changelogs.iter().chain(&before.changelogs).filter(needed).cloned().collect();
}
