//! When which state is written whole.

use crate::operator::key::KEY_GROUPS;
use crate::operator::keyed::{STRIPES, stripe_len};
use crate::store::simulated::Scale;

/// Epochs between two snapshots of the same key groups: a start reads no more changes than these.
const ROUND: u64 = 20;
/// Bytes of state below which a snapshot is one file, rather than a file per stripe.
const SMALL: u64 = 4 << 20;

/// Decides when which state is written whole: a small one at once every round; a large one stripe by stripe, each in its
/// turn, so that no epoch has to write all of it.
#[derive(Debug, Clone)]
pub(crate) struct Snapshots {
    /// Epochs between two snapshots of the same key groups.
    round: u64,
    /// Bytes of state below which a snapshot is one file.
    small: u64,
    /// Whether the state in the checkpoint is by stripe.
    pub striped: bool,
    /// The bytes of state after the last epoch.
    pub bytes: u64,
    /// The ranges whose snapshots are corrupt, to be taken anew at once.
    pub again: Vec<(u16, u16)>,
}

impl Snapshots {
    pub(crate) fn new(striped: bool, scale: Scale) -> Self {
        let (round, small) = (scale.round.unwrap_or(ROUND), scale.large.unwrap_or(SMALL));
        Self { round, small, striped, bytes: 0, again: Vec::new() }
    }

    /// The ranges of key groups that are due in an epoch, each from its first up to but without its last.
    pub(crate) fn due(&mut self, epoch: u64) -> Vec<(u16, u16)> {
        let stripe = |number: u64| (number as u16 * stripe_len(), (number as u16 + 1) * stripe_len());
        let turn = epoch % self.round;
        let again = std::mem::take(&mut self.again);
        let mut due = match (self.bytes < self.small, self.striped) {
            (true, _) if turn == 0 => {
                self.striped = false;
                vec![(0, KEY_GROUPS)]
            }
            // Snapshots never overlap, so all stripes take the place of the one file together.
            (false, false) if turn == 0 => {
                self.striped = true;
                (0..STRIPES as u64).map(stripe).collect()
            }
            (false, true) => (0..STRIPES as u64).filter(|number| number % self.round == turn).map(stripe).collect(),
            (true, _) | (false, false) => Vec::new(),
        };
        for (low, high) in again {
            if !due.iter().any(|(from, to)| low < *to && *from < high) {
                due.push((low, high));
            }
        }
        due
    }
}
