//! What was read of the rows of millstream's own sinks, to leave out what is delivered again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::kpl::{Aggregate, Stamp};

/// The most producers that are remembered for a shard: those that were read from last.
const PRODUCERS: usize = 32;

/// By the producer's digest: the last epoch that was read of it, and how far in each lane.
///
/// A sink delivers one epoch after the other, so everything of an earlier epoch is a repeat, and so is what comes before
/// the number in its lane. In a checkpoint `{"0123..": {"epoch": 17, "next": {"3": 120}, "at": 4711}}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Seen(BTreeMap<String, Lanes>);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Lanes {
    epoch: u64,
    /// The number of the next row of each lane.
    next: BTreeMap<u32, u64>,
    /// When it was read from, counted in records of the shard.
    at: u64,
}

impl Seen {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many records at the beginning of an aggregate were read before.
    pub(super) fn repeated(&self, aggregate: &Aggregate<'_>) -> usize {
        let Some(stamp) = aggregate.stamp() else { return 0 };
        let Some(lanes) = self.0.get(&name(&stamp)) else { return 0 };
        if stamp.epoch < lanes.epoch {
            return aggregate.len();
        }
        let next = lanes.next.get(&stamp.lane).filter(|_| stamp.epoch == lanes.epoch).copied().unwrap_or(0);
        usize::try_from(next.saturating_sub(stamp.first)).unwrap_or(usize::MAX).min(aggregate.len())
    }

    /// An aggregate was read, when so many records of the shard had been.
    pub(super) fn took(&mut self, aggregate: &Aggregate<'_>, at: u64) {
        let Some(stamp) = aggregate.stamp() else { return };
        let lanes = self.0.entry(name(&stamp)).or_default();
        if stamp.epoch > lanes.epoch {
            *lanes = Lanes { epoch: stamp.epoch, ..Lanes::default() };
        }
        if stamp.epoch == lanes.epoch {
            let next = lanes.next.entry(stamp.lane).or_default();
            *next = (*next).max(stamp.first.saturating_add(aggregate.len() as u64));
        }
        lanes.at = at;
        if self.0.len() > PRODUCERS {
            let oldest = self.0.iter().min_by_key(|(_, lanes)| lanes.at).map(|(name, _)| name.clone());
            oldest.and_then(|name| self.0.remove(&name));
        }
    }

    /// What a parent has read its children must not read again: rows of one key are delivered again to a child.
    pub(super) fn inherit(&mut self, parent: &Self) {
        for (name, of_parent) in &parent.0 {
            let lanes = self.0.entry(name.clone()).or_default();
            if of_parent.epoch > lanes.epoch {
                *lanes = Lanes { at: lanes.at, ..of_parent.clone() };
            } else if of_parent.epoch == lanes.epoch {
                for (lane, next) in &of_parent.next {
                    let own = lanes.next.entry(*lane).or_default();
                    *own = (*own).max(*next);
                }
            }
        }
    }
}

fn name(stamp: &Stamp) -> String {
    format!("{:032x}", stamp.producer)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails is meant to panic")]
mod tests {
    use super::super::kpl::{open, pack};
    use super::*;

    fn stamp(producer: u128, epoch: u64, lane: u32, first: u64) -> Stamp {
        Stamp { producer, epoch, lane, first }
    }

    /// How many of `count` rows are repeats; they are read then.
    fn read(seen: &mut Seen, stamp: Stamp, count: usize) -> usize {
        let packed = pack("k", Some("12"), Some(&stamp), std::iter::repeat_n(&b"x"[..], count));
        let aggregate = open(&packed).unwrap();
        assert_eq!((aggregate.stamp(), aggregate.len()), (Some(stamp), count));
        assert!(aggregate.records().all(|user| user.explicit_hash_key == Some("12") && user.partition_key == "k"));
        let repeated = seen.repeated(&aggregate);
        seen.took(&aggregate, stamp.epoch);
        repeated
    }

    #[test]
    fn repeats_are_those_of_the_same_lane_and_of_earlier_epochs() {
        let mut seen = Seen::default();
        for (row, count, repeated) in [
            (stamp(1, 5, 0, 0), 3, 0),
            (stamp(1, 5, 1, 0), 2, 0),
            (stamp(1, 5, 0, 0), 3, 3),
            // Packed in another way the second time.
            (stamp(1, 5, 0, 2), 4, 1),
            (stamp(1, 5, 1, 2), 1, 0),
            (stamp(2, 5, 0, 0), 1, 0),
            (stamp(1, 6, 7, 0), 1, 0),
            (stamp(1, 5, 3, 0), 9, 9),
            (stamp(1, 6, 0, 0), 1, 0),
        ] {
            assert_eq!(read(&mut seen, row, count), repeated, "{row:?}");
        }
        let text = serde_json::to_string(&seen).unwrap();
        assert_eq!(serde_json::from_str::<Seen>(&text).unwrap(), seen);
        // A child of two shards knows what both have read.
        let mut other = Seen::default();
        read(&mut other, stamp(1, 6, 0, 0), 5);
        read(&mut other, stamp(2, 4, 0, 0), 5);
        let mut child = Seen::default();
        child.inherit(&seen);
        child.inherit(&other);
        assert_eq!(read(&mut child, stamp(1, 6, 0, 0), 6), 5);
        assert_eq!(read(&mut child, stamp(1, 6, 7, 0), 1), 1);
        assert_eq!(read(&mut child, stamp(2, 5, 0, 0), 2), 1);
    }

    #[test]
    fn producers_of_long_ago_are_forgotten() {
        let mut seen = Seen::default();
        for producer in 1..=40 {
            read(&mut seen, stamp(producer, producer as u64, 0, 0), 1);
        }
        assert_eq!((seen.0.len(), read(&mut seen, stamp(40, 40, 0, 0), 1)), (PRODUCERS, 1));
        assert_eq!(read(&mut seen, stamp(1, 1, 0, 0), 1), 0);
    }
}
