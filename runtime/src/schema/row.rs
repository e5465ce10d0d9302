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
    /// How much the values take up that have no fixed size, as [`Builder::bulk`](crate::schema::Builder::bulk) of all
    /// columns together.
    fn bulk(&self) -> usize;
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
    /// Whether a row is being appended: it is left so by a panic.
    busy: bool,
    limits: Limits,
}

/// Rows in a batch: enough to amortise its fixed cost, few enough to stay in the cache.
const BATCH_ROWS: usize = 8_192;

/// How much of what has no fixed size a batch has: bytes of text and items of lists.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// A batch is cut when it has as much.
    pub(crate) cut: usize,
    /// The most it can have, which only a single row can pass: Arrow counts by 31 bits.
    pub(crate) most: usize,
}

impl Limits {
    pub(crate) const ARROW: Self = Self { cut: 64 << 20, most: i32::MAX as usize };
}

impl<B: RowBuilder> Default for Rows<B> {
    fn default() -> Self {
        Self {
            builders: B::default(),
            schema: B::schema(),
            full: Vec::new(),
            broken: None,
            len: 0,
            busy: false,
            limits: Limits::ARROW,
        }
    }
}

impl<B: RowBuilder> Rows<B> {
    /// Appends a row.
    #[inline]
    pub fn emit<R: Row<Builders = B>>(&mut self, row: R) {
        self.busy = true;
        row.push(&mut self.builders);
        self.len += 1;
        if self.len >= BATCH_ROWS || self.builders.bulk() >= self.limits.cut {
            self.cut();
        }
        self.busy = false;
    }

    /// Whether a panic has left a row half appended.
    pub(crate) fn is_broken_off(&self) -> bool {
        self.busy
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
        let options = RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.len)));
        if self.builders.bulk() > self.limits.most {
            self.builders = B::default();
            self.broken.get_or_insert_with(|| too_large("a row"));
            return;
        }
        let columns = self.builders.finish();
        match RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options) {
            Ok(batch) => self.full.push(batch),
            Err(error) => {
                let message = format!("a row builder's arrays do not match its schema: {error}");
                self.broken = Some(Error::new(Kind::Internal, message).help("mend the `RowBuilder` of the row"));
            }
        }
    }
}

/// What is too large for a batch even by itself.
#[cold]
pub(crate) fn too_large(what: &str) -> Error {
    let message =
        format!("the text and the items of lists of {what} are more than 2 GiB, which no Arrow batch can hold");
    Error::new(Kind::Data, message).help("keep less in it: leave out columns that are not needed, collect less, or make several rows of it with `explode`")
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

#[cfg(test)]
#[allow(clippy::unwrap_used, unreachable_pub)]
mod tests {
    use super::*;
    use crate::schema::Stored;

    #[derive(Clone, Copy)]
    struct Line<'a> {
        text: &'a str,
        words: &'a [&'a str],
    }
    crate::row!(Lines, Line<'_> { text: String, words: Vec<String> });

    fn rows() -> Rows<Lines> {
        Rows { limits: Limits { cut: 100, most: 200 }, ..Rows::default() }
    }

    #[test]
    fn a_batch_is_cut_before_its_text_passes_the_offsets_of_arrow() {
        let mut rows = rows();
        let long = "x".repeat(30);
        for _ in 0..10 {
            rows.emit(Line { text: &long, words: &[] });
        }
        // Text inside of lists counts, and so does an item.
        for _ in 0..5 {
            rows.emit(Line { text: "", words: &["123456789", "123456789"] });
        }
        let batches = rows.take(true).unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [4, 4, 4, 3]);
        let text = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|row| String::load(batch.column(0), row)));
        assert!(text.take(10).all(|text| text.as_ref() == Some(&long)));
        let words = Vec::<String>::load(batches[3].column(1), 0).unwrap();
        assert_eq!(words, ["123456789", "123456789"]);
    }

    #[test]
    fn a_row_that_no_batch_can_hold_is_an_error_and_not_a_panic() {
        let mut rows = rows();
        rows.emit(Line { text: "a", words: &[] });
        rows.emit(Line { text: &"x".repeat(201), words: &[] });
        let error = rows.take(true).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains("more than 2 GiB"), "{error}");
    }
}
