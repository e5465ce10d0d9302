//! `format = json`: each row an object, in the form that `decode json` reads.

use std::io::Write;

use arrow::array::{
    Array, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, ListArray, MapArray, PrimitiveArray, RecordBatch,
    StringArray, StructArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Schema, TimeUnit,
    TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use serde::Serialize;

use super::{Encode, Payloads};
use crate::Result;
use crate::error::{Error, Kind};
use crate::time::{Date, Timestamp};

/// The format [`json`](const@json).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonRow(());

/// One JSON object for each row, with the columns in their order and without spaces or an end of line.
///
/// Numbers are written so that they are read back as they were; floats that JSON has no number for (`NaN`, infinities) and
/// nulls are `null`. `Timestamp` and `Date` are RFC 3339, bytes base64, a window is `{"start":..,"end":..}`.
///
/// ```
/// use millstream::encode::{Encode, Payloads, json};
/// use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
/// use std::sync::Arc;
/// # fn main() -> millstream::Result<()> {
/// let columns: [(&str, ArrayRef); 2] =
///     [("user", Arc::new(StringArray::from(vec!["ann"]))), ("n", Arc::new(Int64Array::from(vec![None])))];
/// let mut payloads = Payloads::default();
/// json.encode(&RecordBatch::try_from_iter(columns).unwrap(), &mut payloads)?;
/// assert_eq!(payloads.get(0), br#"{"user":"ann","n":null}"#);
/// # Ok(()) }
/// ```
#[expect(non_upper_case_globals, reason = "a word of the language")]
pub const json: JsonRow = JsonRow(());

impl Encode for JsonRow {
    fn name(&self) -> &'static str {
        "json"
    }

    fn check(&self, schema: &Schema) -> Result<()> {
        match schema.fields().iter().find(|field| !is_known(field.data_type())) {
            None => Ok(()),
            Some(field) => Err(unknown(field.name(), field.data_type())),
        }
    }

    fn encode(&self, batch: &RecordBatch, out: &mut Payloads) -> Result<()> {
        let row = Object::new(batch.schema_ref().fields().iter().map(|field| field.name()), batch.columns())?;
        for index in 0..batch.num_rows() {
            row.write(index, out.buffer());
            out.end();
        }
        Ok(())
    }
}

fn unknown(column: &str, of: &DataType) -> Error {
    Error::new(Kind::Config, format!("format json: column `{column}` is {of}, which has no form in JSON"))
        .help("convert it in a `select`, or `drop` it")
}

fn is_known(of: &DataType) -> bool {
    match of {
        DataType::Boolean | DataType::Utf8 | DataType::Binary | DataType::Date32 => true,
        DataType::Timestamp(unit, _) => *unit == TimeUnit::Microsecond,
        DataType::List(item) => is_known(item.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_known(field.data_type())),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => {
                fields.first().is_some_and(|key| *key.data_type() == DataType::Utf8)
                    && fields.iter().all(|field| is_known(field.data_type()))
            }
            _ => false,
        },
        of => of.is_integer() || matches!(of, DataType::Float32 | DataType::Float64),
    }
}

/// A row, or a struct in one: its names as they are written, and its columns.
struct Object<'a>(Vec<(Vec<u8>, Column<'a>)>);

impl<'a> Object<'a> {
    fn new(
        names: impl Iterator<Item = &'a String>,
        columns: impl IntoIterator<Item = &'a arrow::array::ArrayRef>,
    ) -> Result<Self> {
        let column = |(name, array): (&'a String, &'a arrow::array::ArrayRef)| {
            let mut written = Vec::new();
            scalar(name, &mut written);
            written.push(b':');
            let column = Column::new(array.as_ref()).ok_or_else(|| unknown(name, array.data_type()))?;
            Ok((written, column))
        };
        names.zip(columns).map(column).collect::<Result<_>>().map(Self)
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        let mut before = b'{';
        for (name, column) in &self.0 {
            out.push(before);
            out.extend_from_slice(name);
            column.write(row, out);
            before = b',';
        }
        if self.0.is_empty() {
            out.push(b'{');
        }
        out.push(b'}');
    }
}

