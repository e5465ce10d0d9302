use std::sync::{Arc, Mutex};

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};

use super::{Batch, Writer, foreach, foreach_batch};
use crate::decode::{Fault, Reader};
use crate::error::{Error, Kind};
use crate::schema::{Builder, Column, Projection, Stored, StreamSchema};
use crate::sink::{Connected, Delivering, Sink, Token, collect};
use crate::{Result, schema::batch::read_rows};

/// What `#[derive(StreamSchema)]` makes, as far as it is needed to read rows.
#[derive(Debug, Clone, PartialEq)]
struct Total {
    country: String,
    n: Option<i64>,
}

#[derive(Default)]
struct NoBuilder;

impl Builder for NoBuilder {
    fn push_placeholder(&mut self) {}
    fn len(&self) -> usize {
        0
    }
    fn bulk(&self) -> usize {
        0
    }
    fn finish(&mut self, _: Option<NullBuffer>) -> ArrayRef {
        unreachable!()
    }
}

impl Stored for Total {
    type View<'a> = (&'a str, Option<i64>);
    type Builder = NoBuilder;
    fn data_type() -> DataType {
        DataType::Struct(Self::fields())
    }
    fn view<'a>(&'a self, _arena: &'a bumpalo::Bump) -> Self::View<'a> {
        (&self.country, self.n)
    }
    fn own((country, n): Self::View<'_>) -> Self {
        Self { country: country.to_owned(), n }
    }
    fn push(_: Self::View<'_>, _: &mut NoBuilder) {}
    fn load(array: &dyn Array, row: usize) -> Option<Self> {
        let array = array.as_struct();
        Some(Self {
            country: Stored::load(array.column_by_name("country")?, row)?,
            n: Stored::load(array.column_by_name("n")?, row)?,
        })
    }
}

impl Column for Total {
    fn read<'a, R: Reader<'a>, P: Projection>(_: &mut R) -> Result<Self::View<'a>, Fault> {
        unreachable!()
    }
    fn unread<'a>() -> Self::View<'a> {
        ("", None)
    }
}

impl StreamSchema for Total {
    type Itself = Self;
    const NAME: &'static str = "Total";
    const FIELDS: &'static [&'static str] = &["country", "n"];
    const EVENT_TIME: Option<&'static str> = None;
    fn fields() -> Fields {
        vec![Field::new("country", DataType::Utf8, false), Field::new("n", DataType::Int64, true)].into()
    }
}

fn total(country: &str, n: Option<i64>) -> Total {
    Total { country: country.to_owned(), n }
}

fn token(epoch: u64) -> Token {
    Token { pipeline: "p".into(), sink: 0, epoch }
}

/// Columns in another order, and one more.
fn rows() -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("n", Arc::new(Int64Array::from(vec![Some(1), None]))),
        ("other", Arc::new(Float64Array::from(vec![0.5, 0.25]))),
        ("country", Arc::new(StringArray::from(vec!["DE", "FR"]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn delivering(sink: &impl Sink, schema: &RecordBatch) -> Result<Box<dyn Delivering>> {
    match sink.connect(&schema.schema())? {
        Connected::Delivering(delivering) => Ok(delivering),
        Connected::Staging(_) => panic!("it delivers"),
    }
}

#[test]
fn batches_are_typed() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = foreach_batch({
        let seen = Arc::clone(&seen);
        move |batch: Batch<Total>| {
            seen.lock().unwrap().push(batch);
            Ok(())
        }
    });
    let mut delivering = delivering(&sink, &rows()).unwrap();
    delivering.deliver(&token(4), &[rows(), rows().slice(0, 1)]).unwrap();
    let expected = vec![total("DE", Some(1)), total("FR", None), total("DE", Some(1))];
    assert_eq!(*seen.lock().unwrap(), [Batch { token: token(4), rows: expected }]);
}

#[test]
fn batches_are_arrow_as_well_and_errors_come_through() {
    let sink = foreach_batch(|batch: Batch<RecordBatch>| {
        assert_eq!(batch.rows, [rows()]);
        Err(Error::new(Kind::Unavailable, "the receiver is down"))
    });
    let error = delivering(&sink, &rows()).unwrap().deliver(&token(4), &[rows()]).unwrap_err();
    assert_eq!(error.to_string(), "the receiver is down");
}

#[test]
fn a_writer_is_opened_and_closed_for_each_epoch() {
    struct Log(Arc<Mutex<Vec<String>>>);
    impl Writer<Total> for Log {
        fn open(&mut self, token: &Token) -> Result<()> {
            self.0.lock().unwrap().push(token.to_string());
            Ok(())
        }
        fn process(&mut self, row: Total, ordinal: u64) -> Result<()> {
            self.0.lock().unwrap().push(format!("{ordinal} {}", row.country));
            Ok(())
        }
        fn close(&mut self) -> Result<()> {
            self.0.lock().unwrap().push("close".into());
            Ok(())
        }
    }
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut delivering = delivering(&foreach(Log(Arc::clone(&log))), &rows()).unwrap();
    delivering.deliver(&token(4), &[rows(), rows()]).unwrap();
    delivering.deliver(&token(5), &[]).unwrap();
    assert_eq!(*log.lock().unwrap(), ["p/0/4", "0 DE", "1 FR", "2 DE", "3 FR", "close", "p/0/5", "close"]);
}

#[test]
fn collected_rows_are_typed() {
    let collected = collect();
    delivering(&collected, &rows()).unwrap().deliver(&token(1), &[rows()]).unwrap();
    assert_eq!(collected.rows::<Total>().unwrap(), [total("DE", Some(1)), total("FR", None)]);
}

#[test]
fn mismatches_name_the_column_and_both_types() {
    let sink = foreach_batch(|_: Batch<Total>| Ok(()));
    let says = |columns: Vec<(&str, ArrayRef)>, words: &str| {
        let error = delivering(&sink, &RecordBatch::try_from_iter(columns).unwrap()).err().unwrap();
        assert_eq!(error.to_string(), words);
    };
    let country: ArrayRef = Arc::new(StringArray::from(vec!["DE"]));
    says(
        vec![("country", Arc::clone(&country)), ("n", Arc::new(Float64Array::from(vec![1.0])))],
        "rows cannot be read as `Total`: column `n` is Int64, but the rows have Float64; \
         declare the field with the type of the rows, or convert the column in a `select`",
    );
    says(
        vec![("country", country)],
        "rows cannot be read as `Total`: column `n` is Int64, but the rows have none of its name; \
         the columns of the rows are country; `select` it, or drop the field",
    );
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("country", Arc::new(StringArray::from(vec![Some("DE"), None]))),
        ("n", Arc::new(Int64Array::from(vec![1, 2]))),
    ];
    let error = read_rows::<Total>(&[RecordBatch::try_from_iter(columns).unwrap()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "row 1 cannot be read as `Total`: column `country` is null; \
         declare the field as an `Option`, or filter such rows out"
    );
}
