//! The open source: how many records are due, and of which partition.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Pace, Rate, RateMeta};
use crate::error::{Error, Kind};
use crate::source::{
    BoxFuture, Buffers, Chunk, ChunkSender, Feed, Fetched, Limits, PartitionProgress, Resume, order_of,
};
use crate::time::Timestamp;
use crate::{Result, clock};

/// Records in a chunk.
const CHUNK: u64 = 1 << 16;
/// How long paced records are gathered before they are handed on together.
const GATHER: Duration = Duration::from_millis(20);

pub(super) struct RateFeed {
    rate: Rate,
    start: Timestamp,
    parts: Vec<Part>,
    /// When record `base` was due.
    opened: Instant,
    base: u64,
    /// The end, and the end of what counts as present.
    end: u64,
}

/// A partition: every n-th record.
struct Part {
    number: u32,
    id: String,
    order: u32,
    /// The value of the next record.
    next: u64,
    from: u64,
    rows: u64,
    /// Whether its end has been reported.
    reported: bool,
}

impl RateFeed {
    pub(super) fn open(rate: Rate, resume: &Resume) -> Result<Self> {
        let start = rate.started(resume)?;
        let mut parts = Vec::new();
        for number in 0..rate.partitions {
            let id = format!("rate-{number}");
            let (mut next, mut reported) = (u64::from(number), false);
            if let Some(state) = resume.partitions.get(&id) {
                next = state.to.as_u64().ok_or_else(|| {
                    Error::new(Kind::Config, format!("the checkpoint's position of `{id}` is `{}`", state.to))
                        .help("it must be a record's number; the checkpoint is another pipeline's")
                })?;
                reported = state.drained;
            }
            parts.push(Part { number, order: order_of(&id), id, next, from: next, rows: 0, reported });
        }
        let end = rate.count.unwrap_or(u64::MAX);
        let base = parts.iter().map(|part| part.next).min().unwrap_or(0);
        Ok(Self { rate, start, parts, opened: clock::monotonic(), base, end })
    }

    /// The first record that is not due yet.
    fn due(&self) -> u64 {
        let passed = match self.rate.pace {
            Pace::Unpaced => u128::from(u64::MAX),
            Pace::Paced => clock::since(self.opened).as_nanos() * u128::from(self.rate.rate) / 1_000_000_000,
        };
        self.base.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)).min(self.end)
    }

    /// When a record is due.
    fn due_at(&self, value: u64) -> Instant {
        let nanos = u128::from(value.saturating_sub(self.base) + 1) * 1_000_000_000 / u128::from(self.rate.rate);
        let wait = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.opened.checked_add(wait).unwrap_or(self.opened)
    }

    async fn read(&mut self, limits: &Limits, out: &mut ChunkSender) -> Result<Fetched> {
        let step = u64::from(self.rate.partitions);
        let drained = |part: &Part, count: Option<u64>| count.is_some_and(|count| part.next >= count);
        let count = self.rate.count;
        let meta = RateMeta { rate: self.rate.rate, seed: self.rate.seed, step, start: self.start };
        for part in &mut self.parts {
            (part.from, part.rows) = (part.next, 0);
        }
        let unfinished = self.parts.iter().filter(|part| !drained(part, count)).count() as u64;
        let share = limits.rows.map_or(u64::MAX, |rows| rows.div_ceil(unfinished.max(1)));
        let mut bytes = 0;
        'fetch: loop {
            let due = self.due();
            let mut progress = false;
            for part in &mut self.parts {
                let rows = due.saturating_sub(part.next).div_ceil(step).min(share - part.rows).min(CHUNK);
                if rows == 0 {
                    continue;
                }
                progress = true;
                let chunk = part.chunk(rows, meta, out.buffers());
                bytes += chunk.data.len();
                if !out.send(chunk).await || bytes >= limits.bytes {
                    break 'fetch;
                }
                // A limit of rows alone decides what is in an epoch; the time does so only where there is none.
                if limits.rows.is_none() && clock::monotonic() >= limits.until {
                    break 'fetch;
                }
            }
            if progress {
                continue;
            }
            // The next record that may still be given; none when all shares are used up or all has been given.
            let waiting = self.parts.iter().filter(|part| part.rows < share && part.next < self.end);
            let Some(next) = waiting.map(|part| part.next).min() else { break };
            let now = clock::monotonic();
            if now >= limits.until || (limits.eager && bytes > 0) {
                break;
            }
            clock::sleep_until(self.due_at(next).max(now + GATHER).min(limits.until)).await;
        }
        let mut partitions = Vec::new();
        for part in self.parts.iter_mut().filter(|part| !part.reported) {
            part.reported = drained(part, count);
            partitions.push(PartitionProgress {
                partition: part.number,
                id: part.id.clone(),
                from: json!(part.from),
                to: json!(part.next),
                drained: part.reported,
                idle: false,
                ms_behind: None,
                parents: Vec::new(),
                hash_range: None,
            });
        }
        let exhausted = self.parts.iter().all(|part| part.next >= self.end);
        let due = self.due();
        let full = bytes >= limits.bytes || self.parts.iter().any(|part| part.rows >= share && part.next < due);
        Ok(Fetched { partitions, exhausted, full, ..Fetched::default() })
    }
}

impl Part {
    fn chunk(&mut self, rows: u64, meta: RateMeta, Buffers { mut data, mut spans }: Buffers) -> Chunk {
        let first = self.next;
        data.reserve(rows as usize * 8);
        spans.reserve(rows as usize);
        for _ in 0..rows {
            let start = data.len() as u32;
            // Writing to memory does not fail.
            let _ = write!(data, "{}", self.next);
            spans.push((start, data.len() as u32));
            self.next += meta.step;
        }
        self.rows += rows;
        let end = json!(self.next);
        Chunk { partition: self.number, data, spans, meta: Box::new(meta), end, order: self.order, first }
    }
}

impl Feed for RateFeed {
    fn fetch<'a>(&'a mut self, limits: &'a Limits, out: &'a mut ChunkSender) -> BoxFuture<'a, Result<Fetched>> {
        Box::pin(self.read(limits, out))
    }

    fn identity(&self) -> Value {
        self.rate.identity(self.start)
    }

    fn starts(&self) -> Value {
        json!(self.start.micros())
    }

    /// Without a count there is always more; one second's worth counts as present.
    fn stop_at_present(&mut self) {
        if self.rate.count.is_none() {
            let next = self.parts.iter().map(|part| part.next).min().unwrap_or(0);
            self.end = next.saturating_add(self.rate.rate);
        }
    }
}
