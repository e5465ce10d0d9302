//! The fused closure over a chunk: everything between a source and the first shuffle or the sink, and everything after a
//! keyed stage up to the next.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use arrow::array::RecordBatch;
use bumpalo::Bump;

use super::chain::{EpochPlan, MapSide, Output, Report, Settings};
use super::dead_letters::{DeadLetter, Letters};
use super::explode;
use super::input::{At, Input, Policy, Resume};
use super::key::Key;
use super::keyed::{Group, Keyed};
use super::pulse::Pulse;
use super::reduce::Emit;
use crate::Result;
use crate::agg::Finish;
use crate::decode::{Decoder, Fault};
use crate::error::{Error, Kind, text_of_panic};
use crate::schema::kind::Instant;
use crate::schema::{RowBuilder, Rows, Value};
use crate::source::{Chunk, Place, Record, Source};
use crate::time::Timestamp;

/// Where a fused closure puts what it makes: rows for a sink, or groups for a keyed stage.
pub trait Gather: Send {
    /// Whether a panic has left a row or a group half changed.
    fn is_broken_off(&self) -> bool;
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
    fn is_broken_off(&self) -> bool {
        Rows::is_broken_off(self)
    }
    fn begin(&mut self, _plan: &EpochPlan) {}
    fn rows(&mut self, all: bool) -> Result<Vec<RecordBatch>> {
        self.take(all)
    }
    fn seal(&mut self, _workers: usize) -> Result<(Output, u64)> {
        Ok((Output::Rows(self.take(true)?), 0))
    }
}

impl<K: Key, A: Finish> Gather for Keyed<K, A> {
    fn is_broken_off(&self) -> bool {
        Keyed::is_broken_off(self)
    }
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
    fn chunk(&mut self, chunk: &Chunk, plan: &EpochPlan, letters: &mut dyn Letters, pulse: &Pulse) -> Result<Report> {
        self.out.begin(plan);
        let meta = chunk.meta.downcast_ref::<S::Meta>().ok_or_else(|| {
            Error::new(Kind::Internal, "a chunk does not carry what its source says it carries")
                .help("its source must set `Chunk::meta` to its own `Source::Meta`")
        })?;
        self.decoder.prepare(chunk, &mut self.scratch);
        // Of a chunk that is no text each record is checked by itself, so that the others are rows.
        let text = if self.decoder.is_text() { std::str::from_utf8(&chunk.data).ok() } else { None };
        let work = Work { chunk, text, meta, plan, pulse };
        let (mut report, mut next) = (Report::default(), Next::default());
        while next.record < chunk.len() {
            next = self.records(work, next, (&mut report, &mut *letters))?;
            // What is large is not kept: it would count as full from then on.
            if self.arena.allocated_bytes() < ARENA {
                self.arena.reset();
            } else {
                self.arena = Bump::new();
            }
        }
        Ok(report)
    }

