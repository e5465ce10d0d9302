//! `collect(&handle)`: rows into memory, for tests and small results.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::{Accepts, Append, Complete, Connected, Delivering, Sink, SinkDescription, Token, Update};
use crate::Result;
use crate::schema::StreamSchema;
use crate::schema::batch::read_rows;

/// Rows that a pipeline has collected; clones share them.
///
/// Nothing is replaced: in `mode = update` a group is there once for each epoch that changed it, the last one counts; in
/// `mode = complete` the table is there once for each epoch, and [`latest`](Self::latest) gives the last.
///
/// ```
/// use millstream::sink::collect;
/// let rows = collect();
/// // pipeline! { from .. | sink rows.clone() } .. run ..
/// assert_eq!(rows.len(), 0);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Collect(Arc<Mutex<Vec<(u64, RecordBatch)>>>);

/// A handle that collects rows.
#[must_use]
pub fn collect() -> Collect {
    Collect::default()
}

impl Collect {
    /// The batches collected so far, in the order of their epochs.
    #[must_use]
    pub fn batches(&self) -> Vec<RecordBatch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(_, batch)| batch.clone()).collect()
    }

    /// The rows of the last epoch that had some, as values of `T`: in `mode = complete`, the table as it is.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub fn latest<T: StreamSchema>(&self) -> Result<Vec<T>> {
        let batches = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some((last, _)) = batches.last() else { return Ok(Vec::new()) };
        let latest = batches.iter().filter(|(epoch, _)| epoch == last).map(|(_, batch)| batch.clone());
        read_rows(&latest.collect::<Vec<_>>())
    }

    /// The rows collected so far, as values of `T`, in the order of their epochs.
    ///
    /// # Errors
    /// A column of `T` is missing or of another type, or holds a null that `T` has no place for.
    ///
    /// ```no_run
    /// # fn example<PerCountry: millstream::schema::StreamSchema>() -> millstream::Result<()> {
    /// let rows = millstream::sink::collect();
    /// let totals: Vec<PerCountry> = rows.rows()?;
    /// # Ok(()) }
    /// ```
    pub fn rows<T: StreamSchema>(&self) -> Result<Vec<T>> {
        read_rows(&self.batches())
    }

    /// The number of rows collected so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batches().iter().map(RecordBatch::num_rows).sum()
    }

    /// Whether no row has come yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Sink for Collect {
    fn describe(&self) -> SinkDescription {
        SinkDescription { kind: "collect", target: "memory".into(), options: Vec::new(), exactly_once: false }
    }
    fn connect(&self, _schema: &SchemaRef) -> Result<Connected> {
        Ok(Connected::Delivering(Box::new(self.clone())))
    }
}

impl Accepts<Append> for Collect {}
impl Accepts<Update> for Collect {}
impl Accepts<Complete> for Collect {}

impl Delivering for Collect {
    fn deliver(&mut self, token: &Token, batches: &[RecordBatch]) -> Result<()> {
        let rows = batches.iter().map(|batch| (token.epoch, batch.clone()));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(rows);
        Ok(())
    }
}
