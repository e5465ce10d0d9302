//! The jobs as one writes them without millstream.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Builder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use millstream::time::Timestamp;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// Rows of a batch.
pub(crate) const BATCH: usize = 8_192;
pub(crate) const MINUTE: i64 = 60_000_000;
/// How far the watermark is behind the latest time.
pub(crate) const WAIT: i64 = 10_000_000;

/// A file with a dictionary for each column but these.
fn create(path: &Path, schema: &SchemaRef, plain: &[&str]) -> ArrowWriter<File> {
    let codec = Compression::ZSTD(ZstdLevel::try_new(1).unwrap());
    let mut properties = WriterProperties::builder().set_compression(codec);
    for column in plain {
        properties = properties.set_column_dictionary_enabled((*column).into(), false);
    }
    let properties = properties.build();
    ArrowWriter::try_new(File::create(path).unwrap(), Arc::clone(schema), Some(properties)).unwrap()
}

fn schema(fields: &[(&str, DataType)]) -> SchemaRef {
    let fields: Vec<Field> = fields.iter().map(|(name, of)| Field::new(*name, of.clone(), true)).collect();
    Arc::new(Schema::new(fields))
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Calls back with every line, in a buffer that is used again.
fn for_lines(input: &Path, mut line: impl FnMut(&[u8])) {
    let mut reader = BufReader::with_capacity(256 << 10, File::open(input).unwrap());
    let mut buffer = Vec::new();
    while reader.read_until(b'\n', &mut buffer).unwrap() > 0 {
        line(buffer.strip_suffix(b"\n").unwrap_or(&buffer));
        buffer.clear();
    }
}

/// The file of [`etl`] under construction; `plain` are the columns without a dictionary.
pub(crate) fn etl_file(out: &Path, plain: &[&str]) -> Batches {
    let schema = schema(&[
        ("device_id", DataType::Utf8),
        ("ts", time()),
        ("temperature", DataType::Float64),
        ("country", DataType::Utf8),
        ("status", DataType::Utf8),
        ("seq", DataType::UInt64),
    ]);
    Batches { writer: create(out, &schema, plain), schema }
}

/// A file that is written batch by batch.
pub(crate) struct Batches {
    writer: ArrowWriter<File>,
    schema: SchemaRef,
}

impl Batches {
    pub(crate) fn write(&mut self, columns: Vec<ArrayRef>) {
        self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns).unwrap()).unwrap();
    }

    pub(crate) fn close(self) {
        self.writer.close().unwrap();
    }
}

#[derive(serde::Deserialize)]
pub(crate) struct Six<'a> {
    pub(crate) device_id: &'a str,
    pub(crate) ts: &'a str,
    pub(crate) temperature: f64,
    pub(crate) country: Option<&'a str>,
    pub(crate) status: &'a str,
    pub(crate) seq: u64,
}

/// The time of a row.
pub(crate) fn micros(ts: &str) -> i64 {
    Timestamp::parse_rfc3339(ts).unwrap().micros()
}

pub(crate) fn etl(input: &Path, out: &Path) {
    let mut file = etl_file(out, &[]);
    let mut device = StringBuilder::new();
    let mut ts = TimestampMicrosecondBuilder::new().with_timezone("UTC");
    let mut temperature = Float64Builder::new();
    let mut country = StringBuilder::new();
    let mut status = StringBuilder::new();
    let mut seq = UInt64Builder::new();
    let mut rows = 0;
    macro_rules! flush {
        () => {
            file.write(vec![
                Arc::new(device.finish()),
                Arc::new(ts.finish()),
                Arc::new(temperature.finish()),
                Arc::new(country.finish()),
                Arc::new(status.finish()),
                Arc::new(seq.finish()),
            ]);
        };
    }
    for_lines(input, |line| {
        let row: Six<'_> = serde_json::from_slice(line).unwrap();
        let time = micros(row.ts);
        if row.temperature > 5.0 {
            device.append_value(row.device_id);
            ts.append_value(time);
            temperature.append_value(row.temperature);
            country.append_option(row.country);
            status.append_value(row.status);
            seq.append_value(row.seq);
            rows += 1;
            if rows % BATCH == 0 {
                flush!();
            }
        }
    });
    flush!();
    file.close();
}

