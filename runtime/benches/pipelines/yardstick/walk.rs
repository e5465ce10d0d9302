//! A walk over a record that is written like the one before, eight or sixteen bytes at a time. Everything else is left to
//! the slow way.

use std::ops::Range;

use millstream::time::Timestamp;

/// A field as the last records had it.
struct Field {
    /// Its key with the quotes and the colon, or of a longer one the first sixteen bytes.
    key: u128,
    mask: u128,
    len: usize,
    rest: Vec<u8>,
    /// Its number among the wanted ones.
    wanted: Option<usize>,
    /// What follows its value.
    behind: u8,
}

/// The fields of the records, in their order.
#[derive(Default)]
pub(crate) struct Shape {
    fields: Vec<Field>,
}

impl Shape {
    /// That of a record of the slow way.
    pub(crate) fn of(keys: &[String], wanted: &[&str]) -> Self {
        let field = |(number, key): (usize, &String)| {
            let text = format!("\"{key}\":").into_bytes();
            let len = text.len().min(16);
            Field {
                key: word(&text) & mask(len),
                mask: mask(len),
                len,
                rest: text[len..].to_vec(),
                wanted: wanted.iter().position(|wanted| wanted == key),
                behind: if number + 1 < keys.len() { b',' } else { b'}' },
            }
        };
        Self { fields: keys.iter().enumerate().map(field).collect() }
    }

    /// Where the wanted values of the record that begins at `at` are (strings without their quotes), and where the next
    /// record begins. `None` unless it is written like the records before, without spaces and escapes, and its values are
    /// plain strings and numbers.
    #[inline(always)]
    pub(crate) fn walk<const N: usize>(&self, data: &[u8], mut at: usize) -> Option<([Range<usize>; N], usize)> {
        let mut values = [const { 0..0 }; N];
        if self.fields.is_empty() || *data.get(at)? != b'{' {
            return None;
        }
        at += 1;
        for field in &self.fields {
            if word(data.get(at..)?) & field.mask != field.key {
                return None;
            }
            at += field.len;
            if !field.rest.is_empty() {
                if !data.get(at..)?.starts_with(&field.rest) {
                    return None;
                }
                at += field.rest.len();
            }
            let start = at + usize::from(*data.get(at)? == b'"');
            let len = if start > at { plain(data.get(start..)?)? } else { number(data.get(at..)?)? };
            if let Some(wanted) = field.wanted {
                values[wanted] = start..start + len;
            }
            // Behind a string there is its quote.
            at = start + len + (start - at);
            if *data.get(at)? != field.behind {
                return None;
            }
            at += 1;
        }
        (*data.get(at)? == b'\n').then_some((values, at + 1))
    }
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH: u64 = 0x80 * ONES;

/// The length of a string up to its quote; `None` if it has escapes or no end.
#[inline(always)]
fn plain(text: &[u8]) -> Option<usize> {
    let mut len = 0;
    loop {
        let word = u64::from_le_bytes(*text.get(len..)?.first_chunk()?);
        // Marks in the highest bits; one behind another mark may be wrong, and is not looked at.
        let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
        let quotes = zeros(word ^ (ONES * u64::from(b'"')));
        let others = zeros(word ^ (ONES * u64::from(b'\\'))) | word.wrapping_sub(ONES * 0x20) & !word;
        let stops = (quotes | others) & HIGH;
        if stops != 0 {
            let at = stops.trailing_zeros() / 8;
            len += at as usize;
            return (text[len] == b'"').then_some(len);
        }
        len += 8;
    }
}

/// The length of a number with at most sixteen digits before its point and eight behind it; `None` if it is another one or
/// malformed.
#[inline(always)]
fn number(text: &[u8]) -> Option<usize> {
    let sign = usize::from(*text.first()? == b'-');
    let mut whole = digits(text.get(sign..)?)?;
    if whole == 8 {
        whole += digits(text.get(sign + 8..)?)?;
    }
    let mut len = sign + whole;
    // Without branches: lengths vary.
    if (whole == 0) | ((whole > 1) & (text[sign] == b'0')) {
        return None;
    }
    if *text.get(len)? == b'.' {
        let places = digits(text.get(len + 1..)?)?;
        if places == 0 {
            return None;
        }
        len += 1 + places;
    }
    // An exponent, or one digit more, is no `,` and no `}`.
    Some(len)
}

/// How many of the first eight bytes are digits.
#[inline(always)]
fn digits(text: &[u8]) -> Option<usize> {
    let value = u64::from_le_bytes(*text.first_chunk()?) ^ (ONES * u64::from(b'0'));
    // What carries all above nine into the highest bit.
    let others = (((value & !HIGH) + ONES * 0x76) | value) & HIGH;
    Some((others.trailing_zeros() / 8) as usize)
}

/// Sixteen bytes; those that are not there are zero.
#[inline(always)]
pub(crate) fn word(bytes: &[u8]) -> u128 {
    match bytes.first_chunk() {
        Some(bytes) => u128::from_le_bytes(*bytes),
        None => bytes.iter().rev().fold(0, |word, byte| word << 8 | u128::from(*byte)),
    }
}

/// Ones in as many bytes, of which there are at most sixteen.
#[inline(always)]
pub(crate) fn mask(len: usize) -> u128 {
    if len == 0 { 0 } else { u128::MAX >> (128 - 8 * len) }
}

/// The value of a number that the walk went over, of an unsigned integer.
pub(crate) fn integer(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0u64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0')))
}

/// The value of a number that the walk went over, which begins `text`, has `len` bytes, and of these at most eight behind
/// its sign. `None` otherwise.
#[inline(always)]
pub(crate) fn float(text: &[u8], len: usize) -> Option<f64> {
    const POWERS: [f64; 8] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];
    let negative = usize::from(*text.first()? == b'-');
    let (text, len) = (text.get(negative..)?, len - negative);
    if len > 8 {
        return None;
    }
    let value = u64::from_le_bytes(*text.first_chunk()?) ^ (ONES * u64::from(b'0'));
    let point = digits(text)?.min(len);
    // The point goes, and what is before it moves up by one byte; then all moves up, so that the last digit comes last.
    let whole = if point < 8 { value & ((1 << (8 * point)) - 1) } else { value };
    let (digits, places) =
        if point < len { (whole << 8 | value & !(u64::MAX >> (56 - 8 * point)), len - 1 - point) } else { (whole, 0) };
    let mantissa = eight(digits << (64 - 8 * len));
    let value = mantissa as f64 / POWERS[places];
    Some(if negative == 1 { -value } else { value })
}

