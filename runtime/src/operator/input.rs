//! What the fused closure of a stage group sees of its input.

use bumpalo::Bump;

use crate::decode::{Decoder, Fault};
pub use crate::schema::At;
use crate::schema::Value;
use crate::schema::kind::Instant;
use crate::time::Timestamp;

/// What becomes of a record that cannot be decoded, of a row that cannot be computed, or of one that comes too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// The run stops and says where it is.
    #[default]
    Fail,
    /// The record is left out and counted.
    Skip,
    /// The record goes to the dead-letter sink, in the same epoch.
    DeadLetter,
}

/// Counts of rows, over a chunk or longer; they add up: rows in = used + filtered + late + bad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows that came in: one for each record, for each row of a record that holds several, or for each item that
    /// `explode` made a row of.
    pub rows: u64,
    /// Rows that a filter left out.
    pub filtered: u64,
    /// Rows that came after their groups had ended, and were left out.
    pub late: u64,
    /// Records that could not be decoded and rows that could not be computed, and were skipped.
    pub skipped: u64,
    /// Records that could not be decoded, rows that could not be computed, and late rows, that went to the dead letters.
    pub dead: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.filtered += other.filtered;
        self.late += other.late;
        self.skipped += other.skipped;
        self.dead += other.dead;
    }
}

/// The input of a fused closure: the decoder over the current record, the arena, and where the record is.
pub struct Input<'a, D: Decoder> {
    arena: &'a Bump,
    decoder: &'a D,
    scratch: &'a mut D::Scratch,
    /// What is left to decode; `None` when it could not be unpacked.
    payload: Option<&'a [u8]>,
    /// Where in it the present row begins, and where the next one does.
    began: usize,
    next: usize,
    /// Where the first payload of the record is to be taken up: after a row that panicked.
    resume: usize,
    /// How many payloads of the record were opened.
    opened: u32,
    /// `counts.rows` before the record.
    rows_before: u64,
    at: At,
    /// Event times after this one do not move the watermark.
    horizon: Timestamp,
    pub(super) max_event_time: Option<Timestamp>,
    pub(super) future: u64,
    pub(super) counts: Counts,
    /// The faults of the current record; the caller decides by the policy. Each with the part of the payload that is given
    /// up for it, where that is not the whole.
    pub(super) faults: Vec<(Fault, Option<&'a [u8]>)>,
}

