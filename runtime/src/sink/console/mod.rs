//! `console()`: rows as a table on standard output, for a first look and for tests.

mod cell;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{SortColumn, SortOptions, concat_batches, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;

use super::{Accepts, Append, Complete, Connected, Delivering, Sink, SinkDescription, Token, Update};
use crate::Result;
use crate::error::{Error, Kind};
use crate::setting::{Columns, Setting};

/// Prints the rows of each epoch as a table to standard output, after its commit.
///
/// ```
/// let sink = millstream::sink::console().sort(&["country"]).limit(10);
/// ```
#[must_use]
pub fn console() -> Console {
    Console { sort: &[], limit: 20, to: None }
}

/// The sink [`console`].
#[derive(Clone)]
pub struct Console {
    sort: &'static [&'static str],
    limit: usize,
    to: Option<Arc<Mutex<dyn Write + Send>>>,
}

/// What [`Console::to`] takes: everything that implements `Write + Send + 'static`.
#[diagnostic::on_unimplemented(
    message = "the sink `console` cannot print to `{Self}`",
    label = "this must be a writer",
    note = "give a Rust value that implements `Write` and `Send`: `to = {{std::io::stderr()}}`, `to = {{File::create(\"rows.txt\")?}}`"
)]
pub trait Writable: Write + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<W: Write + Send + 'static> Writable for W {}

impl Console {
    /// Sorts the rows of an epoch by these columns, ascending, nulls last. By default they are printed as they come.
    #[must_use]
    pub fn sort(mut self, columns: impl Columns) -> Self {
        self.sort = columns.given().unwrap_or(self.sort);
        self
    }

    /// The most rows to print of an epoch; of the others their number is printed. 20 by default.
    #[must_use]
    pub fn limit(mut self, rows: impl Setting<usize>) -> Self {
        self.limit = rows.given().unwrap_or(self.limit);
        self
    }

    /// Writes to something else than standard output, such as a file or standard error.
    ///
    /// ```
    /// let sink = millstream::sink::console().to(std::io::stderr());
    /// ```
    #[must_use]
    pub fn to(mut self, writer: impl Writable) -> Self {
        self.to = Some(Arc::new(Mutex::new(writer)));
        self
    }

    /// Rows from anywhere as the table that this sink prints, under `heading` and their number; empty without rows.
    ///
    /// # Errors
    /// The batches are not of one schema.
    pub fn table(&self, heading: impl fmt::Display, batches: &[RecordBatch]) -> Result<String> {
        let Some(first) = batches.first() else { return Ok(String::new()) };
        let all = concat_batches(first.schema_ref(), batches).map_err(internal)?;
        if all.num_rows() == 0 {
            return Ok(String::new());
        }
        let shown = self.sorted(&all).map_err(internal)?;
        let mut out = format!("{heading}, {}\n", count(all.num_rows(), ""));
        let schema = all.schema();
        let columns: Vec<Printed> = schema
            .fields()
            .iter()
            .zip(shown.columns())
            .map(|(field, array)| Printed::new(field.name(), array))
            .collect();
        line(&mut out, columns.iter().map(|column| (column, column.name.as_str())));
        let rule: Vec<_> = columns.iter().map(|column| "-".repeat(column.width + 2)).collect();
        out.push_str(&rule.join("+"));
        out.push('\n');
        for row in 0..shown.num_rows() {
            line(&mut out, columns.iter().map(|column| (column, column.cells.get(row).map_or("", String::as_str))));
        }
        let more = all.num_rows() - shown.num_rows();
        if more > 0 {
            // Writing to a String does not fail.
            let _ = writeln!(out, "… and {}", count(more, "more "));
        }
        Ok(out)
    }

