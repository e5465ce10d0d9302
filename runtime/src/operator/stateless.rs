//! The fused closure over a chunk: everything between a source and the first shuffle or the sink, and everything after a
//! keyed stage up to the next.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bumpalo::Bump;

use super::chain::{EpochPlan, MapSide, Output, Report, Settings};
use super::dead_letters::{DeadLetter, Letters};
use super::input::{At, Input, Policy};
use super::key::Key;
use super::keyed::{Group, Keyed};
use super::reduce::Emit;
use crate::Result;
use crate::agg::Finish;
use crate::decode::{Decoder, Fault};
use crate::error::{Error, Kind};
use crate::schema::kind::Instant;
use crate::schema::{RowBuilder, Rows, Value};
use crate::source::{Chunk, Record, Source};
use crate::time::Timestamp;

/// Where a fused closure puts what it makes: rows for a sink, or groups for a keyed stage.
pub trait Gather: Send {
    /// Begins an epoch.
    fn begin(&mut self, plan: &EpochPlan);
    /// The event time of a row that came too late and is not only counted; each is given once.
    #[inline]
    fn late_row(&mut self) -> Option<Timestamp> {
        None
    }
    /// Takes the rows that are ready for the sink.
    ///
    /// # Errors
    /// A row builder disagrees with its own schema.
    fn rows(&mut self, all: bool) -> Result<Vec<RecordBatch>>;
    /// Ends the epoch: what is left, split for the workers, and the number of late rows.
    ///
    /// # Errors
    /// As [`Self::rows`].
    fn seal(&mut self, workers: usize) -> Result<(Output, u64)>;
}

impl<B: RowBuilder> Gather for Rows<B> {
    fn begin(&mut self, _plan: &EpochPlan) {}
    fn rows(&mut self, all: bool) -> Result<Vec<RecordBatch>> {
        self.take(all)
    }
    fn seal(&mut self, _workers: usize) -> Result<(Output, u64)> {
        Ok((Output::Rows(self.take(true)?), 0))
    }
}

impl<K: Key, A: Finish> Gather for Keyed<K, A> {
    fn begin(&mut self, plan: &EpochPlan) {
        Keyed::begin(self, plan);
    }
    #[inline]
    fn late_row(&mut self) -> Option<Timestamp> {
        self.take_late_row()
    }
    fn rows(&mut self, _all: bool) -> Result<Vec<RecordBatch>> {
        Ok(Vec::new())
    }
    fn seal(&mut self, workers: usize) -> Result<(Output, u64)> {
        Ok((Output::Parts(self.drain(workers)?), self.take_late()))
    }
}

/// The side before the first shuffle: closure `F` over the records of `S`, decoded by `D`, into `O`.
pub struct Map<S, D: Decoder, F, O> {
    closure: F,
    decoder: Arc<D>,
    policy: Policy,
    late: Policy,
    scratch: D::Scratch,
    arena: Bump,
    out: O,
    source: PhantomData<fn() -> S>,
}

impl<S, D: Decoder, F, O> Map<S, D, F, O> {
    pub(crate) fn new(closure: F, decoder: Arc<D>, policy: Policy, settings: Settings, out: O) -> Self {
        Self {
            closure,
            decoder,
            policy,
            late: settings.late,
            scratch: D::Scratch::default(),
            arena: Bump::new(),
            out,
            source: PhantomData,
        }
    }
}

