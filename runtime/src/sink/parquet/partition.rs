//! Which rows of a batch go to which folder.

use arrow::array::{Array, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Date32Type, Schema, TimeUnit, TimestampMicrosecondType};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::path;
use crate::Result;
use crate::error::{Error, Kind};
use crate::time::{Date, Timestamp};

/// The most columns that name folders.
const MAX_COLUMNS: usize = 8;

/// A column that names folders.
#[derive(Debug, Clone)]
struct Column {
    name: String,
    index: usize,
}

/// The columns that name folders.
#[derive(Debug, Clone)]
pub(super) struct Columns(Vec<Column>);

impl Columns {
    /// Finds the columns in a schema and checks their types.
    pub(super) fn new(names: &[&str], schema: &Schema) -> Result<Self> {
        // Deeper paths could be longer than a file system takes, which would show after the commit only.
        if names.len() > MAX_COLUMNS {
            return Err(Error::new(Kind::Config, format!("`partition_by` names {} columns", names.len()))
                .help(format!("name {MAX_COLUMNS} at most")));
        }
        let mut columns: Vec<Column> = Vec::with_capacity(names.len());
        for name in names {
            let Some((index, field)) = schema.column_with_name(name) else {
                let all: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
                return Err(Error::new(Kind::Config, format!("`partition_by` names `{name}`, which is no column"))
                    .help(format!("the columns are {}", all.join(", "))));
            };
            if columns.iter().any(|column| column.index == index) {
                return Err(Error::new(Kind::Config, format!("`partition_by` names `{name}` twice")));
            }
            if !allowed(field.data_type()) {
                let message = format!("`partition_by` names `{name}`, which is {}", field.data_type());
                return Err(Error::new(Kind::Config, message)
                    .help("name columns of text, integers, bool, Date or Timestamp, or `select` one, as in `date = ts.date()`"));
            }
            // The name is a part of a path as it is, since readers do not decode it.
            if name.len() > 100 || !name.chars().all(|char| char.is_alphanumeric() || char == '_') {
                return Err(Error::new(
                    Kind::Config,
                    format!("`partition_by` names `{name}`, which cannot name a folder"),
                )
                .help("rename it with `select` to letters, digits and `_`, 100 bytes at most"));
            }
            columns.push(Column { name: (*name).to_owned(), index });
        }
        if columns.len() >= schema.fields().len() {
            return Err(Error::new(Kind::Config, "every column is in `partition_by`, and none remains for the files")
                .help("leave a column out of `partition_by`, or `select` another"));
        }
        Ok(Self(columns))
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers of the columns that remain in the files.
    pub(super) fn rest(&self, schema: &Schema) -> Vec<usize> {
        (0..schema.fields().len()).filter(|index| self.0.iter().all(|column| column.index != *index)).collect()
    }

    /// The names, for messages.
    pub(super) fn names(&self) -> String {
        self.0.iter().map(|column| format!("`{}`", column.name)).collect::<Vec<_>>().join(", ")
    }
}

/// Whether values of a type can name folders.
fn allowed(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::Boolean | DataType::Date32 => true,
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => zone.as_ref() == "UTC",
        other => other.is_integer(),
    }
}

/// A value that names a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Day(i32),
    Instant(i64),
    Text(Box<str>),
}

/// The values of one column of a batch.
enum Values {
    Bool(BooleanArray),
    Signed(Int64Array),
    Unsigned(UInt64Array),
    Day(arrow::array::Date32Array),
    Instant(arrow::array::TimestampMicrosecondArray),
    Text(StringArray),
}

