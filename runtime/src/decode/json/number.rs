//! Numbers: exact integers and correctly rounded floats.

use super::swar::{digits, digits_before, short_number};

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

/// The `i64` that `bytes` begin with and its length. `None` says no more than that it is to be looked at more closely; so for
/// the others.
#[inline]
pub(super) fn quick_i64(bytes: &[u8]) -> Option<(i64, usize)> {
    let parts = parts(bytes).ok()?;
    let value = i64::try_from(parts.mantissa).ok()?;
    // `-0` is none.
    let usual = parts.integer & parts.exact & !(parts.negative & (value == 0));
    usual.then_some((if parts.negative { -value } else { value }, parts.len))
}

/// As [`quick_i64`].
#[inline]
pub(super) fn quick_u64(bytes: &[u8]) -> Option<(u64, usize)> {
    let parts = parts(bytes).ok()?;
    (parts.integer & parts.exact & !parts.negative).then_some((parts.mantissa, parts.len))
}

/// As [`quick_i64`].
#[inline]
pub(super) fn quick_f64(bytes: &[u8]) -> Option<(f64, usize)> {
    if let Some((digits, places, len)) = bytes.first_chunk().and_then(|bytes| short_number(*bytes)) {
        // Both are exact, so it is rounded once.
        return Some((digits as f64 / POWERS.get(places)?, len));
    }
    let parts = parts(bytes).ok()?;
    Some((parts.quick_f64()?, parts.len))
}

/// As [`quick_i64`].
#[inline]
pub(super) fn quick_f32(bytes: &[u8]) -> Option<(f32, usize)> {
    let parts = parts(bytes).ok()?;
    Some((parts.quick_f32()?, parts.len))
}

/// The length of the number that `bytes` begins with, without its value.
#[inline(always)]
pub(super) fn skip(bytes: &[u8]) -> Result<usize, usize> {
    match short(bytes) {
        Some(len) => Ok(len),
        None => long(bytes),
    }
}

/// As [`skip`], of a number without an exponent that has fewer than sixteen digits before its point, and behind it.
#[inline(always)]
fn short(bytes: &[u8]) -> Option<usize> {
    let sign = usize::from(*bytes.first()? == b'-');
    let body = bytes.get(sign..)?;
    let whole = digits_before(body)?;
    let zero = (whole > 1) & (*body.first()? == b'0');
    let rest = body.get(whole..)?;
    let (places, end) = if *rest.first()? == b'.' {
        let rest = rest.get(1..)?;
        let places = digits_before(rest)?;
        (1 + places, *rest.get(places)?)
    } else {
        (2, *rest.first()?)
    };
    // A point without digits behind it is 1 here.
    let usual = (whole > 0) & !zero & (places > 1) & (end | 0x20 != b'e');
    let fraction = if *rest.first()? == b'.' { places } else { 0 };
    usual.then_some(sign + whole + fraction)
}

#[inline(never)]
fn long(bytes: &[u8]) -> Result<usize, usize> {
    parts(bytes).map(|parts| parts.len)
}