/// A column, its type found out once for a batch.
enum Column<'a> {
    Bool(&'a BooleanArray),
    Int8(&'a PrimitiveArray<Int8Type>),
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    UInt8(&'a PrimitiveArray<UInt8Type>),
    UInt16(&'a PrimitiveArray<UInt16Type>),
    UInt32(&'a PrimitiveArray<UInt32Type>),
    UInt64(&'a PrimitiveArray<UInt64Type>),
    Float32(&'a PrimitiveArray<Float32Type>),
    Float64(&'a PrimitiveArray<Float64Type>),
    Text(&'a StringArray),
    Bytes(&'a BinaryArray),
    Timestamp(&'a PrimitiveArray<TimestampMicrosecondType>),
    Date(&'a PrimitiveArray<Date32Type>),
    List(&'a ListArray, Box<Column<'a>>),
    Map(&'a MapArray, &'a StringArray, Box<Column<'a>>),
    Struct(&'a StructArray, Object<'a>),
}

impl<'a> Column<'a> {
    fn new(array: &'a dyn Array) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Boolean => Self::Bool(array.as_boolean_opt()?),
            DataType::Int8 => Self::Int8(array.as_primitive_opt()?),
            DataType::Int16 => Self::Int16(array.as_primitive_opt()?),
            DataType::Int32 => Self::Int32(array.as_primitive_opt()?),
            DataType::Int64 => Self::Int64(array.as_primitive_opt()?),
            DataType::UInt8 => Self::UInt8(array.as_primitive_opt()?),
            DataType::UInt16 => Self::UInt16(array.as_primitive_opt()?),
            DataType::UInt32 => Self::UInt32(array.as_primitive_opt()?),
            DataType::UInt64 => Self::UInt64(array.as_primitive_opt()?),
            DataType::Float32 => Self::Float32(array.as_primitive_opt()?),
            DataType::Float64 => Self::Float64(array.as_primitive_opt()?),
            DataType::Utf8 => Self::Text(array.as_string_opt()?),
            DataType::Binary => Self::Bytes(array.as_binary_opt()?),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Self::Timestamp(array.as_primitive_opt()?),
            DataType::Date32 => Self::Date(array.as_primitive_opt()?),
            DataType::List(_) => {
                let list: &ListArray = array.as_list_opt()?;
                Self::List(list, Box::new(Self::new(list.values().as_ref())?))
            }
            DataType::Map(..) => {
                let map = array.as_map_opt()?;
                Self::Map(map, map.keys().as_string_opt()?, Box::new(Self::new(map.values().as_ref())?))
            }
            DataType::Struct(fields) => {
                let of = array.as_struct_opt()?;
                Self::Struct(of, Object::new(fields.iter().map(|field| field.name()), of.columns()).ok()?)
            }
            _ => return None,
        })
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Bool(array) => match array.is_valid(row).then(|| array.value(row)) {
                Some(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
                None => null(out),
            },
            Self::Int8(array) => number(array, row, out),
            Self::Int16(array) => number(array, row, out),
            Self::Int32(array) => number(array, row, out),
            Self::Int64(array) => number(array, row, out),
            Self::UInt8(array) => number(array, row, out),
            Self::UInt16(array) => number(array, row, out),
            Self::UInt32(array) => number(array, row, out),
            Self::UInt64(array) => number(array, row, out),
            Self::Float32(array) => number(array, row, out),
            Self::Float64(array) => number(array, row, out),
            Self::Text(array) if array.is_valid(row) => scalar(array.value(row), out),
            Self::Bytes(array) if array.is_valid(row) => base64(array.value(row), out),
            Self::Timestamp(array) if array.is_valid(row) => {
                // Writing into memory does not fail.
                let _ = write!(out, "\"{}\"", Timestamp::from_micros(array.value(row)));
            }
            Self::Date(array) if array.is_valid(row) => {
                let _ = write!(out, "\"{}\"", Date::from_days(array.value(row)));
            }
            Self::List(array, items) if array.is_valid(row) => {
                out.push(b'[');
                let offsets = array.value_offsets();
                for (place, item) in span(offsets, row).enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    items.write(item, out);
                }
                out.push(b']');
            }
            Self::Map(array, keys, values) if array.is_valid(row) => {
                out.push(b'{');
                for (place, entry) in span(array.value_offsets(), row).enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    scalar(keys.value(entry), out);
                    out.push(b':');
                    values.write(entry, out);
                }
                out.push(b'}');
            }
            Self::Struct(array, object) if array.is_valid(row) => object.write(row, out),
            Self::Text(_) | Self::Bytes(_) | Self::Timestamp(_) | Self::Date(_) => null(out),
            Self::List(..) | Self::Map(..) | Self::Struct(..) => null(out),
        }
    }
}

/// The items of a row, from where each row begins and ends.
fn span(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    let at = |index: usize| offsets.get(index).map_or(0, |offset| *offset as usize);
    at(row)..at(row + 1)
}

fn number<T: ArrowPrimitiveType<Native: Serialize>>(array: &PrimitiveArray<T>, row: usize, out: &mut Vec<u8>) {
    if array.is_valid(row) { scalar(&array.value(row), out) } else { null(out) }
}

fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

/// A number or a text.
fn scalar<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    // Writing these into memory does not fail.
    let _ = serde_json::to_writer(out, value);
}

/// A string of base64, in the standard alphabet of RFC 4648 with padding.
fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.push(b'"');
    for group in bytes.chunks(3) {
        let [first, second, third] = [0, 1, 2].map(|at| u32::from(group.get(at).copied().unwrap_or(0)));
        let bits = first << 16 | second << 8 | third;
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place) & 0x3F) as usize;
            // A group of n bytes has n + 1 characters.
            out.push(if place > group.len() { b'=' } else { ALPHABET.get(sextet).copied().unwrap_or(b'=') });
        }
    }
    out.push(b'"');
}
