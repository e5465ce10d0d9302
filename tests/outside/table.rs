//! `sink table("out", header = yes)`: files of comma-separated values, staged, so that each row is there once.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::util::display::array_value_to_string;
use millstream::Result;
use millstream::error::{Error, Kind};
use millstream::sink::{
    Accepts, Append, Connected, Sink, SinkDescription, StageWriter, StagedFile, Staging, WriterContext,
};
use millstream::store::Place;

/// `sink table("out")`
pub fn table(root: impl Into<PathBuf>) -> Table {
    Table { root: root.into(), header: no }
}

/// The sink [`table`].
#[derive(Clone)]
pub struct Table {
    root: PathBuf,
    header: Header,
}

/// Whether a file begins with the names of the columns.
#[derive(Clone, Copy)]
pub struct Header(bool);

/// `header = yes`
#[allow(non_upper_case_globals)]
pub const yes: Header = Header(true);
/// `header = no`
#[allow(non_upper_case_globals)]
pub const no: Header = Header(false);

impl Table {
    /// Whether a file begins with the names of the columns.
    #[must_use]
    pub fn header(mut self, header: Header) -> Self {
        self.header = header;
        self
    }
}

impl Sink for Table {
    fn describe(&self) -> SinkDescription {
        let target = self.root.display().to_string();
        SinkDescription { kind: "table", target, options: Vec::new(), exactly_once: true }
    }
    fn connect(&self, schema: &SchemaRef) -> Result<Connected> {
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let header = if self.header.0 { names.join(",") + "\n" } else { String::new() };
        Ok(Connected::Staging(Arc::new(Files { root: self.root.clone(), header })))
    }
}
impl Accepts<Append> for Table {}

struct Files {
    root: PathBuf,
    header: String,
}

impl Staging for Files {
    fn root(&self) -> Place {
        Place::Local(self.root.clone())
    }
    fn writer(&self, context: WriterContext) -> Box<dyn StageWriter> {
        Box::new(Writer { context, header: self.header.clone(), text: String::new(), rows: 0 })
    }
}

struct Writer {
    context: WriterContext,
    header: String,
    text: String,
    rows: u64,
}

impl StageWriter for Writer {
    fn write(&mut self, _epoch: u64, batch: &RecordBatch) -> Result<()> {
        for row in 0..batch.num_rows() {
            let values: std::result::Result<Vec<_>, _> =
                batch.columns().iter().map(|column| array_value_to_string(column, row)).collect();
            let values = values
                .map_err(|error| Error::new(Kind::Output, "a value cannot be written as text").caused_by(error))?;
            self.text += &values.join(",");
            self.text += "\n";
            self.rows += 1;
        }
        Ok(())
    }
    fn seal(&mut self, epoch: u64) -> Result<Vec<StagedFile>> {
        let (text, rows) = (std::mem::take(&mut self.text), std::mem::take(&mut self.rows));
        if rows == 0 {
            return Ok(Vec::new());
        }
        let text = format!("{}{text}", self.header);
        Ok(vec![self.context.stage(epoch, "csv", text.as_bytes(), rows)?])
    }
}
