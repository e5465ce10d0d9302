//! Instants, dates and durations of events. Nothing here reads a clock.
//!
//! A [`Timestamp`] counts microseconds since 1970-01-01T00:00:00Z, a [`Date`] days since 1970-01-01, both in the
//! proleptic Gregorian calendar and UTC without leap seconds, as Arrow's `Timestamp(Microsecond, "UTC")` and `Date32`.

use std::fmt;
use std::ops::{Add, Sub};
pub use std::time::Duration;

mod duration;

pub use duration::parse_duration;

use serde::{Deserialize, Serialize};

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;
/// Microseconds in a day.
const DAY: i64 = 86_400 * SECOND;

/// An instant: microseconds since the Unix epoch, UTC.
///
/// ```
/// use millstream::time::Timestamp;
/// let at = Timestamp::parse_rfc3339("2026-01-02T03:04:05.678+01:00").unwrap();
/// assert_eq!(at.to_string(), "2026-01-02T02:04:05.678Z");
/// assert_eq!(at.date().to_string(), "2026-01-02");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A day: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Date(i32);

impl Timestamp {
    /// The earliest instant there is.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant there is; a drained pipeline's watermark.
    pub const MAX: Self = Self(i64::MAX);

    /// From microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since the Unix epoch; `None` when out of range.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Option<Self> {
        match millis.checked_mul(1_000) {
            Some(micros) => Some(Self(micros)),
            None => None,
        }
    }

    /// From seconds since the Unix epoch; `None` when out of range.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Option<Self> {
        match secs.checked_mul(SECOND) {
            Some(micros) => Some(Self(micros)),
            None => None,
        }
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// The day it falls on, in UTC.
    #[must_use]
    pub const fn date(self) -> Date {
        // In range: i64::MAX microseconds are about 107 million days.
        Date(self.0.div_euclid(DAY) as i32)
    }

    /// The hour of its day, 0 to 23, in UTC.
    #[must_use]
    pub const fn hour(self) -> u8 {
        (self.0.rem_euclid(DAY) / (3_600 * SECOND)) as u8
    }

    /// The start of the interval of length `size` (counted from the Unix epoch) that it falls into.
    #[must_use]
    pub const fn floor(self, size: Duration) -> Self {
        let size = micros(size);
        if size == 0 { self } else { Self(self.0.saturating_sub(self.0.rem_euclid(size))) }
    }

    /// This instant moved by a signed number of microseconds, held at [`Self::MIN`] and [`Self::MAX`].
    #[must_use]
    pub const fn saturating_add_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// The length of the form that [`Self::parse_usual`] knows.
    pub(crate) const USUAL: usize = 24;

    /// Parses the form that most producers write, `2026-01-02T03:04:05.678Z`, eight characters at a time. `None` says no
    /// more than that it is not just that. `last` is the day of the time before, which mostly is that of the next one.
    #[inline]
    pub(crate) fn parse_usual(text: &[u8; Self::USUAL], last: &LastDay) -> Option<Self> {
        const FORM: [u64; 3] =
            [u64::from_le_bytes(*b"0000-00-"), u64::from_le_bytes(*b"00T00:00"), u64::from_le_bytes(*b":00.000Z")];
        let (words, _) = text.as_chunks::<8>();
        let [day, clock, second] = words else { return None };
        let date = (u64::from_le_bytes(*day), u64::from_le_bytes(*clock) & 0xff_ffff);
        // What is left of a digit is its value, and nothing of a separator.
        let day = u64::from_le_bytes(*day) ^ FORM[0];
        let clock = u64::from_le_bytes(*clock) ^ FORM[1];
        let second = u64::from_le_bytes(*second) ^ FORM[2];
        let separators = day & 0xff00_00ff_0000_0000 | clock & 0x0000_ff00_00ff_0000 | second & 0xff00_0000_ff00_00ff;
        let above_nine = |word: u64| ((word & 0x7f7f_7f7f_7f7f_7f7f) + 0x7676_7676_7676_7676) | word;
        if separators != 0 || (above_nine(day) | above_nine(clock) | above_nine(second)) & 0x8080_8080_8080_8080 != 0 {
            return None;
        }
        // Each byte becomes the number of two digits, itself and the next; none is above 99.
        let pairs = |word: u64| (word.wrapping_mul(10).wrapping_add(word >> 8)).to_le_bytes();
        let [of_month, _, _, hour, _, _, minute, _] = pairs(clock);
        let [_, of_minute, _, _, hundredths, _, milli, _] = pairs(second);
        if hour > 23 || minute > 59 || of_minute > 59 {
            return None;
        }
        let days = match last.0.get() {
            (known, days) if known == date => days,
            _ => {
                let [century, _, year, _, _, month, ..] = pairs(day);
                let days = days_of(i32::from(century) * 100 + i32::from(year), month, of_month)?;
                last.0.set((date, days));
                days
            }
        };
        let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(of_minute);
        // The last digit stands before a zero.
        let millis = i64::from(hundredths) * 10 + i64::from(milli) / 10;
        Some(Self(i64::from(days) * DAY + seconds * SECOND + millis * 1_000))
    }

    /// Parses RFC 3339: `2026-01-02T03:04:05.678901Z` or with an offset `+01:00`; `T` may be a space or `t`. Fractions
    /// beyond microseconds are cut off. A leap second `:60` reads as the last microsecond before it, as POSIX time has
    /// no place for it. `None` for everything else.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if let Some(time) = bytes.as_array().and_then(|text| Self::parse_usual(text, &LastDay::default())) {
            return Some(time);
        }
        let (date, rest) = (bytes.get(..10)?, bytes.get(10..)?);
        let date = parse_date(date)?;
        let [b'T' | b't' | b' ', h1, h0, b':', m1, m0, b':', s1, s0, rest @ ..] = rest else { return None };
        let (hour, minute, second) = (two(*h1, *h0)?, two(*m1, *m0)?, two(*s1, *s0)?);
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let (mut fraction, mut rest) = (0i64, rest);
        if let [b'.', digits @ ..] = rest {
            let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if len == 0 {
                return None;
            }
            let mut scale = 100_000;
            for digit in digits.iter().take(len.min(6)) {
                fraction += i64::from(digit - b'0') * scale;
                scale /= 10;
            }
            rest = digits.get(len..)?;
        }
        let offset = match rest {
            [b'Z' | b'z'] => 0,
            [sign @ (b'+' | b'-'), h1, h0, b':', m1, m0] => {
                let (hours, minutes) = (two(*h1, *h0)?, two(*m1, *m0)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let offset = i64::from(hours) * 3_600 + i64::from(minutes) * 60;
                if *sign == b'-' { -offset } else { offset }
            }
            _ => return None,
        };
        let leap = second == 60;
        let seconds = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(if leap { 59 } else { second });
        let fraction = if leap { SECOND - 1 } else { fraction };
        Some(Self(i64::from(date) * DAY + (seconds - offset) * SECOND + fraction))
    }
}

