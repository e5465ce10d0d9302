//! Which older state files a commit keeps, so that a corrupt snapshot can be repaired from the one before.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Commit, OperatorFiles, StateFile};

/// Fills in the older generation of every operator of `next`, which follows `last`. Nothing can be repaired from snapshots that
/// are `damaged`: those before them stay.
pub(super) fn carry(last: Option<&Commit>, next: &mut Commit, key_groups: u16, damaged: &BTreeSet<String>) {
    let nothing = BTreeMap::new();
    let before = last.map_or(&nothing, |last| &last.operators);
    for (name, files) in &mut next.operators {
        if let Some(before) = before.get(name) {
            carry_operator(before, files, key_groups, damaged);
        }
    }
}

/// By key group the older snapshot: of those that were replaced the newest.
pub(super) fn older_by_group(previous: &[StateFile], key_groups: u16) -> Vec<Option<&StateFile>> {
    let of = |group: u16| previous.iter().filter(move |file| (file.lo..=file.hi).contains(&group));
    (0..key_groups).map(|group| of(group).max_by_key(|file| file.epoch)).collect()
}

fn carry_operator(before: &OperatorFiles, next: &mut OperatorFiles, key_groups: u16, damaged: &BTreeSet<String>) {
    let paths = |files: &[StateFile]| -> BTreeSet<String> { files.iter().map(|file| file.path.clone()).collect() };
    let has = paths(&next.snapshots);
    // A snapshot that was replaced is the older one of its key groups now. One that it had replaced itself goes when no key
    // group is left of which it is the older one: a snapshot of all key groups is replaced by those of stripes, one by one.
    let replaced = before.snapshots.iter().filter(|file| !has.contains(&file.path));
    let still = before.previous_snapshots.iter().filter(|file| !has.contains(&file.path));
    let sound = replaced.chain(still).filter(|file| !damaged.contains(&file.path));
    let candidates: Vec<StateFile> = sound.cloned().collect();
    let older = older_by_group(&candidates, key_groups);
    // Without an older snapshot, the older state of a key group is all changes from the beginning.
    let base: Vec<u64> = older.iter().map(|older| older.map_or(0, |older| older.epoch)).collect();
    next.previous_snapshots = candidates.iter().filter(|file| older.contains(&Some(file))).cloned().collect();
    let named = paths(&next.changelogs);
    let needed = |file: &&StateFile| {
        !named.contains(&file.path)
            && (file.lo..=file.hi).any(|group| base.get(usize::from(group)).is_none_or(|base| file.epoch > *base))
    };
    next.previous_changelogs =
        before.previous_changelogs.iter().chain(&before.changelogs).filter(needed).cloned().collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: u16 = 8;

    fn file(path: String, lo: u16, hi: u16, epoch: u64) -> StateFile {
        StateFile { lo, hi, epoch, path, len: 0, xxh3: String::new(), rows: 0 }
    }

    fn covers(file: &StateFile, group: u16) -> bool {
        (file.lo..=file.hi).contains(&group)
    }

    /// Whatever snapshots are taken when: of every key group there is an older state, as of the snapshot before or of the
    /// beginning, with every change since.
    #[test]
    fn the_older_state_of_every_key_group_is_whole() {
        let mut random = 20_261_123_u64;
        let mut below = |limit: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % limit
        };
        let (mut files, mut whole) = (OperatorFiles::default(), true);
        // By key group, the epochs of its snapshots.
        let mut taken = vec![Vec::new(); usize::from(GROUPS)];
        for epoch in 1..2_000 {
            // What the engine does.
            let newest = |group| files.snapshots.iter().filter(|file| covers(file, group)).map(|file| file.epoch).max();
            let oldest = (0..GROUPS).map(|group| newest(group).unwrap_or(0)).min().unwrap_or(0);
            let (snapshots, mut changelogs) = (files.snapshots.clone(), files.changelogs.clone());
            changelogs.retain(|changes| changes.epoch > oldest);
            let mut next = OperatorFiles { snapshots, changelogs, ..Default::default() };
            next.changelogs.push(file(format!("c{epoch}"), 0, GROUPS - 1, epoch));
            let ranges: Vec<(u16, u16)> = match (below(5), whole) {
                (0, true) => vec![(0, GROUPS - 1)],
                (1, true) => {
                    whole = below(3) > 0;
                    if whole {
                        Vec::new()
                    } else {
                        (0..GROUPS / 2).map(|stripe| (stripe * 2, stripe * 2 + 1)).collect()
                    }
                }
                (0..=2, false) => {
                    let stripe = below(u64::from(GROUPS) / 2) as u16;
                    vec![(stripe * 2, stripe * 2 + 1)]
                }
                (3, false) => {
                    whole = below(4) == 0;
                    if whole { vec![(0, GROUPS - 1)] } else { Vec::new() }
                }
                _ => Vec::new(),
            };
            for (lo, hi) in ranges {
                let snapshot = file(format!("s{epoch}-{lo}"), lo, hi, epoch);
                next.snapshots.retain(|older| !older.overlaps(&snapshot));
                next.snapshots.push(snapshot);
                (lo..=hi).for_each(|group| taken[usize::from(group)].push(epoch));
            }
            carry_operator(&files, &mut next, GROUPS, &BTreeSet::new());
            let older = older_by_group(&next.previous_snapshots, GROUPS);
            for (group, taken) in taken.iter().enumerate() {
                let expected = taken.iter().rev().nth(1).copied();
                assert_eq!(older[group].map(|file| file.epoch), expected, "epoch {epoch}, key group {group}");
                let there: BTreeSet<u64> =
                    next.changelogs.iter().chain(&next.previous_changelogs).map(|file| file.epoch).collect();
                let missing = (expected.unwrap_or(0) + 1..=epoch).find(|of| !there.contains(of));
                assert_eq!(missing, None, "epoch {epoch}, key group {group}");
            }
            // What nobody needs is not kept: two generations of snapshots, and of changes no more than since the oldest.
            assert!(next.previous_snapshots.iter().all(|file| older.contains(&Some(file))));
            let deepest = older.iter().map(|older| older.map_or(0, |older| older.epoch)).min().unwrap_or(0);
            assert!(next.previous_changelogs.iter().all(|file| file.epoch > deepest));
            files = next;
        }
        assert!(taken.iter().all(|taken| taken.len() > 100));
    }
    /// A snapshot that was repaired is none to repair from: the one before it is the older one of its key groups still, with
    /// every change since.
    #[test]
    fn a_damaged_snapshot_is_not_carried() {
        let whole = |name: &str, epoch| file(name.to_owned(), 0, GROUPS - 1, epoch);
        let mut next = OperatorFiles { snapshots: vec![whole("s60", 60)], ..Default::default() };
        let before = OperatorFiles {
            snapshots: vec![whole("s40", 40)],
            changelogs: vec![whole("c41", 41)],
            previous_snapshots: vec![whole("s20", 20)],
            previous_changelogs: vec![whole("c30", 30)],
            ..Default::default()
        };
        carry_operator(&before, &mut next, GROUPS, &BTreeSet::from(["s40".to_owned()]));
        assert_eq!(next.previous_snapshots, [whole("s20", 20)]);
        assert_eq!(next.previous_changelogs, [whole("c30", 30), whole("c41", 41)]);
    }
}