impl Values {
    fn new(array: &dyn Array) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Boolean => Self::Bool(array.as_boolean_opt()?.clone()),
            DataType::Date32 => Self::Day(array.as_primitive_opt::<Date32Type>()?.clone()),
            DataType::Timestamp(..) => Self::Instant(array.as_primitive_opt::<TimestampMicrosecondType>()?.clone()),
            DataType::Utf8 => Self::Text(array.as_string_opt::<i32>()?.clone()),
            signed if signed.is_signed_integer() => {
                Self::Signed(arrow::compute::cast(array, &DataType::Int64).ok()?.as_primitive_opt()?.clone())
            }
            _ => Self::Unsigned(arrow::compute::cast(array, &DataType::UInt64).ok()?.as_primitive_opt()?.clone()),
        })
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Bool(array) => array.is_null(row),
            Self::Signed(array) => array.is_null(row),
            Self::Unsigned(array) => array.is_null(row),
            Self::Day(array) => array.is_null(row),
            Self::Instant(array) => array.is_null(row),
            Self::Text(array) => array.is_null(row),
        }
    }

    /// Mixes the value of a row into a hash.
    fn hash(&self, row: usize, seed: u64) -> u64 {
        if self.is_null(row) {
            return xxh3_64_with_seed(b"null", seed);
        }
        match self {
            Self::Bool(array) => xxh3_64_with_seed(&[u8::from(array.value(row))], seed),
            Self::Signed(array) => xxh3_64_with_seed(&array.value(row).to_le_bytes(), seed),
            Self::Unsigned(array) => xxh3_64_with_seed(&array.value(row).to_le_bytes(), seed),
            Self::Day(array) => xxh3_64_with_seed(&array.value(row).to_le_bytes(), seed),
            Self::Instant(array) => xxh3_64_with_seed(&array.value(row).to_le_bytes(), seed),
            Self::Text(array) => xxh3_64_with_seed(array.value(row).as_bytes(), seed),
        }
    }

    /// Whether the value of a row is this one.
    fn is(&self, row: usize, value: &Value) -> bool {
        if self.is_null(row) {
            return *value == Value::Null;
        }
        match (self, value) {
            (Self::Bool(array), Value::Bool(value)) => array.value(row) == *value,
            (Self::Signed(array), Value::Signed(value)) => array.value(row) == *value,
            (Self::Unsigned(array), Value::Unsigned(value)) => array.value(row) == *value,
            (Self::Day(array), Value::Day(value)) => array.value(row) == *value,
            (Self::Instant(array), Value::Instant(value)) => array.value(row) == *value,
            (Self::Text(array), Value::Text(value)) => *array.value(row) == **value,
            _ => false,
        }
    }

    fn value(&self, row: usize) -> Value {
        if self.is_null(row) {
            return Value::Null;
        }
        match self {
            Self::Bool(array) => Value::Bool(array.value(row)),
            Self::Signed(array) => Value::Signed(array.value(row)),
            Self::Unsigned(array) => Value::Unsigned(array.value(row)),
            Self::Day(array) => Value::Day(array.value(row)),
            Self::Instant(array) => Value::Instant(array.value(row)),
            Self::Text(array) => Value::Text(array.value(row).into()),
        }
    }
}

/// The partitions of an epoch, numbered from 0.
#[derive(Default)]
pub(super) struct Partitions {
    numbers: HashTable<usize>,
    known: Vec<Known>,
}

struct Known {
    hash: u64,
    values: Vec<Value>,
    /// `date=2026-01-02/country=DE/`.
    folder: String,
}

/// Rows of a batch that go to one partition.
pub(super) struct Share {
    /// The partition's number.
    pub(super) partition: usize,
    /// The rows, ascending.
    pub(super) rows: Vec<u32>,
}

impl Partitions {
    /// The folder of a partition, with a `/` at its end.
    pub(super) fn folder(&self, partition: usize) -> &str {
        self.known.get(partition).map_or("", |known| &known.folder)
    }

