//! A piece of one partition: records, one after the other.

use std::any::Any;

use serde_json::Value;

/// Consecutive records of one partition of a source, their payloads side by side in one buffer.
///
/// A chunk is what the engine hands to a worker; it is never split between epochs, so the position after it is all that
/// a checkpoint needs to know.
pub struct Chunk {
    /// The partition, by the number its source gave it for this run.
    pub partition: u32,
    /// The payloads.
    pub data: Vec<u8>,
    /// Where each payload begins and ends in `data`.
    pub spans: Vec<(u32, u32)>,
    /// What else the source knows of the records; its [`Source::Meta`](super::Source::Meta).
    pub meta: Box<dyn Any + Send + Sync>,
    /// The position of the partition after the last record: where the next run goes on.
    pub end: Value,
    /// A number that is the same for the partition in every run, such as [`order_of`](super::order_of) its id.
    pub order: u32,
    /// A number for the first record that grows by at least one with every record of the partition, over all runs. With
    /// `order` it decides between rows of the same event time.
    pub first: u64,
}

impl Chunk {
    /// A chunk of these payloads, of partition 0 and without anything else.
    #[must_use]
    pub fn of(payloads: &[Vec<u8>], first: u64) -> Self {
        let (mut data, mut spans) = (Vec::new(), Vec::new());
        for payload in payloads {
            let start = data.len() as u32;
            data.extend_from_slice(payload);
            spans.push((start, data.len() as u32));
        }
        Self { partition: 0, data, spans, meta: Box::new(()), end: Value::Null, order: 0, first }
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The payload of record `index`; empty when there is no such record.
    #[inline]
    #[must_use]
    pub fn payload(&self, index: usize) -> &[u8] {
        let Some(&(start, end)) = self.spans.get(index) else { return &[] };
        self.data.get(start as usize..end as usize).unwrap_or(&[])
    }
}
