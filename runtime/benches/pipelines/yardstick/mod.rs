//! The jobs with all that can be done by hand: a decoder that goes over a record as the one before was written, and
//! tables of short keys. What does not look as usual goes to serde_json.

mod index;
mod keys;
mod walk;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray, TimestampMicrosecondArray, UInt64Array};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use serde_json::value::RawValue;

use self::index::{index, space_marks};
use self::keys::Table;
use self::walk::{Shape, Times, float, integer};
use crate::by_hand::{
    BATCH, Batches, MINUTE, Minute, Six, WAIT, etl_file, micros, minutes_file, minutes_record, write_minute,
    write_words,
};

/// Bytes that are read at once: they stay in the cache.
const CHUNK: usize = 256 << 10;

/// Calls back with chunks of whole lines, in a buffer that is used again.
fn for_chunks(input: &Path, mut chunk: impl FnMut(&[u8])) {
    let mut file = File::open(input).unwrap();
    let mut buffer = vec![0; CHUNK];
    let mut filled = 0;
    loop {
        let read = file.read(&mut buffer[filled..]).unwrap();
        filled += read;
        let lines = memchr::memrchr(b'\n', &buffer[..filled]).map_or(0, |end| end + 1);
        if lines > 0 {
            chunk(&buffer[..lines]);
            buffer.copy_within(lines..filled, 0);
            filled -= lines;
        } else if read == 0 {
            assert_eq!(filled, 0, "the last line has no end");
            return;
        } else if filled == buffer.len() {
            buffer.resize(2 * filled, 0);
        }
    }
}

/// Calls back with the wanted values of every record of a file of lines of JSON: with the chunk and where in it they are,
/// by the quick way; or with the record, by the slow one, when the walk or `quick` finds something unusual.
fn for_records<const N: usize, O>(
    input: &Path,
    wanted: [&str; N],
    out: &mut O,
    mut quick: impl FnMut(&mut O, &str, [Range<usize>; N]) -> Option<()>,
    mut slow: impl FnMut(&mut O, &[u8], &[u8]),
    mut end_of: impl FnMut(&mut O, &[u8]),
) {
    let mut shape = Shape::default();
    for_chunks(input, |data| {
        // Once for the chunk. One that is not UTF-8 is left to the slow way as a whole.
        let text = std::str::from_utf8(data).unwrap_or_default();
        let mut at = 0;
        while at < data.len() {
            let done = shape.walk(text.as_bytes(), at).and_then(|(values, end)| {
                quick(out, text, values)?;
                Some(end)
            });
            if let Some(end) = done {
                at = end;
                continue;
            }
            let end = at + memchr::memchr(b'\n', &data[at..]).unwrap();
            slow(out, data, &data[at..end]);
            shape = Shape::of(&keys_of(&data[at..end]), &wanted);
            at = end + 1;
        }
        end_of(out, data);
    });
}

/// The keys of a record, in their order.
fn keys_of(record: &[u8]) -> Vec<String> {
    let values: HashMap<String, &RawValue> = serde_json::from_slice(record).unwrap();
    let mut fields: Vec<_> = values.into_iter().collect();
    fields.sort_by_key(|(_, value)| value.get().as_ptr());
    fields.into_iter().map(|(key, _)| key).collect()
}

/// Text of a column, one after the other, and where each ends.
#[derive(Default)]
struct Texts {
    data: Vec<u8>,
    ends: Vec<i32>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.data.extend_from_slice(text.as_bytes());
        self.ends.push(self.data.len() as i32);
    }
    fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
        let offsets = [0].into_iter().chain(self.ends.drain(..)).collect();
        let data = Buffer::from_slice_ref(&self.data);
        self.data.clear();
        Arc::new(StringArray::new(OffsetBuffer::new(offsets), data, nulls))
    }
}

/// The columns of [`etl`].
struct Etl {
    file: Batches,
    device: Texts,
    ts: Vec<i64>,
    temperature: Vec<f64>,
    country: Texts,
    country_is: Vec<bool>,
    status: Texts,
    seq: Vec<u64>,
}

