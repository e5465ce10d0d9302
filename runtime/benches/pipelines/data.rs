//! Input, the same in every run.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use millstream::time::Timestamp;

/// A linear congruential generator, with Knuth's constants of MMIX.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Readings of 10,000 devices, 100,000 of them to a minute, up to eight seconds out of order; gives the file's length.
pub(crate) fn readings(path: &Path, count: u64) -> u64 {
    readings_of(path, count, 10_000)
}

/// The same, of so many devices.
pub(crate) fn readings_of(path: &Path, count: u64, devices: u64) -> u64 {
    let mut file = BufWriter::new(File::create(path).unwrap());
    write_readings(&mut file, count, devices);
    file.into_inner().unwrap().metadata().unwrap().len()
}

/// The same, one by one.
pub(crate) fn lines_of_readings(count: u64) -> Vec<String> {
    let mut text = Vec::new();
    write_readings(&mut text, count, 10_000);
    String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
}

fn write_readings(out: &mut impl Write, count: u64, devices: u64) {
    let mut random = Random(42);
    for seq in 0..count {
        let millis = 1_714_521_600_000 + seq * 6 / 10 + random.below(8_000);
        let ts = Timestamp::from_millis(millis as i64).unwrap();
        writeln!(
            out,
            "{{\"device_id\":\"device-{:06}\",\"ts\":\"{}T{:02}:{:02}:{:02}.{:03}Z\",\"temperature\":{}.{},\
             \"humidity\":0.{:03},\"country\":\"{}\",\"status\":\"{}\",\"battery\":{},\"firmware\":\"1.4.{}-lts\",\
             \"seq\":{},\"lat\":{}.{:06},\"lon\":{}.{:06}}}",
            random.below(devices),
            ts.date(),
            ts.hour(),
            millis / 60_000 % 60,
            millis / 1_000 % 60,
            millis % 1_000,
            random.below(40),
            random.below(10),
            random.below(1_000),
            ["US", "DE", "FR", "JP"][random.below(4) as usize],
            ["ok", "ok", "ok", "degraded"][random.below(4) as usize],
            random.below(101),
            random.below(30),
            seq * 1_000 + random.below(1_000),
            random.below(90),
            random.below(1_000_000),
            random.below(180),
            random.below(1_000_000),
        )
        .unwrap();
    }
}

/// Lines of ten words out of 20,000, the frequent ones short, as in natural text.
pub(crate) fn lines(path: &Path, count: u64) {
    let mut random = Random(7);
    let mut file = BufWriter::new(File::create(path).unwrap());
    for _ in 0..count {
        for word in 0..10 {
            // The product of two even distributions prefers small numbers.
            let number = random.below(20_000) * random.below(20_000) / 20_000 * random.below(20_000) / 20_000;
            let space = if word == 0 { "" } else { " " };
            write!(file, "{space}w{number:x}").unwrap();
        }
        file.write_all(b"\n").unwrap();
    }
    file.flush().unwrap();
}
