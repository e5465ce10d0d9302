//! `foreach_batch(..)` and `foreach(..)`: rows to a user's own code.
//!
//! Both are handed the rows of an epoch after its commit, and again after a crash between the commit and the end of the
//! call, with the same [`Token`]. A receiver that remembers the last token, or takes it as an idempotency key, has every
//! row exactly once.

#[cfg(test)]
mod tests;

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};

use super::{Accepts, Append, Complete, Connected, Delivering, Sink, SinkDescription, Token, Update};
use crate::Result;
use crate::schema::StreamSchema;
use crate::schema::batch::{check, read_rows};

/// The rows of an epoch: Arrow batches, or values of a struct with `#[derive(StreamSchema)]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<T = RecordBatch> {
    /// The same when the rows are handed over again.
    pub token: Token,
    /// The rows. Of one epoch there are all of them; an epoch without rows may be left out.
    pub rows: Vec<T>,
}

/// What a [`Batch`] can hold: [`RecordBatch`], or a struct with `#[derive(StreamSchema)]`.
#[diagnostic::on_unimplemented(
    message = "a batch cannot hold `{Self}`",
    note = "write `|batch: Batch<RecordBatch>|` for Arrow, or `#[derive(StreamSchema)]` above `struct {Self}`"
)]
pub trait Item: Sized + 'static {
    /// Whether rows of a schema can be read.
    ///
    /// # Errors
    /// They cannot.
    fn fits(schema: &Schema) -> Result<()>;
    /// Reads rows.
    ///
    /// # Errors
    /// They are not what the item is.
    fn read(batches: &[RecordBatch]) -> Result<Vec<Self>>;
}

impl Item for RecordBatch {
    fn fits(_schema: &Schema) -> Result<()> {
        Ok(())
    }
    fn read(batches: &[RecordBatch]) -> Result<Vec<Self>> {
        Ok(batches.to_vec())
    }
}

impl<T: StreamSchema> Item for T {
    fn fits(schema: &Schema) -> Result<()> {
        check::<T>(schema)
    }
    fn read(batches: &[RecordBatch]) -> Result<Vec<Self>> {
        read_rows(batches)
    }
}

/// Calls a function with the rows of each epoch. An error ends the run; the next one hands the rows over again.
///
/// ```
/// use arrow::array::RecordBatch;
/// use millstream::sink::{Batch, foreach_batch};
/// let sink = foreach_batch(|batch: Batch<RecordBatch>| {
///     let rows: usize = batch.rows.iter().map(RecordBatch::num_rows).sum();
///     println!("{}: {rows} rows", batch.token);
///     Ok(())
/// });
/// ```
pub fn foreach_batch<T, F>(function: F) -> ForeachBatch<T, F>
where
    T: Item,
    F: Fn(Batch<T>) -> Result<()> + Send + Sync + 'static,
{
    ForeachBatch { function: Arc::new(function), item: PhantomData }
}

/// The sink [`foreach_batch`].
pub struct ForeachBatch<T, F> {
    function: Arc<F>,
    item: PhantomData<fn() -> T>,
}

impl<T, F> Clone for ForeachBatch<T, F> {
    fn clone(&self) -> Self {
        Self { function: Arc::clone(&self.function), item: PhantomData }
    }
}

impl<T, F> fmt::Debug for ForeachBatch<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("foreach_batch(..)")
    }
}

impl<T: Item, F: Fn(Batch<T>) -> Result<()> + Send + Sync + 'static> Sink for ForeachBatch<T, F> {
    fn describe(&self) -> SinkDescription {
        function("foreach_batch", std::any::type_name::<F>())
    }
    fn connect(&self, schema: &SchemaRef) -> Result<Connected> {
        T::fits(schema)?;
        Ok(Connected::Delivering(Box::new(self.clone())))
    }
}

impl<T: Item, F: Fn(Batch<T>) -> Result<()> + Send + Sync + 'static> Delivering for ForeachBatch<T, F> {
    fn deliver(&mut self, token: &Token, batches: &[RecordBatch]) -> Result<()> {
        (self.function)(Batch { token: token.clone(), rows: T::read(batches)? })
    }
}

