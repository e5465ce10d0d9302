//! `rate(1_000)`: records by number, for examples, tests and measurements.
//!
//! Record `i` is the same in every run: its value is `i`, its time `start + i / rate`, and its random number comes from
//! the seed and `i`. So a run that starts again goes on with just those that come next. Its payload is the value as
//! decimal text.
//!
//! Records are paced by the clock, from the time on when the source was opened: a pause of the program delays what
//! follows and is not made up for. With [`unpaced`](Rate::unpaced) they come as fast as they are taken.

mod feed;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use super::{BoxFuture, Chunk, Description, Feed, Place, Record, Resume, Source};
use crate::error::{Error, Kind};
use crate::setting::Setting;
use crate::time::Timestamp;
use crate::{Result, clock};

/// Records by number, `rows_per_second` of them in a second (at least 1).
///
/// ```
/// let source = millstream::source::rate(1_000).count(10_000).unpaced();
/// ```
#[must_use]
pub fn rate(rows_per_second: u64) -> Rate {
    Rate { rate: rows_per_second.max(1), count: None, seed: 0, start: None, pace: Pace::Paced, partitions: 1 }
}

/// When records come; see [`Rate::pace`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As many in a second as the rate says.
    Paced,
    /// As fast as they are taken.
    Unpaced,
}

/// As many records in a second as the rate says; the default.
#[allow(non_upper_case_globals)]
pub const paced: Pace = Pace::Paced;

/// Records come as fast as they are taken; their times are still `1 / rate` apart.
#[allow(non_upper_case_globals)]
pub const unpaced: Pace = Pace::Unpaced;

/// The source [`rate()`].
#[derive(Debug, Clone)]
pub struct Rate {
    rate: u64,
    count: Option<u64>,
    seed: u64,
    start: Option<Timestamp>,
    pace: Pace,
    partitions: u32,
}

impl Rate {
    /// Ends after so many records. Default: never.
    #[must_use]
    pub fn count(mut self, records: impl Setting<u64>) -> Self {
        self.count = records.given();
        self
    }

    /// The seed of the random numbers. Default 0.
    #[must_use]
    pub fn seed(mut self, seed: impl Setting<u64>) -> Self {
        self.seed = seed.given().unwrap_or(0);
        self
    }

    /// The time of record 0. Default: when the source is started for the first time, which its checkpoint remembers.
    #[must_use]
    pub fn start(mut self, start: impl Setting<Timestamp>) -> Self {
        self.start = start.given();
        self
    }

    /// When records come: [`paced`] (the default) or [`unpaced`].
    #[must_use]
    pub fn pace(mut self, pace: impl Setting<Pace>) -> Self {
        self.pace = pace.given().unwrap_or(paced);
        self
    }

    /// Records come as fast as they are taken: short for `.pace(unpaced)`.
    #[must_use]
    pub fn unpaced(self) -> Self {
        self.pace(unpaced)
    }

    /// How many partitions share the records, in turn. Default 1, at most 65536.
    #[must_use]
    pub fn partitions(mut self, partitions: impl Setting<u32>) -> Self {
        self.partitions = partitions.given().unwrap_or(1).clamp(1, 1 << 16);
        self
    }

    /// The time of record 0: as configured, as the checkpoint remembers it, or now.
    fn started(&self, resume: &Resume) -> Result<Timestamp> {
        let identity = resume.identity.as_ref().filter(|identity| identity.is_object());
        if let Some(before) = identity {
            let now = self.identity(self.start.unwrap_or_default());
            for option in ["rate", "seed", "partitions"] {
                let (was, is) = (before.get(option), now.get(option));
                if was.is_some() && was != is {
                    let (was, is) = (was.unwrap_or(&Value::Null), is.unwrap_or(&Value::Null));
                    let message =
                        format!("the checkpoint was written with {option} = {was} of `rate`, and now it is {is}");
                    return Err(Error::new(Kind::Config, message)
                        .help(format!("write {was} again, or begin a new checkpoint with `.checkpoint(..)`")));
                }
            }
        }
        let remembered = identity.and_then(|identity| identity.get("start")).or(resume.starts.as_ref());
        let remembered = remembered.and_then(Value::as_i64).map(Timestamp::from_micros);
        match (self.start, remembered) {
            (Some(is), Some(was)) if is != was => {
                let message = format!("the checkpoint was written with start = {was} of `rate`, and now it is {is}");
                Err(Error::new(Kind::Config, message)
                    .help("write the former start again, or begin a new checkpoint with `.checkpoint(..)`"))
            }
            (Some(start), _) | (None, Some(start)) => Ok(start),
            (None, None) => Ok(clock::now()),
        }
    }

    fn identity(&self, start: Timestamp) -> Value {
        json!({"rate": self.rate, "seed": self.seed, "partitions": self.partitions, "start": start.micros()})
    }
}

/// A record of [`rate()`].
#[derive(Debug, Clone, Copy)]
pub struct RateRecord<'a> {
    /// Its number, from 0.
    pub value: u64,
    /// Its time: the start and `value / rate` seconds, rounded down to microseconds.
    pub timestamp: Timestamp,
    /// A random number that is the same for the same seed and value.
    pub random: u64,
    /// The value as decimal text.
    pub data: &'a [u8],
}

crate::row!(
    RateBuilders,
    RateRecord<'_> { value: u64, timestamp: Timestamp, random: u64, data: Vec<u8> }
);

impl<'a> Record<'a> for RateRecord<'a> {
    fn place(&self) -> Place {
        Place {
            source: "rate".into(),
            partition: "rate".into(),
            position: self.value.to_string(),
            arrival: Some(self.timestamp),
        }
    }
}

/// What a chunk of records by number knows.
#[derive(Debug, Clone, Copy)]
pub struct RateMeta {
    rate: u64,
    seed: u64,
    step: u64,
    start: Timestamp,
}

impl RateMeta {
    #[inline]
    fn record<'a>(&self, value: u64, data: &'a [u8]) -> RateRecord<'a> {
        let micros = u128::from(value) * 1_000_000 / u128::from(self.rate);
        let timestamp = self.start.saturating_add_micros(i64::try_from(micros).unwrap_or(i64::MAX));
        RateRecord { value, timestamp, random: random(self.seed, value), data }
    }
}

/// SplitMix64, started at `seed` and taken `value` steps further.
#[inline]
fn random(seed: u64, value: u64) -> u64 {
    let mut z = seed.wrapping_add(value.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Source for Rate {
    type Record<'a> = RateRecord<'a>;
    type Meta = RateMeta;

    #[inline]
    fn record<'a>(chunk: &'a Chunk, meta: &'a RateMeta, index: usize) -> RateRecord<'a> {
        meta.record(chunk.first + index as u64 * meta.step, chunk.payload(index))
    }

    fn describe(&self) -> Description {
        let mut options = vec![("partitions", self.partitions.to_string()), ("seed", self.seed.to_string())];
        if let Some(count) = self.count {
            options.push(("count", count.to_string()));
        }
        Description {
            kind: "rate",
            target: format!("{} rows per second", self.rate),
            options,
            replayable: true,
            finite: self.count.is_some(),
        }
    }

    fn test_meta(&self, _records: usize) -> Option<RateMeta> {
        Some(RateMeta { rate: self.rate, seed: self.seed, step: 1, start: self.start.unwrap_or_default() })
    }

    fn open(&self, resume: Resume) -> BoxFuture<'_, Result<Box<dyn Feed>>> {
        let feed = feed::RateFeed::open(self.clone(), &resume);
        Box::pin(async move { Ok(Box::new(feed?) as Box<dyn Feed>) })
    }
}
