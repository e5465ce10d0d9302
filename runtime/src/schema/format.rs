//! How a field is written where its type alone does not say it: `#[stream(format = epoch_ms)]`.
//!
//! A format is a value with an implementation of [`ReadAs`]. One of a single word is looked up here and then in the user's
//! scope, a longer path is taken as it is; so a format of one's own is a unit struct:
//!
//! ```
//! use millstream::decode::{Fault, Reader};
//! use millstream::prelude::*;
//! use millstream::schema::format::ReadAs;
//!
//! /// Days since 1970-01-01.
//! struct EpochDays;
//! impl ReadAs<Timestamp> for EpochDays {
//!     fn read_as<'a, R: Reader<'a>>(&self, reader: &mut R) -> Result<Timestamp, Fault> {
//!         let days = reader.i64()?;
//!         days.checked_mul(86_400).and_then(Timestamp::from_secs).ok_or_else(|| reader.out_of_range("a Timestamp"))
//!     }
//! }
//!
//! #[derive(StreamSchema)]
//! struct Reading {
//!     #[stream(event_time, format = EpochDays)]
//!     day: Timestamp,
//! }
//! ```

use super::column::{Column, Stored};
use super::{Fault, Reader};
use crate::time::{Duration, Timestamp};

/// A way to write values of type `T`, and options of them.
#[diagnostic::on_unimplemented(
    message = "the format `{Self}` does not read fields of type `{T}`",
    label = "this format",
    note = "`epoch_s`, `epoch_ms`, `epoch_us` and `rfc3339` read `Timestamp` and `Option<Timestamp>`; `seconds`, `ms` and `us` read `Duration` and `Option<Duration>`"
)]
pub trait ReadAs<T: Stored> {
    /// Reads one value.
    ///
    /// # Errors
    /// The fault says what was expected and found.
    fn read_as<'a, R: Reader<'a>>(&self, reader: &mut R) -> Result<T::View<'a>, Fault>;
}

#[diagnostic::do_not_recommend]
impl<T: Column, F: ReadAs<T>> ReadAs<Option<T>> for F {
    #[inline]
    fn read_as<'a, R: Reader<'a>>(&self, reader: &mut R) -> Result<Option<T::View<'a>>, Fault> {
        if reader.null()? { Ok(None) } else { self.read_as(reader).map(Some) }
    }
}

/// What the fault of a number too large says.
const INSTANT: &str = "a Timestamp";

/// Seconds since the Unix epoch, with or without a fraction; rounded to microseconds.
#[expect(non_camel_case_types, reason = "a word of the language: `format = epoch_s`")]
#[derive(Debug, Clone, Copy)]
pub struct epoch_s;

impl ReadAs<Timestamp> for epoch_s {
    #[inline]
    fn read_as<'a, R: Reader<'a>>(&self, reader: &mut R) -> Result<Timestamp, Fault> {
        // An `f64` holds whole microseconds until the year 2255 and whole seconds until the year 20000.
        let micros = (reader.f64()? * 1e6).round();
        if micros.abs() < i64::MAX as f64 {
            Ok(Timestamp::from_micros(micros as i64))
        } else {
            Err(reader.out_of_range(INSTANT))
        }
    }
}

/// Milliseconds since the Unix epoch.
#[expect(non_camel_case_types, reason = "a word of the language: `format = epoch_ms`")]
#[derive(Debug, Clone, Copy)]
pub struct epoch_ms;

impl ReadAs<Timestamp> for epoch_ms {
    #[inline]
    fn read_as<'a, R: Reader<'a>>(&self, reader: &mut R) -> Result<Timestamp, Fault> {
        let millis = reader.i64()?;
        Timestamp::from_millis(millis).ok_or_else(|| reader.out_of_range(INSTANT))
    }
}

/// Microseconds since the Unix epoch.
#[expect(non_camel_case_types, reason = "a word of the language: `format = epoch_us`")]
#[derive(Debug, Clone, Copy)]
pub struct epoch_us;

impl ReadAs<Timestamp> for epoch_us {
    #[inline]
    fn read_as<'a, R: Reader<'a>>(&self, reader: &mut R) -> Result<Timestamp, Fault> {
        reader.i64().map(Timestamp::from_micros)
    }
}

/// Text of RFC 3339, such as `2026-01-02T03:04:05.678Z`; what `Timestamp` is written as without a format.
#[expect(non_camel_case_types, reason = "a word of the language: `format = rfc3339`")]
#[derive(Debug, Clone, Copy)]
pub struct rfc3339;

impl ReadAs<Timestamp> for rfc3339 {
    #[inline]
    fn read_as<'a, R: Reader<'a>>(&self, reader: &mut R) -> Result<Timestamp, Fault> {
        reader.timestamp()
    }
}

/// What the fault of a number that is negative or too large says.
const LENGTH: &str = "a Duration";

/// A number of seconds, with or without a fraction; rounded to microseconds.
#[expect(non_camel_case_types, reason = "a word of the language: `format = seconds`")]
#[derive(Debug, Clone, Copy)]
pub struct seconds;

impl ReadAs<Duration> for seconds {
    #[inline]
    fn read_as<'a, R: Reader<'a>>(&self, reader: &mut R) -> Result<Duration, Fault> {
        let micros = (reader.f64()? * 1e6).round();
        if (0.0..i64::MAX as f64).contains(&micros) {
            Ok(Duration::from_micros(micros as u64))
        } else {
            Err(reader.out_of_range(LENGTH))
        }
    }
}

/// A whole number of milliseconds.
#[expect(non_camel_case_types, reason = "a word of the language: `format = ms`")]
#[derive(Debug, Clone, Copy)]
pub struct ms;

impl ReadAs<Duration> for ms {
    #[inline]
    fn read_as<'a, R: Reader<'a>>(&self, reader: &mut R) -> Result<Duration, Fault> {
        length(1_000, reader)
    }
}

/// A whole number of microseconds.
#[expect(non_camel_case_types, reason = "a word of the language: `format = us`")]
#[derive(Debug, Clone, Copy)]
pub struct us;

impl ReadAs<Duration> for us {
    #[inline]
    fn read_as<'a, R: Reader<'a>>(&self, reader: &mut R) -> Result<Duration, Fault> {
        length(1, reader)
    }
}

/// A number of units of so many microseconds.
#[inline]
fn length<'a, R: Reader<'a>>(micros: i64, reader: &mut R) -> Result<Duration, Fault> {
    let micros = reader.i64()?.checked_mul(micros).and_then(|micros| u64::try_from(micros).ok());
    micros.map(Duration::from_micros).ok_or_else(|| reader.out_of_range(LENGTH))
}
