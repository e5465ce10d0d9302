//! Sixteen aggregates of each device and minute, as one writes them without millstream; gives the number of groups.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Builder, Int64Builder, RecordBatch, StringBuilder};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::by_hand::{MINUTE, micros};

#[derive(serde::Deserialize)]
struct Used<'a> {
    device_id: &'a str,
    ts: &'a str,
    temperature: f64,
    humidity: f64,
    battery: i64,
    lat: f64,
    lon: f64,
}

/// Sum, least and greatest.
#[derive(Clone, Copy)]
struct Three([f64; 3]);

impl Three {
    fn add(&mut self, value: f64) {
        let [sum, least, greatest] = &mut self.0;
        *sum += value;
        *least = least.min(value);
        *greatest = greatest.max(value);
    }
}

pub(crate) fn sixteen(input: &Path, out: &Path) {
    const NONE: Three = Three([0.0, f64::INFINITY, f64::NEG_INFINITY]);
    let mut groups: HashMap<i64, HashMap<String, (i64, [Three; 5])>> = HashMap::new();
    let mut reader = BufReader::with_capacity(256 << 10, File::open(input).unwrap());
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).unwrap() > 0 {
        let row: Used<'_> = serde_json::from_slice(&line).unwrap();
        let time = micros(row.ts);
        let devices = groups.entry(time - time.rem_euclid(MINUTE)).or_default();
        let group = match devices.get_mut(row.device_id) {
            Some(group) => group,
            None => devices.entry(row.device_id.to_owned()).or_insert((0, [NONE; 5])),
        };
        group.0 += 1;
        let values = [row.temperature, row.humidity, row.battery as f64, row.lat, row.lon];
        group.1.iter_mut().zip(values).for_each(|(of, value)| of.add(value));
        line.clear();
    }
    let mut device = StringBuilder::new();
    let (mut start, mut n) = (Int64Builder::new(), Int64Builder::new());
    let mut values: [Float64Builder; 15] = Default::default();
    for (minute, (name, (count, of))) in
        groups.into_iter().flat_map(|(minute, of)| of.into_iter().map(move |of| (minute, of)))
    {
        device.append_value(name);
        start.append_value(minute);
        n.append_value(count);
        for (builder, value) in values.iter_mut().zip(of.iter().flat_map(|three| three.0)) {
            builder.append_value(value);
        }
    }
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("device_id".into(), Arc::new(device.finish())),
        ("start".into(), Arc::new(start.finish())),
        ("n".into(), Arc::new(n.finish())),
    ];
    let values = values.iter_mut().enumerate();
    columns.extend(values.map(|(at, builder)| (format!("v{at}"), Arc::new(builder.finish()) as ArrayRef)));
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let codec = Compression::ZSTD(ZstdLevel::try_new(1).unwrap());
    let properties = WriterProperties::builder().set_compression(codec).build();
    let mut writer = ArrowWriter::try_new(File::create(out).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}
