//! Strings: where they end, what their escapes mean, and base64.

use bumpalo::Bump;
use bumpalo::collections::Vec;

use super::lanes;
use super::swar::{WIDTH, before, load, stops};

/// Where the bytes end that stand for themselves in a string, of those at `at`; at the end of the text at the latest.
#[inline(always)]
pub(super) fn plain(text: &[u8], mut at: usize) -> usize {
    // Most are short, and it takes longer to get an answer out of a register for vectors.
    let stops = stops(load(text, at));
    if stops != 0 {
        return at + before(stops);
    }
    at += WIDTH;
    loop {
        let stops = lanes::stops(text, at);
        if stops != 0 {
            return at + stops.trailing_zeros() as usize;
        }
        at += lanes::WIDTH;
    }
}

/// Why a string is malformed, and where.
pub(super) struct Bad {
    pub(super) at: usize,
    pub(super) expected: &'static str,
}

/// Where a string with escapes ends, behind its closing quote, of which `at` is behind the opening one; what the escapes are is not
/// looked at.
#[inline(never)]
pub(super) fn end(text: &[u8], begin: usize) -> Result<usize, Bad> {
    let mut at = begin;
    loop {
        at = plain(text, at);
        match text.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at += 2,
            // Malformed, and perhaps before this, too.
            _ => return skip(text, begin),
        }
    }
}

/// The value of the string that begins at `at`, behind its opening quote, and ends `len` bytes behind that.
#[inline(never)]
pub(super) fn unescape<'a>(text: &[u8], mut at: usize, len: usize, arena: &'a Bump) -> Result<&'a str, Bad> {
    // No escape is shorter than what it means, so this need not grow; whole words are put there, of which the end may be too much.
    let out = arena.alloc_slice_fill_copy(len + WIDTH, 0);
    let mut kept = 0;
    loop {
        let word = load(text, at);
        if let Some(place) = out.get_mut(kept..).and_then(<[u8]>::first_chunk_mut) {
            *place = word.to_le_bytes();
        }
        let stops = stops(word);
        if stops == 0 {
            (at, kept) = (at + WIDTH, kept + WIDTH);
            continue;
        }
        let plain = before(stops);
        (at, kept) = (at + plain, kept + plain);
        let (Some([b'\\', escape, ..]), Some(out)) = (text.get(at..), out.get_mut(kept..kept + 4)) else { break };
        let meant = MEANT[usize::from(*escape)];
        if meant != 0 {
            out[0] = meant;
            (at, kept) = (at + 2, kept + 1);
            continue;
        }
        let (decoded, len) =
            unicode(text.get(at + 1..).unwrap_or_default()).map_err(|expected| Bad { at, expected })?;
        kept += decoded.encode_utf8(out).len();
        at += 1 + len;
    }
    let (out, _) = out.split_at(kept);
    // It is, as what was text was cut where escapes begin and end.
    std::str::from_utf8(out).map_err(|_| Bad { at, expected: "text" })
}

/// What the escapes of one letter mean; zero is for letters that are none.
const MEANT: [u8; 256] = {
    let mut meant = [0; 256];
    let all = *b"\"\"\\\\//b\x08f\x0cn\nr\rt\t";
    let mut at = 0;
    while at < all.len() {
        meant[all[at] as usize] = all[at + 1];
        at += 2;
    }
    meant
};

/// Where a string ends, behind its closing quote, of which `at` is behind the opening one: for one that nobody reads. Its escapes are
/// checked for their form, not for whether surrogates come in pairs, as in serde_json.
#[inline(always)]
pub(super) fn skip(text: &[u8], at: usize) -> Result<usize, Bad> {
    let end = plain(text, at);
    if text.get(end) == Some(&b'"') { Ok(end + 1) } else { skip_escaped(text, end) }
}

#[inline(never)]
fn skip_escaped(text: &[u8], mut at: usize) -> Result<usize, Bad> {
    loop {
        match text.get(at..).unwrap_or_default() {
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
        at = plain(text, at);
    }
}

const FOUR: &str = "four hexadecimal digits after `\\u`";
const ESCAPE: &str = "an escape such as `\\n`";
const PAIR: &str = "the two halves of a surrogate pair";

/// What the escape means whose text behind the backslash `bytes` begins with, which is none of [`MEANT`], and the length of that text.
fn unicode(bytes: &[u8]) -> Result<(char, usize), &'static str> {
    let [b'u', bytes @ ..] = bytes else { return Err(ESCAPE) };
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