impl<T: Item, F: Fn(Batch<T>) -> Result<()> + Send + Sync + 'static> Accepts<Append> for ForeachBatch<T, F> {}
impl<T: Item, F: Fn(Batch<T>) -> Result<()> + Send + Sync + 'static> Accepts<Update> for ForeachBatch<T, F> {}
impl<T: Item, F: Fn(Batch<T>) -> Result<()> + Send + Sync + 'static> Accepts<Complete> for ForeachBatch<T, F> {}

/// Takes rows one by one, for [`foreach`].
///
/// Per epoch `open` is called once, then `process` for each row, then `close`. After an error none of them is called
/// again in this run; the next run begins the epoch anew.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot take rows of type `{T}`",
    note = "write `impl Writer<{T}> for {Self}` with `open`, `process` and `close`"
)]
pub trait Writer<T> {
    /// An epoch begins.
    ///
    /// # Errors
    /// The run ends.
    fn open(&mut self, token: &Token) -> Result<()>;
    /// Takes a row. `ordinal` counts the rows of the epoch from 0 and is the same when the row is handed over again, so
    /// that `TOKEN/ORDINAL` is the key of the row.
    ///
    /// # Errors
    /// The run ends.
    fn process(&mut self, row: T, ordinal: u64) -> Result<()>;
    /// All rows of the epoch were processed; they count as delivered when this returns.
    ///
    /// # Errors
    /// The run ends.
    fn close(&mut self) -> Result<()>;
}

/// Hands each row to a [`Writer`], which keeps what it needs between rows and epochs.
///
/// ```
/// use millstream::Result;
/// use millstream::schema::StreamSchema;
/// use millstream::sink::{Token, Writer, foreach};
///
/// struct Post { url: &'static str, key: String }
///
/// impl<T: StreamSchema> Writer<T> for Post {
///     fn open(&mut self, token: &Token) -> Result<()> {
///         self.key = token.to_string();
///         Ok(())
///     }
///     fn process(&mut self, _row: T, ordinal: u64) -> Result<()> {
///         println!("POST {} Idempotency-Key: {}/{ordinal}", self.url, self.key);
///         Ok(())
///     }
///     fn close(&mut self) -> Result<()> {
///         Ok(())
///     }
/// }
///
/// # fn example<Alert: StreamSchema>() {
/// let sink = foreach::<Alert, _>(Post { url: "https://alerts.example", key: String::new() });
/// # }
/// ```
pub fn foreach<T, W>(writer: W) -> Foreach<T, W>
where
    T: StreamSchema,
    W: Writer<T> + Send + 'static,
{
    Foreach { writer: Arc::new(Mutex::new(writer)), row: PhantomData }
}

/// The sink [`foreach`].
pub struct Foreach<T, W> {
    writer: Arc<Mutex<W>>,
    row: PhantomData<fn() -> T>,
}

impl<T, W> Clone for Foreach<T, W> {
    fn clone(&self) -> Self {
        Self { writer: Arc::clone(&self.writer), row: PhantomData }
    }
}

impl<T, W> fmt::Debug for Foreach<T, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("foreach(..)")
    }
}

impl<T: StreamSchema, W: Writer<T> + Send + 'static> Sink for Foreach<T, W> {
    fn describe(&self) -> SinkDescription {
        function("foreach", std::any::type_name::<W>())
    }
    fn connect(&self, schema: &SchemaRef) -> Result<Connected> {
        check::<T>(schema)?;
        Ok(Connected::Delivering(Box::new(self.clone())))
    }
}

impl<T: StreamSchema, W: Writer<T> + Send + 'static> Delivering for Foreach<T, W> {
    fn deliver(&mut self, token: &Token, batches: &[RecordBatch]) -> Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.open(token)?;
        let mut ordinal = 0;
        for batch in batches {
            for row in read_rows(std::slice::from_ref(batch))? {
                writer.process(row, ordinal)?;
                ordinal += 1;
            }
        }
        writer.close()
    }
}

impl<T: StreamSchema, W: Writer<T> + Send + 'static> Accepts<Append> for Foreach<T, W> {}
impl<T: StreamSchema, W: Writer<T> + Send + 'static> Accepts<Update> for Foreach<T, W> {}
impl<T: StreamSchema, W: Writer<T> + Send + 'static> Accepts<Complete> for Foreach<T, W> {}

/// The description of a sink that is a user's function or type.
fn function(kind: &'static str, name: &str) -> SinkDescription {
    SinkDescription { kind, target: name.to_owned(), options: Vec::new(), exactly_once: false }
}
