//! When which state is written whole.

use crate::operator::key::KEY_GROUPS;
use crate::operator::keyed::{STRIPES, stripe_len};
use crate::store::simulated::Scale;

/// Epochs between two snapshots of the same key groups: a start reads no more changes than these.
const ROUND: u64 = 20;
/// Bytes of state below which a snapshot is one file, rather than a file per stripe.
const SMALL: u64 = 4 << 20;

/// Decides when which state is written whole: a small one at once every round; a large one stripe by stripe, each in its
/// turn, so that no epoch has to write all of it. Of state that memory has no room for a key group in each epoch: what is written is in
/// memory before.
#[derive(Debug, Clone)]
pub(crate) struct Snapshots {
    /// Epochs between two snapshots of the same key groups.
    round: u64,
    /// Bytes of state below which a snapshot is one file.
    small: u64,
    /// Whether the state in the checkpoint is by stripe.
    pub striped: bool,
    /// Of which stripes it is by key group.
    fine: [bool; STRIPES],
    /// The epoch of the last snapshot of each key group.
    taken: Vec<u64>,
    /// The bytes of state after the last epoch.
    pub bytes: u64,
    /// Whether some of it is on disk.
    pub spilled: bool,
    /// The ranges whose snapshots are corrupt, to be taken anew at once.
    pub again: Vec<(u16, u16)>,
}

/// The key groups of a stripe, from the first up to but without the last.
fn stripe(number: usize) -> (u16, u16) {
    (number as u16 * stripe_len(), (number as u16 + 1) * stripe_len())
}

impl Snapshots {
    pub(crate) fn new(striped: bool, fine: [bool; STRIPES], mut taken: Vec<u64>, scale: Scale) -> Self {
        taken.resize(KEY_GROUPS.into(), 0);
        let (round, small) = (scale.round.unwrap_or(ROUND), scale.large.unwrap_or(SMALL));
        Self { round, small, striped, fine, taken, bytes: 0, spilled: false, again: Vec::new() }
    }

    /// The ranges of key groups that are due in an epoch, each from its first up to but without its last.
    pub(crate) fn due(&mut self, epoch: u64) -> Vec<(u16, u16)> {
        let again = std::mem::take(&mut self.again);
        let mut due = self.in_turn(epoch);
        for (low, high) in again {
            if !due.iter().any(|(from, to)| low < *to && *from < high) {
                due.push((low, high));
            }
        }
        for &(low, high) in &due {
            self.taken[usize::from(low)..usize::from(high)].fill(epoch);
        }
        due
    }

    fn in_turn(&mut self, epoch: u64) -> Vec<(u16, u16)> {
        let turn = epoch % self.round;
        let is_small = self.bytes < self.small;
        // Snapshots never overlap, so all stripes take the place of the one file together, and all key groups of a stripe that of
        // its file.
        if !self.striped && !is_small && (turn == 0 || self.spilled) {
            (self.striped, self.fine) = (true, [false; STRIPES]);
            return (0..STRIPES).map(stripe).collect();
        }
        if self.striped && self.spilled {
            // One stripe an epoch, while each of them is small.
            if let Some(number) = self.fine.iter().position(|fine| !fine) {
                self.fine[number] = true;
                let (low, high) = stripe(number);
                return (low..high).map(|group| (group, group + 1)).collect();
            }
            // The one that has waited longest, or one may never have its turn while state goes to disk and comes back.
            let oldest = (0..KEY_GROUPS).zip(&self.taken).min_by_key(|(_, taken)| **taken);
            return oldest.map(|(group, _)| (group, group + 1)).into_iter().collect();
        }
        match (is_small, self.striped) {
            (true, _) if turn == 0 => {
                (self.striped, self.fine) = (false, [false; STRIPES]);
                vec![(0, KEY_GROUPS)]
            }
            (false, true) => {
                let due: Vec<usize> = (0..STRIPES).filter(|number| *number as u64 % self.round == turn).collect();
                due.into_iter()
                    .map(|number| {
                        self.fine[number] = false;
                        stripe(number)
                    })
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ranges that were taken last, none of which overlaps another, after some epochs of a state of so many bytes.
    fn taken(of: &mut Snapshots, files: &mut Vec<(u16, u16)>, epochs: std::ops::Range<u64>) {
        for epoch in epochs {
            let due = of.due(epoch);
            // As the log does it: a snapshot goes when those taken now have all of its key groups, and one that overlaps what stays
            // is not taken.
            files.retain(|&(low, high)| {
                !(low..high).all(|group| due.iter().any(|&(from, to)| (from..to).contains(&group)))
            });
            let stays = files.clone();
            assert!(
                !due.iter().any(|of| stays.iter().any(|file| of.0 < file.1 && file.0 < of.1)),
                "{due:?}: {stays:?}"
            );
            files.extend(due);
        }
        files.sort_unstable();
    }

    #[test]
    fn state_that_is_spilled_is_written_key_group_by_key_group_and_back() {
        let (mut of, mut files) = (Snapshots::new(false, [false; STRIPES], Vec::new(), Scale::default()), Vec::new());
        taken(&mut of, &mut files, 1..30);
        assert_eq!(files, [(0, KEY_GROUPS)]);
        (of.bytes, of.spilled) = (SMALL, true);
        taken(&mut of, &mut files, 31..32);
        assert_eq!(files, (0..STRIPES).map(stripe).collect::<Vec<_>>());
        taken(&mut of, &mut files, 32..32 + 17);
        assert_eq!(files, (0..KEY_GROUPS).map(|group| (group, group + 1)).collect::<Vec<_>>());
        // One each epoch, all in a round.
        assert_eq!((60..188).flat_map(|epoch| of.due(epoch)).collect::<std::collections::BTreeSet<_>>().len(), 128);
        // Whenever it is on disk: a key group that is never in turn would be one whose changes a start has to read all of.
        for epoch in 188..188 + 256 {
            of.spilled = epoch % 2 == 0;
            taken(&mut of, &mut files, epoch..epoch + 1);
        }
        of.spilled = true;
        taken(&mut of, &mut files, 444..444 + 16 + 128);
        assert!(of.taken.iter().all(|taken| *taken >= 444 && *taken < 444 + 144), "{:?}", of.taken);
        of.spilled = false;
        taken(&mut of, &mut files, 600..620);
        assert_eq!(files, (0..STRIPES).map(stripe).collect::<Vec<_>>());
        of.bytes = 0;
        taken(&mut of, &mut files, 620..640);
        assert_eq!(files, [(0, KEY_GROUPS)]);
    }
}