impl<'a, D: Decoder> Input<'a, D> {
    pub(super) fn new(
        arena: &'a Bump,
        decoder: &'a D,
        scratch: &'a mut D::Scratch,
        partition: u32,
        horizon: Timestamp,
    ) -> Self {
        Self {
            arena,
            decoder,
            scratch,
            payload: None,
            began: 0,
            next: 0,
            resume: 0,
            opened: 0,
            rows_before: 0,
            at: At { partition, ..At::default() },
            horizon,
            max_event_time: None,
            future: 0,
            counts: Counts::default(),
            faults: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn begin(&mut self, record: u64) {
        self.at.record = record;
        self.payload = None;
        self.opened = 0;
        self.rows_before = self.counts.rows;
    }

    /// Begins to decode a payload; [`Self::next`] gives its rows.
    #[inline]
    pub fn open(&mut self, payload: &'a [u8]) {
        self.began = 0;
        self.next = std::mem::take(&mut self.resume);
        self.opened += 1;
        self.payload = match self.decoder.unpack(payload, self.arena, self.scratch) {
            Ok(payload) => Some(payload),
            Err(fault) => {
                self.counts.rows += 1;
                self.faults.push((fault, None));
                None
            }
        };
    }

    /// The next row of the payload. What becomes of what cannot be decoded is the policy's business.
    #[inline]
    #[allow(clippy::should_implement_trait)] // Not an iterator: the rows borrow from the chunk, and the closure owns the loop.
    pub fn next(&mut self) -> Option<D::Row<'a>> {
        let payload = self.payload?;
        loop {
            let mut next = self.next;
            self.began = next;
            // It counts if there is one; and if to decode it panics.
            self.counts.rows += 1;
            let row = self.decoder.next(payload, &mut next, self.arena, self.scratch);
            self.next = next;
            match row {
                Ok(Some(row)) => return Some(row),
                Ok(None) => {
                    self.counts.rows -= 1;
                    return None;
                }
                Err(fault) => {
                    self.failed(fault);
                    if !self.goes_on() {
                        return None;
                    }
                }
            }
        }
    }

    /// Counts a row that is the record itself, in a chain without `decode`.
    #[inline]
    pub fn undecoded(&mut self) {
        self.payload = None;
        self.counts.rows += 1;
    }

    /// Counts the row of item `number` that `explode` made of a row: the first takes the place of that row.
    #[inline]
    pub fn exploded(&mut self, number: usize) {
        self.counts.rows += u64::from(number > 0);
    }

    /// Gives up the present row, which cannot be decoded or over which an expression came to an `Err`; what becomes of it
    /// is the policy's business.
    #[cold]
    pub fn failed(&mut self, fault: Fault) {
        let among_others = D::RESUMES && (self.began > 0 || self.goes_on());
        let part = self.payload.filter(|_| among_others).and_then(|payload| {
            let end = self.next.min(payload.len());
            payload.get(self.began..end).map(<[u8]>::trim_ascii)
        });
        self.faults.push((fault, part));
    }

    /// Takes up the next record's payload at this byte.
    pub(super) fn resume_at(&mut self, byte: usize) {
        self.resume = byte;
    }

    /// Gives up the present row, over which the user's code or the decoder panicked. Gives where its payload may be taken
    /// up; if nowhere, the rest of the record is given up, too.
    #[cold]
    pub(super) fn panicked(&mut self, reason: String) -> Option<usize> {
        if self.counts.rows == self.rows_before {
            self.counts.rows += 1;
        }
        // Where several payloads are opened, rows of an earlier one would come again. What panicked in the decoder has
        // not moved `next`.
        let resume = (self.opened == 1 && self.goes_on()).then_some(self.next);
        if let (None, Some(payload)) = (resume, self.payload) {
            self.next = payload.len();
        }
        self.failed(Fault::panicked(reason));
        resume
    }

    /// Whether there is more of the payload behind the present row.
    fn goes_on(&self) -> bool {
        D::RESUMES && self.payload.is_some_and(|payload| (self.began + 1..payload.len()).contains(&self.next))
    }

    /// Counts a row that a filter left out.
    #[inline]
    pub fn filtered(&mut self) {
        self.counts.filtered += 1;
    }

    /// The row's event time, which moves the watermark of its partition. Times further in the future than the plan
    /// allows are kept but do not move it: one wrong clock would make everybody else late.
    #[inline]
    pub fn watermark<T: Instant>(&mut self, time: T) -> At {
        let at = self.time(time);
        if at.time > self.horizon {
            self.future += 1;
        } else if self.max_event_time < Some(at.time) {
            self.max_event_time = Some(at.time);
        }
        at
    }

    /// The row's event time, which does not move the watermark.
    #[inline]
    pub fn time<T: Instant>(&mut self, time: T) -> At {
        At { time: time.instant(), ..self.at }
    }

    /// The place of a row without an event time: `first` and `last` go by the order of partitions and records then.
    #[inline]
    #[must_use]
    pub fn untimed(&self) -> At {
        At { time: Timestamp::MIN, ..self.at }
    }

    /// Gives the value of an expression as a column's view.
    #[inline]
    pub fn settle<V: Value<'a>>(&self, value: V) -> V::View {
        value.settle(self.arena)
    }

    /// The place for what cannot point into the record; it is cleared after the chunk.
    #[must_use]
    pub fn arena(&self) -> &'a Bump {
        self.arena
    }
}
