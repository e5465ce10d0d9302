//! What the fused closure of a stage group sees of its input.

use bumpalo::Bump;

use super::explode;
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

/// Where a record of which a row panicked is taken up again, and what was done with it before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Resume {
    /// The byte of its payload that comes next.
    byte: usize,
    /// How many of its rows panicked.
    panics: u32,
    /// Whether it is a letter already because of its late rows.
    pub(super) late: bool,
}

/// How often a payload is unpacked again to go on behind a row that panicked: a payload of such rows alone must not cost the
/// square of its length.
const UNPACKED_AGAIN: u32 = 8;

/// The input of a fused closure: the decoder over the current record, the arena, and where the record is.
pub struct Input<'a, D: Decoder> {
    arena: &'a Bump,
    decoder: &'a D,
    scratch: &'a mut D::Scratch,
    /// The chunk, if it is known to be text, and the part of it that [`Self::payload`] is.
    chunk: Option<&'a str>,
    text: Option<&'a str>,
    /// What was opened last of the record.
    raw: Option<&'a [u8]>,
    /// It, unpacked; `None` when it could not be unpacked, and behind its last row.
    payload: Option<&'a [u8]>,
    /// Where in it the present row begins, and where the next one does.
    began: usize,
    next: usize,
    pub(super) resume: Resume,
    /// How many parts of the record there were: payloads opened, and what never got to `decode`.
    parts: u32,
    /// `counts.rows` and `counts.filtered` before the record.
    rows_before: u64,
    filtered_before: u64,
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
        chunk: Option<&'a str>,
        partition: u32,
        horizon: Timestamp,
    ) -> Self {
        Self {
            arena,
            decoder,
            scratch,
            chunk,
            text: None,
            raw: None,
            payload: None,
            began: 0,
            next: 0,
            resume: Resume::default(),
            parts: 0,
            rows_before: 0,
            filtered_before: 0,
            at: At { partition, ..At::default() },
            horizon,
            max_event_time: None,
            future: 0,
            counts: Counts::default(),
            faults: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn begin(&mut self, record: u64, resume: Resume) {
        self.at.record = record;
        self.raw = None;
        self.payload = None;
        self.resume = resume;
        self.parts = 0;
        self.rows_before = self.counts.rows;
        self.filtered_before = self.counts.filtered;
    }

    /// Begins to decode a payload; [`Self::next`] gives its rows.
    #[inline]
    pub fn open(&mut self, payload: &'a [u8]) {
        self.began = 0;
        self.next = std::mem::take(&mut self.resume.byte);
        self.parts += 1;
        self.raw = Some(payload);
        self.payload = match self.decoder.unpack(payload, self.arena, self.scratch) {
            Ok(payload) => Some(payload),
            Err(fault) => {
                self.counts.rows += 1;
                self.faults.push((fault, None));
                None
            }
        };
        self.text = self.chunk.zip(self.payload).and_then(|(chunk, payload)| part_of(chunk, payload));
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
            let row = self.decoder.next_known(payload, self.text, &mut next, self.arena, self.scratch);
            self.next = next;
            match row {
                Ok(Some(row)) => return Some(row),
                Ok(None) => {
                    self.counts.rows -= 1;
                    self.payload = None;
                    return None;
                }
                Err(fault) => {
                    self.failed(fault);
                    if !self.goes_on() {
                        self.payload = None;
                        return None;
                    }
                }
            }
        }
    }

    /// Counts a row that is the record itself, in a chain without `decode`, or that never gets there.
    #[inline]
    pub fn undecoded(&mut self) {
        self.payload = None;
        self.parts += 1;
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

    /// Gives up the present row of `record`, over which the user's code or the decoder panicked. Gives whether the record is
    /// to be taken up behind it, by [`Self::resume`]; otherwise the rest of the record is given up with the row.
    #[cold]
    pub(super) fn panicked(&mut self, reason: String, record: &[u8]) -> bool {
        // A panic between two rows is of one that is not counted yet.
        let between = explode::broke_off() || !self.is_in_row();
        self.counts.rows += u64::from(between);
        // Where parts of the record come one after the other, those before this one would come again.
        let alone = self.parts == 1 && self.raw.is_some_and(|raw| std::ptr::eq(raw, record));
        let unpacked = self.payload.is_some_and(|payload| !std::ptr::eq(payload, record));
        let resumes = alone && self.goes_on() && !(unpacked && self.resume.panics >= UNPACKED_AGAIN);
        if resumes {
            // What panicked in the decoder has not moved `next`, and does not go on.
            self.resume = Resume { byte: self.next, panics: self.resume.panics + 1, ..self.resume };
        } else if alone {
            self.next = self.payload.map_or(0, <[u8]>::len);
        } else {
            // It speaks for parts that are not known yet.
            self.payload = None;
        }
        self.failed(Fault::panicked(reason));
        resumes
    }

    /// Whether the last row that was counted is still at work.
    fn is_in_row(&self) -> bool {
        if self.raw.is_some() {
            return self.payload.is_some();
        }
        // Before `decode`, or without it: nothing else becomes of a row that is not used.
        let left_out = self.counts.filtered - self.filtered_before + self.faults.len() as u64;
        self.counts.rows - self.rows_before > left_out
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

/// The part of `text` that `bytes` are, by their place in memory; `None` where they are no part of it, or begin or end
/// within a character.
#[inline]
fn part_of<'a>(text: &'a str, bytes: &[u8]) -> Option<&'a str> {
    let start = bytes.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let part = text.get(start..start.checked_add(bytes.len())?)?;
    std::ptr::eq(part.as_bytes(), bytes).then_some(part)
}