#[derive(serde::Deserialize)]
struct Three<'a> {
    device_id: &'a str,
    ts: &'a str,
    temperature: f64,
}

/// What is known of a device in a minute.
pub(crate) struct Minute {
    n: i64,
    sum: f64,
    max: f64,
}

impl Default for Minute {
    fn default() -> Self {
        Self { n: 0, sum: 0.0, max: f64::NEG_INFINITY }
    }
}

impl Minute {
    pub(crate) fn add(&mut self, temperature: f64) {
        self.n += 1;
        self.sum += temperature;
        self.max = self.max.max(temperature);
    }
}

/// The file of [`minutes`] under construction.
pub(crate) fn minutes_file(out: &Path) -> Batches {
    let schema = schema(&[
        ("device_id", DataType::Utf8),
        ("start", time()),
        ("n", DataType::Int64),
        ("mean", DataType::Float64),
        ("hottest", DataType::Float64),
    ]);
    Batches { writer: create(out, &schema, &[]), schema }
}

/// Writes a minute that is over.
pub(crate) fn write_minute(file: &mut Batches, minute: i64, devices: impl IntoIterator<Item = (String, Minute)>) {
    let mut device = StringBuilder::new();
    let mut start = TimestampMicrosecondBuilder::new().with_timezone("UTC");
    let (mut n, mut mean, mut hottest) = (Int64Builder::new(), Float64Builder::new(), Float64Builder::new());
    for (name, of) in devices {
        device.append_value(name);
        start.append_value(minute);
        n.append_value(of.n);
        mean.append_value(of.sum / of.n as f64);
        hottest.append_value(of.max);
    }
    file.write(vec![
        Arc::new(device.finish()),
        Arc::new(start.finish()),
        Arc::new(n.finish()),
        Arc::new(mean.finish()),
        Arc::new(hottest.finish()),
    ]);
}

/// The time, the device and the temperature of a record of [`minutes`], by serde_json.
pub(crate) fn minutes_record(record: &[u8]) -> (i64, &str, f64) {
    let row: Three<'_> = serde_json::from_slice(record).unwrap();
    (micros(row.ts), row.device_id, row.temperature)
}

pub(crate) fn minutes(input: &Path, out: &Path) {
    let mut file = minutes_file(out);
    let mut minutes: BTreeMap<i64, HashMap<String, Minute>> = BTreeMap::new();
    let mut latest = i64::MIN;
    for_lines(input, |line| {
        let (time, device, temperature) = minutes_record(line);
        let devices = minutes.entry(time - time.rem_euclid(MINUTE)).or_default();
        match devices.get_mut(device) {
            Some(minute) => minute.add(temperature),
            None => devices.entry(device.to_owned()).or_default().add(temperature),
        }
        if time > latest {
            latest = time;
            while let Some(first) = minutes.first_entry()
                && first.key() + MINUTE <= latest - WAIT
            {
                let (minute, devices) = first.remove_entry();
                write_minute(&mut file, minute, devices);
            }
        }
    });
    for (minute, devices) in minutes {
        write_minute(&mut file, minute, devices);
    }
    file.close();
}

pub(crate) fn words(input: &Path, out: &Path) {
    let mut counts: HashMap<String, i64> = HashMap::new();
    for_lines(input, |line| {
        for word in std::str::from_utf8(line).unwrap().split(' ') {
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(word.to_owned(), 1);
                }
            }
        }
    });
    write_words(out, counts);
}

/// Writes the file of [`words`].
pub(crate) fn write_words(out: &Path, counts: impl IntoIterator<Item = (String, i64)>) {
    let schema = schema(&[("word", DataType::Utf8), ("n", DataType::Int64)]);
    let mut file = Batches { writer: create(out, &schema, &[]), schema };
    let (mut word, mut n) = (StringBuilder::new(), Int64Builder::new());
    for (name, count) in counts {
        word.append_value(name);
        n.append_value(count);
    }
    file.write(vec![Arc::new(word.finish()), Arc::new(n.finish())]);
    file.close();
}
