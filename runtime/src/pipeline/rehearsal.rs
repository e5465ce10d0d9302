//! A run on a simulated machine: nothing of it gets outside.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;

use crate::Result;
use crate::sink::{Delivering, Token};
use crate::store::Place;
use crate::store::simulated::Process;

/// What was delivered, in the order in which it was.
pub(crate) type Received = Arc<Mutex<Vec<(Token, Vec<RecordBatch>)>>>;

/// The process that a run is, and who takes what it delivers.
#[derive(Debug, Clone)]
pub(crate) struct Rehearsal {
    pub process: Process,
    pub received: Received,
}

impl Rehearsal {
    /// What is on this machine in the place of a folder outside: of a checkpoint, or of an output.
    pub(crate) fn place(&self, place: &Place, output: bool) -> Result<Place> {
        place.simulated(&self.process, output)
    }

    /// Who takes the rows of a sink that delivers.
    pub(crate) fn receiver(&self) -> Box<dyn Delivering> {
        Box::new(self.clone())
    }
}

impl Delivering for Rehearsal {
    fn deliver(&mut self, token: &Token, batches: &[RecordBatch]) -> Result<()> {
        self.process.life().call(
            || format!("deliver epoch {}", token.epoch),
            |_| {
                let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
                received.push((token.clone(), batches.to_vec()));
                Ok(())
            },
        )
    }
}
