//! The watermark: per partition, the slowest counts.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::source::PartitionProgress;
use crate::time::Timestamp;

/// What is known of each partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Partitions {
    known: BTreeMap<String, Known>,
    /// The id of each number of this run.
    numbers: BTreeMap<u32, String>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    max_event_time: Option<Timestamp>,
    drained: bool,
    idle: bool,
}

impl Partitions {
    /// A partition as a checkpoint knew it.
    pub(crate) fn restore(&mut self, id: &str, max_event_time: Option<Timestamp>, drained: bool) {
        self.known.insert(id.to_owned(), Known { max_event_time, drained, idle: false });
    }

    /// What a fetch said. Gives whether a partition went on or has come to its end; one that ended earlier is no news.
    pub(crate) fn progress(&mut self, partitions: &[PartitionProgress]) -> bool {
        let mut moved = false;
        for partition in partitions {
            self.numbers.insert(partition.partition, partition.id.clone());
            let known = self.known.entry(partition.id.clone()).or_default();
            moved |= partition.from != partition.to || partition.drained != known.drained;
            known.drained = partition.drained;
            // What came in this epoch moves the watermark, also if the partition has been read to its end by now.
            known.idle = partition.idle && partition.from == partition.to;
        }
        moved
    }

    /// Partitions that nobody needs to remember: they hold nothing back any more.
    pub(crate) fn forget(&mut self, ids: &[String]) {
        self.known.retain(|id, _| !ids.contains(id));
        self.numbers.retain(|_, id| !ids.contains(id));
    }

    /// The latest event time that came from a partition.
    pub(crate) fn observe(&mut self, partition: u32, time: Timestamp) {
        let Some(id) = self.numbers.get(&partition) else { return };
        if let Some(known) = self.known.get_mut(id) {
            known.max_event_time = known.max_event_time.max(Some(time));
        }
    }

    /// The latest event time of a partition.
    pub(crate) fn max_event_time(&self, id: &str) -> Option<Timestamp> {
        self.known.get(id).and_then(|known| known.max_event_time)
    }

    /// The watermark that follows: `delay` behind the slowest partition that is neither drained nor idle. One of these
    /// that gave nothing yet holds it where it is; when all are drained, nobody can be behind, and the latest counts.
    /// It never goes back.
    pub(crate) fn watermark(&self, delay: Duration, before: Option<Timestamp>) -> Option<Timestamp> {
        let mut slowest = Some(Timestamp::MAX);
        let mut open = false;
        for known in self.known.values().filter(|known| !known.drained && !known.idle) {
            open = true;
            slowest = slowest.min(known.max_event_time);
        }
        let reached = if open {
            slowest
        } else if self.known.values().all(|known| known.drained) {
            self.known.values().filter_map(|known| known.max_event_time).max()
        } else {
            None
        };
        before.max(reached.map(|reached| reached - delay))
    }
}
