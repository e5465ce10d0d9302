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
const BATCH: usize = 8_192;
const MINUTE: i64 = 60_000_000;

fn create(path: &Path, schema: &SchemaRef) -> ArrowWriter<File> {
    let codec = Compression::ZSTD(ZstdLevel::try_new(1).unwrap());
    let properties = WriterProperties::builder().set_compression(codec).build();
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

#[derive(serde::Deserialize)]
struct Six<'a> {
    device_id: &'a str,
    ts: &'a str,
    temperature: f64,
    country: Option<&'a str>,
    status: &'a str,
    seq: u64,
}

pub(crate) fn etl(input: &Path, out: &Path) {
    let schema = schema(&[
        ("device_id", DataType::Utf8),
        ("ts", time()),
        ("temperature", DataType::Float64),
        ("country", DataType::Utf8),
        ("status", DataType::Utf8),
        ("seq", DataType::UInt64),
    ]);
    let mut writer = create(out, &schema);
    let mut device = StringBuilder::new();
    let mut ts = TimestampMicrosecondBuilder::new().with_timezone("UTC");
    let mut temperature = Float64Builder::new();
    let mut country = StringBuilder::new();
    let mut status = StringBuilder::new();
    let mut seq = UInt64Builder::new();
    let mut rows = 0;
    macro_rules! flush {
        () => {
            let columns: Vec<ArrayRef> = vec![
                Arc::new(device.finish()),
                Arc::new(ts.finish()),
                Arc::new(temperature.finish()),
                Arc::new(country.finish()),
                Arc::new(status.finish()),
                Arc::new(seq.finish()),
            ];
            writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()).unwrap();
        };
    }
    for_lines(input, |line| {
        let row: Six<'_> = serde_json::from_slice(line).unwrap();
        let time = Timestamp::parse_rfc3339(row.ts).unwrap();
        if row.temperature > 5.0 {
            device.append_value(row.device_id);
            ts.append_value(time.micros());
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
    writer.close().unwrap();
}

#[derive(serde::Deserialize)]
struct Three<'a> {
    device_id: &'a str,
    ts: &'a str,
    temperature: f64,
}

struct Minute {
    n: i64,
    sum: f64,
    max: f64,
}

pub(crate) fn minutes(input: &Path, out: &Path) {
    let schema = schema(&[
        ("device_id", DataType::Utf8),
        ("start", time()),
        ("n", DataType::Int64),
        ("mean", DataType::Float64),
        ("hottest", DataType::Float64),
    ]);
    let mut writer = create(out, &schema);
    let mut close = |minute: i64, devices: HashMap<String, Minute>| {
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
        let columns: Vec<ArrayRef> = vec![
            Arc::new(device.finish()),
            Arc::new(start.finish()),
            Arc::new(n.finish()),
            Arc::new(mean.finish()),
            Arc::new(hottest.finish()),
        ];
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()).unwrap();
    };
    let mut minutes: BTreeMap<i64, HashMap<String, Minute>> = BTreeMap::new();
    let mut latest = i64::MIN;
    for_lines(input, |line| {
        let row: Three<'_> = serde_json::from_slice(line).unwrap();
        let time = Timestamp::parse_rfc3339(row.ts).unwrap().micros();
        let devices = minutes.entry(time - time.rem_euclid(MINUTE)).or_default();
        match devices.get_mut(row.device_id) {
            Some(minute) => {
                minute.n += 1;
                minute.sum += row.temperature;
                minute.max = minute.max.max(row.temperature);
            }
            None => {
                let minute = Minute { n: 1, sum: row.temperature, max: row.temperature };
                devices.insert(row.device_id.to_owned(), minute);
            }
        }
        if time > latest {
            latest = time;
            while let Some(first) = minutes.first_entry()
                && first.key() + MINUTE <= latest - 10_000_000
            {
                let (minute, devices) = first.remove_entry();
                close(minute, devices);
            }
        }
    });
    for (minute, devices) in minutes {
        close(minute, devices);
    }
    writer.close().unwrap();
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
    let schema = schema(&[("word", DataType::Utf8), ("n", DataType::Int64)]);
    let mut writer = create(out, &schema);
    let (mut word, mut n) = (StringBuilder::new(), Int64Builder::new());
    for (name, count) in counts {
        word.append_value(name);
        n.append_value(count);
    }
    let columns: Vec<ArrayRef> = vec![Arc::new(word.finish()), Arc::new(n.finish())];
    writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()).unwrap();
    writer.close().unwrap();
}
