//! Eight bytes at a time, in a `u64` whose lowest byte is the first.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// How many.
pub(super) const WIDTH: usize = 8;

/// The bytes of `text` from `at` on, and zeros behind its end.
#[inline(always)]
pub(super) fn load(text: &[u8], at: usize) -> u64 {
    match text.get(at..).and_then(<[u8]>::first_chunk) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => load_last(text, at),
    }
}

#[inline(never)]
fn load_last(text: &[u8], at: usize) -> u64 {
    let over = (at + WIDTH).saturating_sub(text.len());
    match text.last_chunk() {
        Some(bytes) if over < WIDTH => u64::from_le_bytes(*bytes) >> (8 * over),
        _ => text.get(at..).unwrap_or_default().iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// How many of the bytes come before the first one that is marked; all if none is.
#[inline(always)]
pub(super) fn before(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// Marks, in the highest bit of each, the bytes of `word` that end a run of plain characters: quote, backslash, control, and so zero.
///
/// A borrow may mark a byte wrongly, but only behind one that is marked rightly, and only the first mark is used.
#[inline(always)]
pub(super) fn stops(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & HIGHS
}

/// What eight bytes are as digits.
#[inline(always)]
pub(super) fn values(word: u64) -> u64 {
    word ^ (ONES * b'0' as u64)
}

/// Marks, in the highest bit of each, the values that are no digits.
#[inline(always)]
pub(super) fn others(values: u64) -> u64 {
    // A digit's value is at most nine: what is greater carries into the highest bit, or has it.
    (((values & !HIGHS) + ONES * 0x76) | values) & HIGHS
}

/// Adds the digits that `bytes` begins with to `mantissa`, which wraps beyond `u64`; gives their number.
///
/// Without a branch on how many there are, up to seven: lengths vary, and a wrong guess costs more than the digits.
#[inline(always)]
pub(super) fn digits(bytes: &[u8], mantissa: &mut u64) -> usize {
    const POWERS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    let (mut rest, mut len) = (bytes, 0);
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let values = values(u64::from_le_bytes(*word));
        let others = others(values);
        if others == 0 {
            *mantissa = mantissa.wrapping_mul(100_000_000).wrapping_add(eight(values));
            len += 8;
            rest = tail;
            continue;
        }
        // At most 56, so that the digits move up to the end of the word, and what is behind them out of it.
        let bits = others.trailing_zeros() & 0x38;
        let count = (bits / 8) as usize;
        let values = (values & ((1 << bits) - 1)) << (56 - bits) << 8;
        *mantissa = mantissa.wrapping_mul(POWERS[count]).wrapping_add(eight(values));
        return len + count;
    }
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        len += 1;
    }
    len
}

/// The number of eight digits, each by its value: neighbours are joined three times.
#[inline(always)]
pub(super) fn eight(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul(10).wrapping_add(digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_the_end_is_zero() {
        let text: Vec<u8> = (1..=20).collect();
        for len in 0..=text.len() {
            let text = &text[..len];
            for at in 0..len + 10 {
                let expected: Vec<u8> = (at..at + WIDTH).map(|at| text.get(at).copied().unwrap_or_default()).collect();
                assert_eq!(load(text, at).to_le_bytes()[..], expected, "{at} of {len}");
            }
        }
    }

    #[test]
    fn every_byte_at_every_place_is_marked_for_what_it_is() {
        for byte in 0..=u8::MAX {
            for at in 0..WIDTH {
                let (mut plain, mut digits) = ([b'a'; WIDTH], [b'7'; WIDTH]);
                (plain[at], digits[at]) = (byte, byte);
                let expected = |stops| if stops { at } else { WIDTH };
                assert_eq!(before(stops(load(&plain, 0))), expected(matches!(byte, 0..0x20 | b'"' | b'\\')), "{byte}");
                assert_eq!(before(others(values(load(&digits, 0)))), expected(!byte.is_ascii_digit()), "{byte}");
            }
        }
    }

    #[test]
    fn digits_of_every_length_in_front_of_every_byte() {
        let all = b"8274059163728405916372840591";
        for len in 0..=24 {
            for behind in 0..=u8::MAX {
                for more in 0..12 {
                    let mut text = all[..len].to_vec();
                    text.push(behind);
                    text.extend(std::iter::repeat_n(b'7', more));
                    let expected = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
                    let value = |digits: &[u8]| {
                        digits
                            .iter()
                            .fold(3u64, |value, digit| value.wrapping_mul(10).wrapping_add((digit - b'0').into()))
                    };
                    let mut mantissa = 3;
                    assert_eq!(digits(&text, &mut mantissa), expected, "{text:?}");
                    assert_eq!(mantissa, value(&text[..expected]), "{text:?}");
                }
            }
        }
    }
}