    /// Says which rows of a batch go where, and makes partitions that are new, up to `most`.
    pub(super) fn split(&mut self, columns: &Columns, batch: &RecordBatch, most: usize) -> Result<Vec<Share>> {
        let mut values = Vec::with_capacity(columns.0.len());
        for column in &columns.0 {
            let array = batch.columns().get(column.index).and_then(|array| Values::new(array.as_ref()));
            values.push(array.ok_or_else(|| {
                Error::new(
                    Kind::Internal,
                    format!("column `{}` of a batch has another type than the schema", column.name),
                )
            })?);
        }
        let mut shares: Vec<Share> = Vec::new();
        // The share of each partition, as far as it has one.
        let mut share_of: Vec<Option<usize>> = vec![None; self.known.len()];
        // Neighbours are often alike, so the partition of the row before is tried first.
        let mut last = None;
        for row in 0..batch.num_rows() {
            let partition = match last {
                Some(last) if self.has(last, &values, row) => last,
                _ => self.number(columns, &values, row, most)?,
            };
            last = Some(partition);
            if share_of.len() <= partition {
                share_of.resize(partition + 1, None);
            }
            let share = share_of.get(partition).copied().flatten().unwrap_or(shares.len());
            // Batches are far smaller than 2^32 rows.
            match shares.get_mut(share) {
                Some(share) => share.rows.push(row as u32),
                None => {
                    if let Some(slot) = share_of.get_mut(partition) {
                        *slot = Some(share);
                    }
                    shares.push(Share { partition, rows: vec![row as u32] });
                }
            }
        }
        Ok(shares)
    }

    fn has(&self, partition: usize, values: &[Values], row: usize) -> bool {
        self.known
            .get(partition)
            .is_some_and(|known| values.iter().zip(&known.values).all(|(values, value)| values.is(row, value)))
    }

    /// The number of the partition of a row.
    fn number(&mut self, columns: &Columns, values: &[Values], row: usize, most: usize) -> Result<usize> {
        let hash = values.iter().fold(0, |hash, values| values.hash(row, hash));
        let same = |number: &usize| self.known.get(*number).is_some_and(|known| known.hash == hash);
        if let Some(number) = self.numbers.find(hash, |number| same(number) && self.has(*number, values, row)) {
            return Ok(*number);
        }
        let number = self.known.len();
        if number >= most {
            let message = format!("the rows of an epoch have more than {most} different values of {}", columns.names());
            return Err(Error::new(Kind::Output, message).help(
                "partition by a column of fewer values, such as a date, or raise `max_partitions`; each partition is at least one file per epoch",
            ));
        }
        let values: Vec<Value> = values.iter().map(|values| values.value(row)).collect();
        let folder = folder(columns, &values)?;
        self.known.push(Known { hash, values, folder });
        let known = &self.known;
        self.numbers.insert_unique(hash, number, |number| known.get(*number).map_or(0, |known| known.hash));
        Ok(number)
    }
}

/// The folder of rows with these values, `date=2026-01-02/country=DE/`.
fn folder(columns: &Columns, values: &[Value]) -> Result<String> {
    let mut folder = String::new();
    for (column, value) in columns.0.iter().zip(values) {
        folder.push_str(&column.name);
        folder.push('=');
        match value {
            Value::Null => folder.push_str(path::NULL),
            Value::Text(text) if **text == *path::NULL => {
                let message =
                    format!("column `{}` holds the text `{}`, which is the folder of null", column.name, path::NULL);
                return Err(
                    Error::new(Kind::Data, message).help("filter these rows out, or replace the text in a `select`")
                );
            }
            Value::Text(text) => path::encode(text, &mut folder),
            Value::Bool(value) => path::encode(if *value { "true" } else { "false" }, &mut folder),
            Value::Signed(value) => path::encode(&value.to_string(), &mut folder),
            Value::Unsigned(value) => path::encode(&value.to_string(), &mut folder),
            Value::Day(days) => path::encode(&Date::from_days(*days).to_string(), &mut folder),
            Value::Instant(micros) => path::encode(&Timestamp::from_micros(*micros).to_string(), &mut folder),
        }
        folder.push('/');
    }
    Ok(folder)
}