/// The value of eight digits, the first in the lowest byte: neighbours are joined three times.
#[inline(always)]
fn eight(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff
}

const ZEROS: u128 = u128::from_le_bytes([b'0'; 16]);

/// Times of the form `2026-01-02T03:04:05.678Z`; the day stays the same for long.
#[derive(Default)]
pub(crate) struct Times {
    day: [u8; 11],
    start: i64,
}

impl Times {
    /// The microseconds of a time.
    #[inline(always)]
    pub(crate) fn parse(&mut self, text: &str) -> Option<i64> {
        let usual = text.as_bytes().as_array::<24>().and_then(|text| {
            if text.first_chunk::<11>()? != &self.day {
                return None;
            }
            let clock = word(&text[8..]) >> 24 | ZEROS & !mask(13);
            const FORM: u128 = u128::from_le_bytes(*b"00:00:00.000Z000");
            // The digits of the form differ from those of the text in their low halves only.
            let low = 0x0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f;
            let difference = clock ^ FORM;
            let separators = u128::from_le_bytes([0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0]);
            if difference & !low != 0 || difference & separators != 0 {
                return None;
            }
            // As BCD, nothing above nine.
            let over = (difference + 0x0606_0606_0606_0606_0606_0606_0606_0606) & !low;
            let digit = |at: usize| (difference >> (8 * at)) as u8 as i64;
            let two = |at: usize| digit(at) * 10 + digit(at + 1);
            let (hour, minute, second) = (two(0), two(3), two(6));
            let milli = digit(9) * 100 + two(10);
            (over == 0 && hour < 24 && minute < 60 && second < 60)
                .then(|| self.start + (((hour * 60 + minute) * 60 + second) * 1_000 + milli) * 1_000)
        });
        usual.or_else(|| self.parse_slowly(text))
    }

    #[cold]
    fn parse_slowly(&mut self, text: &str) -> Option<i64> {
        let time = Timestamp::parse_rfc3339(text)?;
        if let Some(day) = text.as_bytes().first_chunk::<11>().filter(|_| text.ends_with('Z')) {
            (self.day, self.start) = (*day, time.date().start().micros());
        }
        Some(time.micros())
    }
}