impl<S, D, F, O> MapSide for Map<S, D, F, O>
where
    S: Source,
    D: Decoder,
    F: for<'a> Fn(S::Record<'a>, &mut Input<'a, D>, &mut O) + Send,
    O: Gather,
{
    fn chunk(&mut self, chunk: &Chunk, plan: &EpochPlan, letters: &mut dyn Letters) -> Result<Report> {
        self.out.begin(plan);
        let meta = chunk.meta.downcast_ref::<S::Meta>().ok_or_else(|| {
            Error::new(Kind::Internal, "a chunk does not carry what its source says it carries")
                .help("its source must set `Chunk::meta` to its own `Source::Meta`")
        })?;
        self.decoder.prepare(chunk, &mut self.scratch);
        let mut report = Report::default();
        let mut next = 0;
        while next < chunk.len() {
            next = self.records(chunk, meta, next, plan, (&mut report, &mut *letters))?;
            // What is large is not kept: it would count as full from then on.
            if self.arena.allocated_bytes() < ARENA {
                self.arena.reset();
            } else {
                self.arena = Bump::new();
            }
        }
        Ok(report)
    }

    fn rows(&mut self, all: bool) -> Result<Vec<RecordBatch>> {
        self.out.rows(all)
    }

    fn seal(&mut self, workers: usize) -> Result<(Output, u64)> {
        self.out.seal(workers)
    }
}

/// Bytes in the arena at which it is cleared within a chunk: payloads that were unpacked may be many times as large as they
/// were.
const ARENA: usize = 64 << 20;

impl<S, D, F, O> Map<S, D, F, O>
where
    S: Source,
    D: Decoder,
    F: for<'a> Fn(S::Record<'a>, &mut Input<'a, D>, &mut O) + Send,
    O: Gather,
{
    /// Works on the records from `first` on, until the chunk ends or the arena is full; the number of the next one.
    fn records(
        &mut self,
        chunk: &Chunk,
        meta: &S::Meta,
        first: usize,
        plan: &EpochPlan,
        (report, letters): (&mut Report, &mut dyn Letters),
    ) -> Result<usize> {
        let mut input = Input::new(&self.arena, &*self.decoder, &mut self.scratch, chunk.order, plan.horizon);
        let mut next = first;
        while next < chunk.len() && (next == first || self.arena.allocated_bytes() < ARENA) {
            let index = next;
            next += 1;
            input.begin(chunk.first + index as u64);
            (self.closure)(S::record(chunk, meta, index), &mut input, &mut self.out);
            let mut raw: &[u8] = &[];
            for (fault, part) in input.faults.drain(..) {
                match self.policy {
                    Policy::Fail => return Err(unusable(&fault, &S::record(chunk, meta, index).place())),
                    Policy::Skip => input.counts.skipped += 1,
                    Policy::DeadLetter => {
                        input.counts.dead += 1;
                        let given_up = part.unwrap_or_else(|| chunk.payload(index));
                        // Of several rows that `explode` made of one, the first speaks for all.
                        if !std::ptr::eq(raw, given_up) {
                            raw = given_up;
                            let place = S::record(chunk, meta, index).place();
                            letters.post(dead_letter(&fault, plan, raw, place), false)?;
                        }
                    }
                }
            }
            let mut letter = None;
            while let Some(time) = self.out.late_row() {
                let place = S::record(chunk, meta, index).place();
                if self.late == Policy::Fail {
                    return Err(too_late(time, plan, &place));
                }
                input.counts.dead += 1;
                // One letter for all late rows of a record: it has the whole record.
                letter.get_or_insert_with(|| late_letter(time, plan, chunk.payload(index), place));
            }
            if let Some(letter) = letter {
                report.late_letters += 1;
                letters.post(letter, true)?;
            }
        }
        report.counts += input.counts;
        report.max_event_time = report.max_event_time.max(input.max_event_time);
        report.future += input.future;
        Ok(next)
    }
}

#[cold]
fn unusable(fault: &Fault, place: &crate::source::Place) -> Error {
    let what = if fault.is_computed() { "a row cannot be computed" } else { "a record cannot be decoded" };
    Error::new(Kind::Data, format!("{what}: {fault}; it is in {place}"))
        .help("mend the record, or say what becomes of such records: `decode .. else skip` or `else dead_letter(SINK)`")
}

#[cold]
fn dead_letter(fault: &Fault, plan: &EpochPlan, payload: &[u8], place: crate::source::Place) -> DeadLetter {
    DeadLetter::new(payload, fault.to_string(), fault.code(), fault.column(), place, plan.batch_time.date())
}

