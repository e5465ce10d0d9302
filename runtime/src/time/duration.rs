//! Durations as text.

use std::time::Duration;

use crate::decimal::units;

/// The units of the language, each as a factor and the number of places of a microsecond.
const UNITS: [(&str, i128, i64); 7] =
    [("us", 1, 0), ("ms", 1, 3), ("s", 1, 6), ("min", 60, 6), ("m", 60, 6), ("h", 3_600, 6), ("d", 86_400, 6)];

/// Parses a number and a unit, `250ms`, `1.5s`, `5min` or `5m`, `2h`, `1d`, or ISO 8601 in days, hours, minutes and
/// seconds, `PT1H30M`, `P1DT0.5S`. `None` for everything else, for months and years, which have no fixed length, for what
/// is not a whole number of microseconds, and beyond `i64::MAX` of them.
///
/// ```
/// use millstream::time::{Duration, parse_duration};
/// assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1_500)));
/// assert_eq!(parse_duration("PT1H30M"), parse_duration("90min"));
/// ```
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let micros = match text.strip_prefix('P') {
        Some(text) => iso(text)?,
        None => {
            let (number, unit) = text.split_at(text.find(|char: char| char.is_ascii_alphabetic())?);
            let (_, factor, places) = UNITS.iter().find(|(name, ..)| *name == unit)?;
            part(number, *factor, *places)?
        }
    };
    i64::try_from(micros).ok().and_then(|micros| u64::try_from(micros).ok()).map(Duration::from_micros)
}

/// What is behind the `P`.
fn iso(text: &str) -> Option<i128> {
    let (days, time) = match text.split_once('T') {
        Some((_, "")) => return None,
        Some((days, time)) => (days, time),
        None => (text, ""),
    };
    if text.is_empty() {
        return None;
    }
    let mut micros = 0i128;
    for (mut rest, units) in [(days, &[('D', 86_400)][..]), (time, &[('H', 3_600), ('M', 60), ('S', 1)][..])] {
        for (unit, factor) in units {
            if let Some((number, after)) = rest.split_once(*unit) {
                micros = micros.checked_add(part(number, *factor, 6)?)?;
                rest = after;
            }
        }
        if !rest.is_empty() {
            return None;
        }
    }
    Some(micros)
}

/// A number without sign and exponent, in microseconds.
fn part(number: &str, factor: i128, places: i64) -> Option<i128> {
    let digit = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    if !number.bytes().all(digit) {
        return None;
    }
    units(number, places)?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let good = [
            ("0s", 0),
            ("250ms", 250_000),
            ("7us", 7),
            ("1.5s", 1_500_000),
            ("5min", 300_000_000),
            ("5m", 300_000_000),
            ("0.5h", 1_800_000_000),
            ("1d", 86_400_000_000),
            ("PT0S", 0),
            ("P2D", 172_800_000_000),
            ("PT1H30M", 5_400_000_000),
            ("P1DT2H3M4.000005S", 93_784_000_005),
            ("9223372036854775807us", i64::MAX as u64),
        ];
        for (text, micros) in good {
            assert_eq!(parse_duration(text), Some(Duration::from_micros(micros)), "{text}");
        }
        let bad = [
            "",
            "s",
            "10",
            "-1s",
            "+1s",
            "1 s",
            "1e3s",
            "10sec",
            "0.0000001s",
            "1.5us",
            "P",
            "PT",
            "P1Y",
            "P1M",
            "P1W",
            "PT1S1M",
            "PT1H1H",
            "PT-1S",
            "1.2.3s",
            "9223372036854775808us",
            "999999999999999999999d",
            "1µs",
        ];
        for text in bad {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