impl Etl {
    #[inline(always)]
    fn push(&mut self, row: &Six<'_>, time: i64) {
        self.device.push(row.device_id);
        self.ts.push(time);
        self.temperature.push(row.temperature);
        self.country.push(row.country.unwrap_or_default());
        self.country_is.push(row.country.is_some());
        self.status.push(row.status);
        self.seq.push(row.seq);
        if self.seq.len() == BATCH {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let nulls = NullBuffer::from(self.country_is.as_slice());
        self.country_is.clear();
        self.file.write(vec![
            self.device.finish(None),
            Arc::new(TimestampMicrosecondArray::from(take(&mut self.ts)).with_timezone("UTC")),
            Arc::new(Float64Array::from(take(&mut self.temperature))),
            self.country.finish(Some(nulls)),
            self.status.finish(None),
            Arc::new(UInt64Array::from(take(&mut self.seq))),
        ]);
    }
}

pub(crate) fn etl(input: &Path, out: &Path) {
    let mut etl = Etl {
        // Times and numbers are almost all different, so a dictionary of them would be work for nothing.
        file: etl_file(out, &["ts", "seq"]),
        device: Texts::default(),
        ts: Vec::with_capacity(BATCH),
        temperature: Vec::with_capacity(BATCH),
        country: Texts::default(),
        country_is: Vec::with_capacity(BATCH),
        status: Texts::default(),
        seq: Vec::with_capacity(BATCH),
    };
    let mut times = Times::default();
    let wanted = ["device_id", "ts", "temperature", "country", "status", "seq"];
    let quick = |etl: &mut Etl, text: &str, [device, ts, temperature, country, status, seq]: [Range<usize>; 6]| {
        let time = times.parse(text.get(ts)?)?;
        let temperature = float(&text.as_bytes()[temperature.start..], temperature.len())?;
        if temperature > 5.0 {
            let seq = integer(&text.as_bytes()[seq])?;
            let (device_id, country, status) = (text.get(device)?, Some(text.get(country)?), text.get(status)?);
            etl.push(&Six { device_id, ts: "", temperature, country, status, seq }, time);
        }
        Some(())
    };
    let slow = |etl: &mut Etl, _: &[u8], record: &[u8]| {
        let row: Six<'_> = serde_json::from_slice(record).unwrap();
        if row.temperature > 5.0 {
            etl.push(&row, micros(row.ts));
        }
    };
    for_records(input, wanted, &mut etl, quick, slow, |_, _| ());
    etl.flush();
    etl.file.close();
}

/// The values of a batch, with room for another left behind.
fn take<T>(values: &mut Vec<T>) -> Vec<T> {
    std::mem::replace(values, Vec::with_capacity(BATCH))
}

/// What [`minutes`] keeps.
struct Minutes {
    file: Batches,
    open: BTreeMap<i64, Table<Minute>>,
    /// The minute last added to, and its table.
    current: (i64, Table<Minute>),
    latest: i64,
    /// Rows of the present chunk that are not added yet: the time, where the device begins and how long it is, the
    /// temperature. Added one after the other, they do not wait for one another's place in the table to be fetched.
    rows: Vec<(i64, u32, u32, f64)>,
}

impl Minutes {
    fn add_rows(&mut self, data: &[u8]) {
        let mut rows = std::mem::take(&mut self.rows);
        for (time, start, len, temperature) in rows.drain(..) {
            self.add(time, &data[start as usize..], len as usize, temperature);
        }
        self.rows = rows;
    }

    #[inline(always)]
    fn add(&mut self, time: i64, device: &[u8], len: usize, temperature: f64) {
        if !(self.current.0..self.current.0 + MINUTE).contains(&time) {
            self.turn_to(time);
        }
        self.current.1.of(device, len, Minute::default).add(temperature);
        if time > self.latest {
            self.latest = time;
            while let Some(first) = self.open.first_entry()
                && first.key() + MINUTE <= self.latest - WAIT
            {
                let (minute, mut devices) = first.remove_entry();
                write_minute(&mut self.file, minute, devices.drain());
            }
        }
    }

    fn turn_to(&mut self, time: i64) {
        let minute = time - time.rem_euclid(MINUTE);
        let next = self.open.remove(&minute).unwrap_or_default();
        let (before, table) = std::mem::replace(&mut self.current, (minute, next));
        self.open.insert(before, table);
    }

    fn close(mut self) {
        self.open.insert(self.current.0, self.current.1);
        for (minute, mut devices) in self.open {
            write_minute(&mut self.file, minute, devices.drain());
        }
        self.file.close();
    }
}

pub(crate) fn minutes(input: &Path, out: &Path) {
    let mut times = Times::default();
    let mut minutes = Minutes {
        file: minutes_file(out),
        open: BTreeMap::new(),
        current: (i64::MIN, Table::default()),
        latest: i64::MIN,
        rows: Vec::new(),
    };
    let quick = |minutes: &mut Minutes, text: &str, [device, ts, temperature]: [Range<usize>; 3]| {
        let time = times.parse(text.get(ts)?)?;
        let temperature = float(&text.as_bytes()[temperature.start..], temperature.len())?;
        minutes.rows.push((time, device.start as u32, device.len() as u32, temperature));
        Some(())
    };
    let slow = |minutes: &mut Minutes, data: &[u8], record: &[u8]| {
        minutes.add_rows(data);
        let (time, device, temperature) = minutes_record(record);
        minutes.add(time, device.as_bytes(), device.len(), temperature);
    };
    for_records(input, ["device_id", "ts", "temperature"], &mut minutes, quick, slow, Minutes::add_rows);
    minutes.close();
}

pub(crate) fn words(input: &Path, out: &Path) {
    let mut counts: Table<i64> = Table::default();
    let mut marks = Vec::new();
    for_chunks(input, |data| {
        assert!(std::str::from_utf8(data).is_ok());
        index(data, &mut marks, space_marks);
        let mut start = 0;
        for mark in &marks {
            let end = *mark as usize;
            if end >= data.len() {
                break;
            }
            // Other controls do not end a word.
            if matches!(data[end], b' ' | b'\n') {
                *counts.of(&data[start..], end - start, || 0) += 1;
                start = end + 1;
            }
        }
    });
    write_words(out, counts.drain());
}