    /// The rows to print, in their order.
    fn sorted(&self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let limit = self.limit.min(rows.num_rows());
        if self.sort.is_empty() {
            return Ok(rows.slice(0, limit));
        }
        let by = |values: ArrayRef| SortColumn {
            values,
            options: Some(SortOptions { descending: false, nulls_first: false }),
        };
        let mut columns: Vec<_> = self
            .sort
            .iter()
            .filter_map(|name| rows.column_by_name(name))
            .map(|values| by(Arc::clone(values)))
            .collect();
        // Rows that are alike stay in their order, so that the output is the same each time.
        columns.push(by(Arc::new(UInt32Array::from_iter_values(0..rows.num_rows() as u32))));
        take_record_batch(rows, &lexsort_to_indices(&columns, Some(limit))?)
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("sort", &self.sort).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Sink for Console {
    fn describe(&self) -> SinkDescription {
        let target = if self.to.is_none() { "stdout" } else { "a writer" };
        let mut options = vec![("limit", self.limit.to_string())];
        if !self.sort.is_empty() {
            options.push(("sort", self.sort.join(", ")));
        }
        SinkDescription { kind: "console", target: target.to_owned(), options, exactly_once: false }
    }

    fn connect(&self, schema: &SchemaRef) -> Result<Connected> {
        for name in self.sort {
            let wrong = |what: &str| Error::new(Kind::Config, format!("`sort` of sink console names `{name}`, {what}"));
            match schema.field_with_name(name) {
                Err(_) => {
                    let all: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
                    return Err(wrong("which is no column").help(format!("the columns are {}", all.join(", "))));
                }
                Ok(field) if matches!(field.data_type(), DataType::List(_)) => {
                    return Err(wrong("which is a list").help("sort by another column"));
                }
                Ok(_) => {}
            }
        }
        Ok(Connected::Delivering(Box::new(self.clone())))
    }
}

impl Delivering for Console {
    fn deliver(&mut self, token: &Token, batches: &[RecordBatch]) -> Result<()> {
        let table = self.table(format_args!("epoch {}", token.epoch), batches)?;
        let written = match &self.to {
            None => print(&mut io::stdout().lock(), &table),
            Some(writer) => print(&mut *writer.lock().unwrap_or_else(PoisonError::into_inner), &table),
        };
        written.map_err(|error| Error::printing(format_args!("printing the rows of epoch {}", token.epoch), error))
    }
}

impl Accepts<Append> for Console {}
impl Accepts<Update> for Console {}
impl Accepts<Complete> for Console {}

/// Writes in one piece, so that tables of several sinks do not mix. Unlike `println!` it returns the error when nobody
/// reads any more.
fn print<W: Write + ?Sized>(to: &mut W, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

/// A column as text.
struct Printed {
    name: String,
    cells: Vec<String>,
    width: usize,
    right: bool,
}

impl Printed {
    fn new(name: &str, array: &ArrayRef) -> Self {
        let mut shown = String::new();
        cell::escape(name, &mut shown);
        let cells: Vec<_> = (0..array.len()).map(|row| cell::text(array, row)).collect();
        let widest = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
        let width = widest.max(shown.chars().count());
        Self { name: shown, cells, width, right: array.data_type().is_numeric() }
    }
}

/// Appends a line of the table.
fn line<'a>(out: &mut String, cells: impl Iterator<Item = (&'a Printed, &'a str)>) {
    let start = out.len();
    for (at, (column, text)) in cells.enumerate() {
        out.push_str(if at == 0 { " " } else { " | " });
        let width = column.width;
        // Writing to a String does not fail.
        let _ = if column.right { write!(out, "{text:>width$}") } else { write!(out, "{text:<width$}") };
    }
    let end = out.get(start..).map_or(0, |line| line.trim_end_matches(' ').len());
    out.truncate(start + end);
    out.push('\n');
}

/// `1 row`, `2 more rows`.
fn count(rows: usize, more: &str) -> String {
    format!("{rows} {more}row{}", if rows == 1 { "" } else { "s" })
}

fn internal(error: ArrowError) -> Error {
    Error::new(Kind::Internal, format!("sorting rows for sink console: {error}")).caused_by(error)
}