/// How late a row is. The watermark is there: without one no row is late.
fn lateness(time: Timestamp, plan: &EpochPlan) -> String {
    let watermark = plan.watermark.unwrap_or(Timestamp::MIN);
    let behind = crate::time::Duration::from_micros(watermark.micros().saturating_sub(time.micros()).unsigned_abs());
    format!("its event time {time} is {behind:?} behind the watermark {watermark}, and its groups have ended")
}

#[cold]
fn too_late(time: Timestamp, plan: &EpochPlan, place: &crate::source::Place) -> Error {
    Error::new(Kind::Data, format!("a row is late: {}; it is in {place}", lateness(time, plan))).help(
        "let the watermark wait longer, or say what becomes of late rows: `group_by {..} else skip` or \
         `else dead_letter(SINK)`",
    )
}

#[cold]
fn late_letter(time: Timestamp, plan: &EpochPlan, payload: &[u8], place: crate::source::Place) -> DeadLetter {
    let error = format!("the row is late: {}", lateness(time, plan));
    DeadLetter::new(payload, error, "late", "", place, plan.batch_time.date())
}

/// What a fused closure after a keyed stage sees besides the group.
pub struct Context<'a> {
    arena: &'a Bump,
    filtered: u64,
    group: u64,
    fault: Option<Fault>,
}

impl<'a> Context<'a> {
    /// Counts a row that a filter left out. Rows of groups are not in the account of rows read.
    #[inline]
    pub fn filtered(&mut self) {
        self.filtered += 1;
    }

    /// Ends the run because an expression came to an `Err`: a group has no record that could be left out instead.
    #[cold]
    pub fn failed(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// As [`Self::filtered`], for an item of `explode`.
    #[inline]
    pub fn exploded(&mut self, _number: usize) {}

    /// The event time of a row for a following keyed stage.
    #[inline]
    pub fn time<T: Instant>(&mut self, time: T) -> At {
        At { time: time.instant(), partition: 0, record: self.group }
    }

    /// The place of a row without an event time.
    #[inline]
    #[must_use]
    pub fn untimed(&self) -> At {
        At { time: Timestamp::MIN, ..At::default() }
    }

    /// Gives the value of an expression as a column's view.
    #[inline]
    pub fn settle<V: Value<'a>>(&self, value: V) -> V::View {
        value.settle(self.arena)
    }

    /// The place for what cannot point into the group; it is cleared after the epoch.
    #[must_use]
    pub fn arena(&self) -> &'a Bump {
        self.arena
    }
}

/// The fused closure `G` after a keyed stage, into `O`.
pub struct After<G, O> {
    closure: G,
    out: O,
    fault: Option<Fault>,
}

impl<G, O> After<G, O> {
    pub(crate) fn new(closure: G, out: O) -> Self {
        Self { closure, out, fault: None }
    }
}

impl<K, A, G, O> Emit<K, A> for After<G, O>
where
    K: Key,
    A: Finish,
    G: for<'a> Fn(Group<'a, K, A>, &mut Context<'a>, &mut O) + Send,
    O: Gather,
{
    fn begin(&mut self, plan: &EpochPlan) {
        self.out.begin(plan);
    }
    fn group<'a>(&mut self, group: Group<'a, K, A>, arena: &'a Bump) {
        let mut context = Context { arena, filtered: 0, group: group.number, fault: self.fault.take() };
        (self.closure)(group, &mut context, &mut self.out);
        self.fault = context.fault;
    }
    fn take(&mut self, _plan: &EpochPlan, workers: usize) -> Result<(Output, u64)> {
        if let Some(fault) = self.fault.take() {
            return Err(Error::new(Kind::Data, format!("a row after `agg` cannot be computed: {fault}")).help(
                "a group has no record that could be skipped: take the value out, as in `.ok()` or `.unwrap_or(..)`",
            ));
        }
        self.out.seal(workers)
    }
}