    fn places(&self, chunk: &Chunk) -> Option<(Place, Place)> {
        let meta = chunk.meta.downcast_ref::<S::Meta>()?;
        let place = |index| S::record(chunk, meta, index).place();
        Some((0, chunk.len().checked_sub(1)?)).map(|(first, last)| (place(first), place(last)))
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

/// A chunk at work.
struct Work<'w, M> {
    chunk: &'w Chunk,
    /// All of it, if it is known to be UTF-8.
    text: Option<&'w str>,
    meta: &'w M,
    plan: &'w EpochPlan,
    pulse: &'w Pulse,
}

impl<M> Clone for Work<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Work<'_, M> {}

/// Where to go on in a chunk: at a record, and behind a row of it that panicked.
#[derive(Clone, Copy, Default)]
struct Next {
    record: usize,
    resume: Resume,
}

impl<S, D, F, O> Map<S, D, F, O>
where
    S: Source,
    D: Decoder,
    F: for<'a> Fn(S::Record<'a>, &mut Input<'a, D>, &mut O) + Send,
    O: Gather,
{
    /// Works on the records from `first` on, until the chunk ends, the arena is full or one panics; gives where to go on.
    fn records(
        &mut self,
        work: Work<'_, S::Meta>,
        first: Next,
        (report, letters): (&mut Report, &mut dyn Letters),
    ) -> Result<Next> {
        let Work { chunk, text, meta, plan, pulse } = work;
        let Self { closure, decoder, scratch, arena, out, policy, late, .. } = self;
        let fate = Fate { policy: *policy, late: *late };
        let mut input = Input::new(arena, &**decoder, scratch, text, chunk.order, plan.horizon);
        let mut resume = first.resume;
        // Of a list that panicked where no record is given up.
        explode::broke_off();
        // One for all records: a panic leaves `next` behind the record that it was in, and `computing` true unless it was
        // in what we do with its result.
        let (mut next, mut computing) = (first.record, false);
        let ran = catch_unwind(AssertUnwindSafe(|| -> Result<()> {
            while next < chunk.len() && (next == first.record || arena.allocated_bytes() < ARENA) {
                let index = next;
                next += 1;
                input.begin(chunk.first + index as u64, std::mem::take(&mut resume));
                pulse.beat();
                computing = true;
                closure(S::record(chunk, meta, index), &mut input, out);
                computing = false;
                settle::<S, D>(work, index, fate, (&mut input, out), (report, letters))?;
            }
            Ok(())
        }));
        let mut go_on = Next { record: next, ..Next::default() };
        let panicked = match ran {
            Ok(done) => done.map(|()| false)?,
            Err(panic) if computing => {
                let (index, reason) = (next - 1, text_of_panic(panic.as_ref()));
                if out.is_broken_off() {
                    return Err(broken_off(&reason, &S::record(chunk, meta, index).place()));
                }
                let resumes = input.panicked(reason, chunk.payload(index));
                settle::<S, D>(work, index, fate, (&mut input, out), (report, letters))?;
                if resumes {
                    go_on = Next { record: index, resume: input.resume };
                }
                true
            }
            Err(panic) => resume_unwind(panic),
        };
        report.counts += input.counts;
        report.max_event_time = report.max_event_time.max(input.max_event_time);
        report.future += input.future;
        if panicked {
            // Whatever the decoder had in it.
            *scratch = D::Scratch::default();
            decoder.prepare(chunk, scratch);
        }
        Ok(go_on)
    }
}

/// What becomes of records that are of no use, and of late rows.
#[derive(Clone, Copy)]
struct Fate {
    policy: Policy,
    late: Policy,
}

/// Does with a record, once its rows are made, what the policies say.
#[inline]
fn settle<'a, S: Source, D: Decoder>(
    work: Work<'_, S::Meta>,
    index: usize,
    fate: Fate,
    (input, out): (&mut Input<'a, D>, &mut impl Gather),
    (report, letters): (&mut Report, &mut dyn Letters),
) -> Result<()> {
    if !input.faults.is_empty() {
        give_up::<S, D>(work, index, fate.policy, input, (report, letters))?;
    }
    while let Some(time) = out.late_row() {
        let Work { chunk, meta, plan, .. } = work;
        let place = S::record(chunk, meta, index).place();
        if fate.late == Policy::Fail {
            return Err(too_late(time, plan, &place));
        }
        input.counts.dead += 1;
        report.late_dead += 1;
        // One letter for all late rows of a record, even if it is taken up again: it has the whole record.
        if !std::mem::replace(&mut input.resume.late, true) {
            letters.post(late_letter(time, plan, chunk.payload(index), place), true)?;
        }
    }
    Ok(())
}

/// Does with what is of no use in a record what the policy says.
#[cold]
#[inline(never)]
fn give_up<'a, S: Source, D: Decoder>(
    Work { chunk, meta, plan, .. }: Work<'_, S::Meta>,
    index: usize,
    policy: Policy,
    input: &mut Input<'a, D>,
    (report, letters): (&mut Report, &mut dyn Letters),
) -> Result<()> {
    // Not an empty slice: that of an empty payload may be the same.
    let mut raw: Option<&[u8]> = None;
    for (fault, part) in input.faults.drain(..) {
        if policy == Policy::Fail {
            return Err(unusable(&fault, &S::record(chunk, meta, index).place()));
        }
        if report.first_bad.is_none() {
            report.first_bad = Some((fault.clone(), S::record(chunk, meta, index).place()));
        }
        if policy == Policy::Skip {
            input.counts.skipped += 1;
            continue;
        }
        input.counts.dead += 1;
        let given_up = part.unwrap_or_else(|| chunk.payload(index));
        // Of several rows that `explode` made of one, the first speaks for all.
        if !raw.is_some_and(|raw| std::ptr::eq(raw, given_up)) {
            raw = Some(given_up);
            let place = S::record(chunk, meta, index).place();
            letters.post(dead_letter(&fault, plan, given_up, place), false)?;
        }
    }
    Ok(())
}

#[cold]
fn unusable(fault: &Fault, place: &Place) -> Error {
    let what = match fault {
        fault if fault.is_panic() => {
            return Error::new(Kind::Internal, format!("{fault}; it is in {place}")).help(
                "mend the expression; with `decode .. else skip` or `else dead_letter(SINK)` such a record does not end \
                 the run",
            );
        }
        fault if fault.is_computed() => "a row cannot be computed",
        _ => "a record cannot be decoded",
    };
    Error::new(Kind::Data, format!("{what}: {fault}; it is in {place}"))
        .help("mend the record, or say what becomes of such records: `decode .. else skip` or `else dead_letter(SINK)`")
}

/// A panic that no policy can take: the record is half in a group or in a row.
#[cold]
fn broken_off(reason: &str, place: &Place) -> Error {
    Error::new(Kind::Internal, format!("an aggregate or the type of a column panicked: {reason}; it is in {place}"))
        .help("nothing of the epoch was written; mend its code and start again")
}

#[cold]
fn dead_letter(fault: &Fault, plan: &EpochPlan, payload: &[u8], place: Place) -> DeadLetter {
    DeadLetter::new(payload, fault.to_string(), fault.code(), fault.column(), place, plan.batch_time.date())
}

/// How late a row is. The watermark is there: without one no row is late.
fn lateness(time: Timestamp, plan: &EpochPlan) -> String {
    let watermark = plan.watermark.unwrap_or(Timestamp::MIN);
    let behind = crate::time::Duration::from_micros(watermark.micros().saturating_sub(time.micros()).unsigned_abs());
    format!("its event time {time} is {behind:?} behind the watermark {watermark}, and its groups have ended")
}

#[cold]
fn too_late(time: Timestamp, plan: &EpochPlan, place: &Place) -> Error {
    Error::new(Kind::Data, format!("a row is late: {}; it is in {place}", lateness(time, plan))).help(
        "let the watermark wait longer, or say what becomes of late rows: `group_by {..} else skip` or \
         `else dead_letter(SINK)`",
    )
}

#[cold]
fn late_letter(time: Timestamp, plan: &EpochPlan, payload: &[u8], place: Place) -> DeadLetter {
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
    fn ready(&mut self) -> Result<Vec<RecordBatch>> {
        self.out.rows(false)
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
