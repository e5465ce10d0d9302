//! Dead letters on their way to their sinks: written as they come, so that an epoch of nothing else does not pile up.

use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;

use super::ledger::Slot;
use crate::Result;
use crate::operator::dead_letters::{Builders, DeadLetter, Letters};
use crate::schema::Rows;
use crate::sink::StageWriter;
use crate::thread;

/// Where the workers put dead letters for one sink. They share it, so that an epoch has one file for all of them.
#[derive(Clone)]
pub(crate) struct LetterBox {
    sink: usize,
    /// Whether the sink delivers.
    delivers: bool,
    inside: Arc<Mutex<Inside>>,
}

struct Inside {
    /// `None` when the sink delivers: it is handed an epoch's rows at once, after the commit.
    writer: Option<Box<dyn StageWriter>>,
    /// Each with the number of its chunk.
    batches: Vec<(u64, RecordBatch)>,
    used: bool,
}

impl LetterBox {
    /// The box of sink number `sink`.
    pub(super) fn new(sink: usize, writer: Option<Box<dyn StageWriter>>) -> Self {
        let delivers = writer.is_none();
        let inside = Inside { writer, batches: Vec::new(), used: false };
        Self { sink, delivers, inside: Arc::new(Mutex::new(inside)) }
    }

    fn put(&self, (epoch, chunk): (u64, u64), batch: RecordBatch) -> Result<()> {
        let mut inside = thread::lock(&self.inside);
        inside.used = true;
        let Inside { writer, batches, .. } = &mut *inside;
        match writer {
            Some(writer) => writer.write(epoch, &batch),
            None => {
                batches.push((chunk, batch));
                Ok(())
            }
        }
    }

    /// What was put into it in an epoch; to be asked when all workers have put all they have. Whoever comes first gets it.
    fn seal(&self, epoch: u64) -> Result<Option<Slot>> {
        let mut inside = thread::lock(&self.inside);
        if !std::mem::take(&mut inside.used) {
            return Ok(None);
        }
        let batches = in_order(std::mem::take(&mut inside.batches));
        let files = inside.writer.as_mut().map(|writer| writer.seal(epoch)).transpose()?.unwrap_or_default();
        Ok(Some(Slot { sink: self.sink, files, batches }))
    }
}

/// Batches of all workers in the order of their chunks.
pub(super) fn in_order(mut batches: Vec<(u64, RecordBatch)>) -> Vec<RecordBatch> {
    batches.sort_by_key(|(chunk, _)| *chunk);
    batches.into_iter().map(|(_, batch)| batch).collect()
}

/// A worker's dead letters: a batch under construction for each sink that takes some.
pub(super) struct Post {
    epoch: u64,
    /// The number of the chunk at hand or of the last one.
    chunk: u64,
    bad: Option<(LetterBox, Rows<Builders>)>,
    late: Option<(LetterBox, Rows<Builders>)>,
}

impl Post {
    pub(super) fn new(boxes: &[LetterBox]) -> Self {
        let of = |sink| boxes.iter().find(|of| of.sink == sink).map(|of| (of.clone(), Rows::default()));
        Self { epoch: 0, chunk: 0, bad: of(Slot::DEAD_LETTERS), late: of(Slot::LATE) }
    }

    /// The epoch of the letters that come next.
    pub(super) fn begin(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// The number of the chunk of the letters that come next. Those of another worker may lie between it and the one before.
    pub(super) fn chunk(&mut self, number: u64) -> Result<()> {
        if self.chunk.wrapping_add(1) != number {
            self.put(|letters| letters.delivers)?;
        }
        self.chunk = number;
        Ok(())
    }

    /// Puts the rest of an epoch's letters into their boxes.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.put(|_| true)
    }

    /// Puts what there is into some of the boxes.
    fn put(&mut self, which: impl Fn(&LetterBox) -> bool) -> Result<()> {
        let at = (self.epoch, self.chunk);
        for (letters, rows) in self.bad.iter_mut().chain(&mut self.late).filter(|(letters, _)| which(letters)) {
            rows.take(true)?.into_iter().try_for_each(|batch| letters.put(at, batch))?;
        }
        Ok(())
    }

    /// What all workers have put into the boxes, unless another one has taken it.
    pub(super) fn seal(&self, epoch: u64) -> Result<Vec<Slot>> {
        let boxes = self.bad.iter().chain(&self.late);
        boxes.filter_map(|(letters, _)| letters.seal(epoch).transpose()).collect()
    }
}

impl Letters for Post {
    fn post(&mut self, letter: DeadLetter, late: bool) -> Result<()> {
        let to = if late { &mut self.late } else { &mut self.bad };
        // The policy says so only where there is a sink.
        let Some((letters, rows)) = to else { return Ok(()) };
        rows.emit(letter.row());
        let at = (self.epoch, self.chunk);
        rows.take(false)?.into_iter().try_for_each(|batch| letters.put(at, batch))
    }
}
