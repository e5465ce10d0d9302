//! Rows of columns and the batches they are collected in.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};

use crate::Result;
use crate::error::{Error, Kind};

/// The builders of all columns of a row.
pub trait RowBuilder: Default + Send + 'static {
    /// The schema of the batches, known before the first row.
    fn schema() -> SchemaRef;
    /// The number of rows appended since the last [`Self::finish`].
    fn len(&self) -> usize;
    /// Whether nothing was appended.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The arrays of the rows, in the order of [`Self::schema`]; empties the builders.
    fn finish(&mut self) -> Vec<ArrayRef>;
}

/// A row that can be written to a sink: the view of a schema, what `select` and `agg` make, the record of a source and the
/// row of a format. [`row!`](crate::row) makes a struct one.
#[diagnostic::on_unimplemented(
    message = "the rows `{Self}` cannot be written to a sink as a whole",
    note = "name their columns: `select {{ a, b = EXPR }}`; a row of your own is made one by `millstream::row!`"
)]
pub trait Row {
    /// The builders of its columns.
    type Builders: RowBuilder;
    /// Appends the row.
    fn push(self, builders: &mut Self::Builders);
}

/// Collects rows and cuts them into batches.
pub struct Rows<B> {
    builders: B,
    schema: SchemaRef,
    full: Vec<RecordBatch>,
    broken: Option<Error>,
    /// Rows of the batch under construction.
    len: usize,
}

/// Rows in a batch: enough to amortise its fixed cost, few enough to stay in the cache.
const BATCH_ROWS: usize = 8_192;

impl<B: RowBuilder> Default for Rows<B> {
    fn default() -> Self {
        Self { builders: B::default(), schema: B::schema(), full: Vec::new(), broken: None, len: 0 }
    }
}

impl<B: RowBuilder> Rows<B> {
    /// Appends a row.
    #[inline]
    pub fn emit<R: Row<Builders = B>>(&mut self, row: R) {
        row.push(&mut self.builders);
        self.len += 1;
        if self.len >= BATCH_ROWS {
            self.cut();
        }
    }

    /// The schema of the batches.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Takes the batches that are full; `all` takes what is left over as well.
    ///
    /// # Errors
    /// The arrays of hand-written builders do not match their schema.
    pub fn take(&mut self, all: bool) -> Result<Vec<RecordBatch>> {
        if all && self.len > 0 {
            self.cut();
        }
        match self.broken.take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut self.full)),
        }
    }

    #[cold]
    fn cut(&mut self) {
        let options = RecordBatchOptions::new().with_row_count(Some(self.len));
        let columns = self.builders.finish();
        self.len = 0;
        match RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options) {
            Ok(batch) => self.full.push(batch),
            Err(error) => {
                let message = format!("a row builder's arrays do not match its schema: {error}");
                self.broken = Some(Error::new(Kind::Internal, message).help("mend the `RowBuilder` of the row"));
            }
        }
    }
}

/// The schema of a list of fields.
#[must_use]
pub fn schema_of(fields: arrow::datatypes::Fields) -> SchemaRef {
    Arc::new(Schema::new(fields))
}

/// The name of a column from its identifier: without the `r#` of a raw one.
#[must_use]
pub fn plain_name(name: &str) -> &str {
    name.strip_prefix("r#").unwrap_or(name)
}
