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
    inside: Arc<Mutex<Inside>>,
}

struct Inside {
    /// `None` when the sink delivers: it is handed an epoch's rows at once, after the commit.
    writer: Option<Box<dyn StageWriter>>,
    batches: Vec<RecordBatch>,
    used: bool,
}

impl LetterBox {
    /// The box of sink number `sink`.
    pub(super) fn new(sink: usize, writer: Option<Box<dyn StageWriter>>) -> Self {
        let inside = Inside { writer, batches: Vec::new(), used: false };
        Self { sink, inside: Arc::new(Mutex::new(inside)) }
    }

    fn put(&self, epoch: u64, batch: RecordBatch) -> Result<()> {
        let mut inside = thread::lock(&self.inside);
        inside.used = true;
        let Inside { writer, batches, .. } = &mut *inside;
        match writer {
            Some(writer) => writer.write(epoch, &batch),
            None => {
                batches.push(batch);
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
        let batches = std::mem::take(&mut inside.batches);
        let files = inside.writer.as_mut().map(|writer| writer.seal(epoch)).transpose()?.unwrap_or_default();
        Ok(Some(Slot { sink: self.sink, files, batches }))
    }
}

/// A worker's dead letters: a batch under construction for each sink that takes some.
pub(super) struct Post {
    epoch: u64,
    bad: Option<(LetterBox, Rows<Builders>)>,
    late: Option<(LetterBox, Rows<Builders>)>,
}

impl Post {
    pub(super) fn new(boxes: &[LetterBox]) -> Self {
        let of = |sink| boxes.iter().find(|of| of.sink == sink).map(|of| (of.clone(), Rows::default()));
        Self { epoch: 0, bad: of(Slot::DEAD_LETTERS), late: of(Slot::LATE) }
    }

    /// The epoch of the letters that come next.
    pub(super) fn begin(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// Puts the rest of an epoch's letters into their boxes.
    pub(super) fn flush(&mut self) -> Result<()> {
        for (letters, rows) in self.bad.iter_mut().chain(&mut self.late) {
            rows.take(true)?.into_iter().try_for_each(|batch| letters.put(self.epoch, batch))?;
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
        rows.take(false)?.into_iter().try_for_each(|batch| letters.put(self.epoch, batch))
    }
}
