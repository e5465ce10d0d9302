//! Numbers: exact integers and correctly rounded floats.

use super::lanes::{WIDTH, others};
use super::swar::{digits, eight, load, values};

/// The digits of a number as they stand in the text, `mantissa * 10^exponent`.
pub(super) struct Parts {
    pub(super) negative: bool,
    pub(super) mantissa: u64,
    pub(super) exponent: i32,
    /// Whether `mantissa` holds all digits.
    pub(super) exact: bool,
    /// Whether there is neither a fraction nor an exponent.
    pub(super) integer: bool,
    /// The number's length in bytes.
    pub(super) len: usize,
}

/// As many digits always fit into a `u64`.
const EXACT_DIGITS: usize = 19;

/// Powers of ten that are exact as `f64`.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Powers of ten that are exact as `f32`.
const POWERS_F32: [f32; 11] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];

/// The number that `bytes` begins with; where it is malformed otherwise.
#[inline(always)]
pub(super) fn parts(bytes: &[u8]) -> Result<Parts, usize> {
    let (negative, body) = match bytes {
        [b'-', body @ ..] => (true, body),
        _ => (false, bytes),
    };
    let sign = usize::from(negative);
    let mut mantissa = 0;
    let whole = digits(body, &mut mantissa);
    if whole == 0 {
        return Err(sign);
    }
    if whole > 1 && body.first() == Some(&b'0') {
        return Err(sign + 1);
    }
    let rest = body.get(whole..).unwrap_or_default();
    if !matches!(rest, [b'.' | b'e' | b'E', ..]) {
        let exact = whole <= EXACT_DIGITS;
        return Ok(Parts { negative, mantissa, exponent: 0, exact, integer: true, len: sign + whole });
    }
    let (mut rest, mut len, mut places) = (rest, sign + whole, 0);
    if let [b'.', fraction @ ..] = rest {
        places = digits(fraction, &mut mantissa);
        len += 1 + places;
        if places == 0 {
            return Err(len);
        }
        rest = fraction.get(places..).unwrap_or_default();
    }
    let mut exponent = 0;
    if let [b'e' | b'E', power @ ..] = rest {
        let (down, power, sign) = match power {
            [b'-', power @ ..] => (true, power, 1),
            [b'+', power @ ..] => (false, power, 1),
            _ => (false, power, 0),
        };
        let count = power.iter().take_while(|byte| byte.is_ascii_digit()).count();
        len += 1 + sign + count;
        if count == 0 {
            return Err(len);
        }
        // Far beyond what any float can hold it makes no difference how far.
        let value = power
            .iter()
            .take(count)
            .fold(0, |value: i32, byte| if value > 1_000_000 { value } else { value * 10 + i32::from(byte - b'0') });
        exponent = if down { -value } else { value };
    }
    let exact = whole + places <= EXACT_DIGITS;
    // More than i32::MAX places cannot be exact, and only exact numbers look at the exponent.
    let exponent = exponent.saturating_sub(i32::try_from(places).unwrap_or(i32::MAX));
    Ok(Parts { negative, mantissa, exponent, exact, integer: false, len })
}

impl Parts {
    /// The nearest `f64` when it can be had by one exact operation: both operands are exact, so IEEE 754 rounds once.
    #[inline(always)]
    pub(super) fn quick_f64(&self) -> Option<f64> {
        if !self.exact {
            return None;
        }
        let value = if self.exponent == 0 {
            self.mantissa as f64
        } else {
            if self.mantissa > 1 << 53 {
                return None;
            }
            let power = *POWERS.get(self.exponent.unsigned_abs() as usize)?;
            let mantissa = self.mantissa as f64;
            if self.exponent < 0 { mantissa / power } else { mantissa * power }
        };
        Some(if self.negative { -value } else { value })
    }

    /// The same for `f32`.
    #[inline(always)]
    pub(super) fn quick_f32(&self) -> Option<f32> {
        if !self.exact {
            return None;
        }
        let value = if self.exponent == 0 {
            self.mantissa as f32
        } else {
            if self.mantissa > 1 << 24 {
                return None;
            }
            let power = *POWERS_F32.get(self.exponent.unsigned_abs() as usize)?;
            let mantissa = self.mantissa as f32;
            if self.exponent < 0 { mantissa / power } else { mantissa * power }
        };
        Some(if self.negative { -value } else { value })
    }

    /// The digits of an integer; `None` beyond `u64`.
    #[inline(always)]
    pub(super) fn magnitude(&self, bytes: &[u8]) -> Option<u64> {
        if self.exact { Some(self.mantissa) } else { self.long(bytes) }
    }

    /// An integer of twenty digits or more.
    #[cold]
    fn long(&self, bytes: &[u8]) -> Option<u64> {
        bytes
            .get(usize::from(self.negative)..self.len)?
            .iter()
            .try_fold(0u64, |value, byte| value.checked_mul(10)?.checked_add(u64::from(byte.wrapping_sub(b'0'))))
    }
}

/// A number without an exponent that is short: at most eight digits before its point, and behind it.
struct Short {
    negative: bool,
    /// Where its digits begin, without the sign.
    at: usize,
    /// Those before its point and behind it.
    whole: usize,
    places: usize,
    /// Where it ends.
    end: usize,
}

