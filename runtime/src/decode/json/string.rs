//! Strings: where they end, what their escapes mean, and base64.

use bumpalo::Bump;
use bumpalo::collections::{String, Vec};

use super::swar::stops;

/// How many bytes at the beginning stand for themselves in a string.
#[inline(always)]
pub(super) fn plain(bytes: &[u8]) -> usize {
    let (mut rest, mut len) = (bytes, 0);
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let stops = stops(u64::from_le_bytes(*word));
        if stops != 0 {
            return len + (stops.trailing_zeros() / 8) as usize;
        }
        len += 8;
        rest = tail;
    }
    len + rest.iter().take_while(|byte| !matches!(byte, 0..0x20 | b'"' | b'\\')).count()
}

/// Why a string is malformed, and how far behind its opening quote.
pub(super) struct Bad {
    pub(super) at: usize,
    pub(super) expected: &'static str,
}

/// The value of a string with escapes and its length with the closing quote; `text` begins behind the opening one and ends
/// with the closing one.
#[inline(never)]
pub(super) fn unescape<'a>(text: &str, arena: &'a Bump) -> Result<(&'a str, usize), Bad> {
    let bytes = text.as_bytes();
    // No escape is shorter than what it means, so this need not grow.
    let mut out = String::with_capacity_in(text.len(), arena);
    let mut at = 0;
    loop {
        let len = plain(bytes.get(at..).unwrap_or_default());
        // Quotes, backslashes and controls are characters of one byte, so both ends are boundaries.
        out.push_str(text.get(at..at + len).unwrap_or_default());
        at += len;
        match bytes.get(at) {
            Some(b'"') => return Ok((out.into_bump_str(), at + 1)),
            Some(b'\\') => {
                let (decoded, len) =
                    escape(bytes.get(at + 1..).unwrap_or_default()).map_err(|expected| Bad { at, expected })?;
                out.push(decoded);
                at += 1 + len;
            }
            Some(_) => return Err(Bad { at, expected: "no control character in a string" }),
            None => return Err(Bad { at, expected: "`\"` after a string" }),
        }
    }
}

/// The length of a string with its closing quote, for one that nobody reads: its escapes are checked for their form, not
/// for whether surrogates come in pairs, as in serde_json.
#[inline(always)]
pub(super) fn skip(bytes: &[u8]) -> Result<usize, Bad> {
    let len = plain(bytes);
    if bytes.get(len) == Some(&b'"') { Ok(len + 1) } else { skip_escaped(bytes, len) }
}

#[inline(never)]
fn skip_escaped(bytes: &[u8], mut at: usize) -> Result<usize, Bad> {
    loop {
        match bytes.get(at..).unwrap_or_default() {
            [b'"', ..] => return Ok(at + 1),
            [b'\\', b'u', rest @ ..] => {
                if hex(rest).is_none() {
                    return Err(Bad { at, expected: FOUR });
                }
                at += 6;
            }
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => at += 2,
            [b'\\', ..] => return Err(Bad { at, expected: ESCAPE }),
            [_, ..] => return Err(Bad { at, expected: "no control character in a string" }),
            [] => return Err(Bad { at, expected: "`\"` after a string" }),
        }
        at += plain(bytes.get(at..).unwrap_or_default());
    }
}

const FOUR: &str = "four hexadecimal digits after `\\u`";
const ESCAPE: &str = "an escape such as `\\n`";
const PAIR: &str = "the two halves of a surrogate pair";

/// What the escape means whose text behind the backslash `bytes` begins with, and the length of that text.
fn escape(bytes: &[u8]) -> Result<(char, usize), &'static str> {
    let plain = match bytes {
        [b'"', ..] => '"',
        [b'\\', ..] => '\\',
        [b'/', ..] => '/',
        [b'b', ..] => '\u{8}',
        [b'f', ..] => '\u{c}',
        [b'n', ..] => '\n',
        [b'r', ..] => '\r',
        [b't', ..] => '\t',
        [b'u', rest @ ..] => return unicode(rest),
        _ => return Err(ESCAPE),
    };
    Ok((plain, 1))
}

fn unicode(bytes: &[u8]) -> Result<(char, usize), &'static str> {
    let first = hex(bytes).ok_or(FOUR)?;
    if let Some(decoded) = char::from_u32(first) {
        return Ok((decoded, 5));
    }
    // Only surrogates are no characters; the first half of a pair comes first.
    match bytes.get(4..) {
        Some([b'\\', b'u', rest @ ..]) if first < 0xDC00 => {
            let second = hex(rest).ok_or(FOUR)?;
            if !(0xDC00..0xE000).contains(&second) {
                return Err(PAIR);
            }
            let joined = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            char::from_u32(joined).map(|decoded| (decoded, 11)).ok_or(PAIR)
        }
        _ => Err(PAIR),
    }
}

/// The first four bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk::<4>()?.iter().try_fold(0, |value, byte| Some(value * 16 + char::from(*byte).to_digit(16)?))
}

/// The bytes that `text` is the base64 of, in the standard alphabet of RFC 4648 with padding; `None` if it is not.
pub(super) fn base64<'a>(text: &str, arena: &'a Bump) -> Option<&'a [u8]> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity_in(bytes.len() / 4 * 3, arena);
    let (groups, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let Some((last, groups)) = groups.split_last() else { return Some(out.into_bump_slice()) };
    for group in groups {
        let value = sextets(group)?;
        out.extend_from_slice(value.to_be_bytes().get(1..)?);
    }
    let (group, keep) = match last {
        [a, b, b'=', b'='] => ([*a, *b, b'A', b'A'], 1),
        [a, b, c, b'='] => ([*a, *b, *c, b'A'], 2),
        group => (*group, 3),
    };
    let [_, value @ ..] = sextets(&group)?.to_be_bytes();
    let (kept, cut) = value.split_at_checked(keep)?;
    // Bits that the padding cuts off must be zero, or two texts would mean the same bytes.
    if cut.iter().any(|byte| *byte != 0) {
        return None;
    }
    out.extend_from_slice(kept);
    Some(out.into_bump_slice())
}

/// Four characters of base64 as 24 bits.
fn sextets(group: &[u8; 4]) -> Option<u32> {
    group.iter().try_fold(0, |value: u32, byte| {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        Some(value << 6 | u32::from(sextet))
    })
}
