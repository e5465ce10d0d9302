//! The watermark: per partition, the slowest counts.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::source::PartitionProgress;
use crate::time::Timestamp;

/// The partition for which the watermark waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub id: String,
    pub max_event_time: Option<Timestamp>,
    /// How far it is behind the partition in the lead.
    pub behind: Option<Duration>,
}

/// What is known of each partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Partitions {
    known: BTreeMap<String, Known>,
    /// The id of each number of this run.
    numbers: BTreeMap<u32, String>,
    /// The latest event time of all, also of those that were forgotten in the epoch in which it came.
    lead: Option<Timestamp>,
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
        self.lead = self.lead.max(max_event_time);
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
        self.lead = self.lead.max(Some(time));
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
    /// that gave nothing yet holds it where it is. When all are drained or idle, everything there is has been read and none
    /// holds the others, so the latest counts; otherwise it would matter whether they fell silent together or the slowest
    /// first. It never goes back.
    pub(crate) fn watermark(&self, delay: Duration, before: Option<Timestamp>) -> Option<Timestamp> {
        let mut slowest = Some(Timestamp::MAX);
        let mut open = false;
        for known in self.known.values().filter(|known| !known.drained && !known.idle) {
            open = true;
            slowest = slowest.min(known.max_event_time);
        }
        let reached = if open { slowest } else { self.lead };
        before.max(reached.map(|reached| reached - delay))
    }

    /// The partition that [`Self::watermark`] goes by, unless it goes by none.
    pub(crate) fn holder(&self) -> Option<Holder> {
        let open = self.known.iter().filter(|(_, known)| !known.drained && !known.idle);
        let (id, holder) = open.min_by_key(|(_, known)| known.max_event_time)?;
        let behind = self.lead.zip(holder.max_event_time).map(|(lead, own)| lead.micros().saturating_sub(own.micros()));
        Some(Holder {
            id: id.clone(),
            max_event_time: holder.max_event_time,
            behind: behind.map(|micros| Duration::from_micros(micros.unsigned_abs())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(id: &str, number: u32, idle: bool) -> PartitionProgress {
        PartitionProgress { partition: number, id: id.to_owned(), idle, ..PartitionProgress::default() }
    }

    #[test]
    fn the_holder_is_the_partition_that_the_watermark_goes_by() {
        let (mut partitions, second) =
            (Partitions::default(), |second: i64| Timestamp::from_micros(second * 1_000_000));
        let delay = Duration::from_secs(10);
        assert_eq!(partitions.holder(), None);
        partitions.progress(&[at("a", 0, false), at("b", 1, false)]);
        partitions.observe(0, second(100));
        // One that gave nothing holds it, and there is no saying how far it is behind.
        let silent = Holder { id: "b".to_owned(), max_event_time: None, behind: None };
        assert_eq!((partitions.holder(), partitions.watermark(delay, None)), (Some(silent), None));
        partitions.observe(1, second(40));
        let slow =
            Holder { id: "b".to_owned(), max_event_time: Some(second(40)), behind: Some(Duration::from_secs(60)) };
        assert_eq!((partitions.holder(), partitions.watermark(delay, None)), (Some(slow), Some(second(30))));
        // Once it is idle the other is waited for.
        partitions.progress(&[at("a", 0, false), at("b", 1, true)]);
        assert_eq!(partitions.holder().map(|holder| holder.id).as_deref(), Some("a"));
        assert_eq!(partitions.watermark(delay, None), Some(second(90)));
        partitions.progress(&[at("a", 0, true)]);
        assert_eq!(partitions.holder(), None);
    }

    #[test]
    fn partitions_that_fall_silent_together_hold_each_other_no_more_than_one_after_the_other() {
        let second = |second: i64| Timestamp::from_micros(second * 1_000_000);
        let (delay, orders) =
            (Duration::from_secs(10), [vec![["a", "b"]], vec![["b", "b"], ["a", "a"]], vec![["a", "a"], ["b", "b"]]]);
        for order in orders {
            let mut partitions = Partitions::default();
            partitions.progress(&[at("a", 0, false), at("b", 1, false), at("silent", 2, true)]);
            partitions.observe(0, second(100));
            partitions.observe(1, second(40));
            let mut watermark = partitions.watermark(delay, None);
            assert_eq!(watermark, Some(second(30)));
            for silent in &order {
                let number = |id: &str| u32::from(id == "b");
                partitions.progress(&silent.map(|id| at(id, number(id), true)));
                watermark = partitions.watermark(delay, watermark);
            }
            assert_eq!(watermark, Some(second(90)), "{order:?}");
            // Who comes back does not take it back.
            partitions.progress(&[at("b", 1, false)]);
            assert_eq!(partitions.watermark(delay, watermark), Some(second(90)));
        }
    }

    #[test]
    fn who_is_forgotten_counts_for_the_lead() {
        let (delay, second) = (Duration::from_secs(10), |second: i64| Timestamp::from_micros(second * 1_000_000));
        for known in [false, true] {
            let mut partitions = Partitions::default();
            if known {
                partitions.progress(&[at("a", 0, false)]);
            }
            // It was read to its end and forgotten in the epoch of its rows, so nothing more is said of it.
            partitions.progress(&[at("b", 1, true)]);
            partitions.observe(0, second(100));
            partitions.observe(1, second(40));
            partitions.forget(&["a".to_owned()]);
            assert_eq!(partitions.watermark(delay, None), Some(second(90)), "{known}");
        }
    }
}