impl Short {
    /// The number at `at`; `None` says no more than that it is to be looked at more closely.
    #[inline(always)]
    fn at(text: &[u8], at: usize) -> Option<Self> {
        let negative = text.get(at) == Some(&b'-');
        let at = at + usize::from(negative);
        let marks = others(text, at);
        let whole = marks.trailing_zeros() as usize;
        if (whole.wrapping_sub(1) >= 8) | leading_zero(text, at, whole) {
            return None;
        }
        let (mut end, mut places) = (at + whole, 0);
        if text.get(end) == Some(&b'.') {
            places = (marks >> (whole + 1)).trailing_zeros() as usize;
            if places.wrapping_sub(1) >= 8 {
                return None;
            }
            end += 1 + places;
        }
        no_exponent(text, end).then_some(Self { negative, at, whole, places, end })
    }

    /// Its digits as one number, of which [`Self::places`] are behind the point; fewer than sixteen.
    #[inline(always)]
    fn digits(&self, text: &[u8]) -> u64 {
        let whole = leading(text, self.at, self.whole);
        if self.places == 0 {
            return whole;
        }
        let fraction = leading(text, self.at + self.whole + 1, self.places);
        whole * WHOLE_POWERS[self.places % WHOLE_POWERS.len()] + fraction
    }
}

/// Whether so many digits begin with a zero that must not be there. No branch: how many there are varies.
#[inline(always)]
fn leading_zero(text: &[u8], at: usize, digits: usize) -> bool {
    (digits > 1) & (text.get(at) == Some(&b'0'))
}

/// Whether there is none at `at`.
#[inline(always)]
fn no_exponent(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(|byte| byte | 0x20 != b'e')
}

/// Powers of ten as integers.
const WHOLE_POWERS: [u64; 16] = {
    let mut powers = [1; 16];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// The number of the digits at `at`, of which there are one to eight.
#[inline(always)]
fn leading(text: &[u8], at: usize, digits: usize) -> u64 {
    // What is behind them goes out of the word, and zeros come before them.
    eight(values(load(text, at)) << ((64 - 8 * digits as u32) & 63))
}

/// An integer without a sign that has at most fifteen digits, and where it ends.
#[inline(always)]
fn short_integer(text: &[u8], at: usize) -> Option<(u64, usize)> {
    let len = others(text, at).trailing_zeros() as usize;
    if (len.wrapping_sub(1) >= WIDTH - 1) | leading_zero(text, at, len) {
        return None;
    }
    let end = at + len;
    if text.get(end) == Some(&b'.') || !no_exponent(text, end) {
        return None;
    }
    let value = if len <= 8 {
        leading(text, at, len)
    } else {
        leading(text, at, 8) * WHOLE_POWERS[(len - 8) % WHOLE_POWERS.len()] + leading(text, at + 8, len - 8)
    };
    Some((value, end))
}

/// The `i64` at `at` and where it ends. `None` says no more than that it is to be looked at more closely; so for the others.
#[inline(always)]
pub(super) fn quick_i64(text: &[u8], at: usize) -> Option<(i64, usize)> {
    let negative = text.get(at) == Some(&b'-');
    let (value, end) = short_integer(text, at + usize::from(negative))?;
    let value = value as i64;
    // `-0` is none.
    (!negative || value != 0).then_some((if negative { -value } else { value }, end))
}

/// As [`quick_i64`].
#[inline(always)]
pub(super) fn quick_u64(text: &[u8], at: usize) -> Option<(u64, usize)> {
    short_integer(text, at)
}

/// As [`quick_i64`].
#[inline(always)]
pub(super) fn quick_f64(text: &[u8], at: usize) -> Option<(f64, usize)> {
    if let Some(short) = Short::at(text, at) {
        // Both are exact, so it is rounded once.
        let value = short.digits(text) as f64 / POWERS[short.places % 16];
        return Some((if short.negative { -value } else { value }, short.end));
    }
    long_f64(text, at)
}

#[inline(never)]
fn long_f64(text: &[u8], at: usize) -> Option<(f64, usize)> {
    let parts = parts(text.get(at..)?).ok()?;
    Some((parts.quick_f64()?, at + parts.len))
}

/// As [`quick_i64`].
#[inline]
pub(super) fn quick_f32(text: &[u8], at: usize) -> Option<(f32, usize)> {
    let parts = parts(text.get(at..)?).ok()?;
    Some((parts.quick_f32()?, at + parts.len))
}

/// Where the number at `at` ends; where it is malformed otherwise.
#[inline(always)]
pub(super) fn skip(text: &[u8], at: usize) -> Result<usize, usize> {
    match short(text, at) {
        Some(end) => Ok(end),
        None => long(text, at),
    }
}

/// As [`skip`], of a number without an exponent that has fewer than sixteen digits before its point, and behind it.
#[inline(always)]
fn short(text: &[u8], at: usize) -> Option<usize> {
    let at = at + usize::from(text.get(at) == Some(&b'-'));
    let marks = others(text, at);
    let whole = marks.trailing_zeros() as usize;
    if (whole.wrapping_sub(1) >= WIDTH - 1) | leading_zero(text, at, whole) {
        return None;
    }
    let mut end = at + whole;
    if text.get(end) == Some(&b'.') {
        end += 1;
        let mut places = (marks >> (whole + 1)).trailing_zeros() as usize;
        if places >= WIDTH {
            places = others(text, end).trailing_zeros() as usize;
        }
        if places.wrapping_sub(1) >= WIDTH - 1 {
            return None;
        }
        end += places;
    }
    no_exponent(text, end).then_some(end)
}

#[inline(never)]
fn long(text: &[u8], at: usize) -> Result<usize, usize> {
    match parts(text.get(at..).unwrap_or_default()) {
        Ok(parts) => Ok(at + parts.len),
        Err(malformed) => Err(at + malformed),
    }
}