impl Date {
    /// From days since 1970-01-01.
    #[must_use]
    pub const fn from_days(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn days(self) -> i32 {
        self.0
    }

    /// From a year, a month (1 to 12) and a day of the month; `None` when there is no such day.
    #[must_use]
    pub fn from_civil(year: i32, month: u8, day: u8) -> Option<Self> {
        days_of(year, month, day).map(Self)
    }

    /// Year, month (1 to 12) and day of the month (1 to 31).
    #[must_use]
    pub fn civil(self) -> (i32, u8, u8) {
        civil_of(self.0)
    }

    /// The first instant of the day, in UTC.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        Timestamp((self.0 as i64).saturating_mul(DAY))
    }

    /// Parses `YYYY-MM-DD`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 10).then(|| parse_date(text.as_bytes()))?.map(Self)
    }
}

/// A duration in whole microseconds, held at `i64::MAX`.
#[must_use]
pub const fn micros(duration: Duration) -> i64 {
    let micros = duration.as_micros();
    if micros > i64::MAX as u128 { i64::MAX } else { micros as i64 }
}

/// A duration of `n` milliseconds.
#[must_use]
pub const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A duration of `n` seconds.
#[must_use]
pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A duration of `n` minutes.
#[must_use]
pub const fn mins(n: u64) -> Duration {
    Duration::from_secs(n.saturating_mul(60))
}

/// A duration of `n` hours.
#[must_use]
pub const fn hours(n: u64) -> Duration {
    Duration::from_secs(n.saturating_mul(3_600))
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    /// Held at [`Timestamp::MAX`].
    fn add(self, duration: Duration) -> Self {
        self.saturating_add_micros(micros(duration))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    /// Held at [`Timestamp::MIN`].
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }
}

impl Sub for Timestamp {
    type Output = Duration;
    /// The time from `earlier` to `self`, zero when `earlier` is later.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_day = self.0.rem_euclid(DAY);
        let (secs, mut fraction) = (of_day / SECOND, of_day % SECOND);
        write!(f, "{}T{:02}:{:02}:{:02}", self.date(), secs / 3_600, secs / 60 % 60, secs % 60)?;
        if fraction != 0 {
            let mut digits = 6;
            while fraction % 10 == 0 {
                fraction /= 10;
                digits -= 1;
            }
            write!(f, ".{fraction:0digits$}")?;
        }
        f.write_str("Z")
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        if (0..=9_999).contains(&year) {
            write!(f, "{year:04}-{month:02}-{day:02}")
        } else {
            write!(f, "{year:+05}-{month:02}-{day:02}")
        }
    }
}

impl std::str::FromStr for Timestamp {
    type Err = crate::Error;
    fn from_str(text: &str) -> crate::Result<Self> {
        Self::parse_rfc3339(text).ok_or_else(|| {
            crate::Error::new(crate::error::Kind::Config, format!("`{text}` is not a time"))
                .help("write RFC 3339, such as `2026-01-02T03:04:05Z`")
        })
    }
}

fn two(tens: u8, ones: u8) -> Option<u8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| tens * 10 + ones)
}

/// Days since the Unix epoch of `YYYY-MM-DD`.
fn parse_date(text: &[u8]) -> Option<i32> {
    let [y3, y2, y1, y0, b'-', m1, m0, b'-', d1, d0] = text else { return None };
    let year = i32::from(two(*y3, *y2)?) * 100 + i32::from(two(*y1, *y0)?);
    days_of(year, two(*m1, *m0)?, two(*d1, *d0)?)
}

/// The characters of a date and the `T` behind it, as [`Timestamp::parse_usual`] saw them last, and which day it is.
#[derive(Debug, Default)]
pub(crate) struct LastDay(std::cell::Cell<((u64, u64), i32)>);

/// Days since the Unix epoch; after the algorithm `days_from_civil` of Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms".
fn days_of(year: i32, month: u8, day: u8) -> Option<i32> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day < 1 || day > length || !(-5_000_000..=5_000_000).contains(&year) {
        return None;
    }
    let (month, day) = (i32::from(month), i32::from(day));
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The inverse of [`days_of`], `civil_from_days` of the same source.
fn civil_of(days: i32) -> (i32, u8, u8) {
    let days = i64::from(days) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as i32, month as u8, day as u8)
}
