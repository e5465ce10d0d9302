//! Eight bytes at a time, in a `u64` whose lowest byte is the first.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Marks, in the highest bit of each, the bytes of `word` that end a run of plain characters: quote, backslash, control.
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

/// How many digits `bytes` begins with: fewer than sixteen, and followed by another byte. `None` otherwise.
#[inline(always)]
pub(super) fn digits_before(bytes: &[u8]) -> Option<usize> {
    let Some((first, rest)) = bytes.split_first_chunk() else {
        // The last number of a record.
        return bytes.iter().position(|byte| !byte.is_ascii_digit());
    };
    let marks = others(values(*first));
    if marks != 0 {
        return Some((marks.trailing_zeros() / 8) as usize);
    }
    let marks = others(values(*rest.first_chunk()?));
    (marks != 0).then_some(8 + (marks.trailing_zeros() / 8) as usize)
}

/// What eight bytes are as digits.
#[inline(always)]
fn values(bytes: [u8; 8]) -> u64 {
    u64::from_le_bytes(bytes) ^ (ONES * b'0' as u64)
}

/// The number at the beginning of eight bytes that has no sign and no exponent and ends within them: its digits without the
/// point, how many are behind that, and its length. `None` if it is another one or malformed.
#[inline(always)]
pub(super) fn short_number(bytes: [u8; 8]) -> Option<(u64, usize, usize)> {
    let values = values(bytes);
    let marks = others(values);
    // At the first of them the whole part ends.
    let bits = marks.trailing_zeros() & 0x78;
    let whole = (bits / 8) as usize;
    let leading_zero = (whole > 1) & (bytes[0] == b'0');
    if (whole == 0) | (marks == 0) | leading_zero {
        return None;
    }
    let below = |bits: u32| (1u64 << bits) - 1;
    let (digits, len, places, end) = if bytes[whole & 7] == b'.' {
        // The point goes: what is before it moves up by a byte, and then all does, so that the last digit comes last.
        let marks = marks & (marks - 1);
        if marks == 0 {
            return None;
        }
        let bits_to_end = marks.trailing_zeros() & 0x78;
        let len = (bits_to_end / 8) as usize;
        let joined = (values & below(bits)) << 8 | values & below(bits_to_end) & !below(bits + 8);
        (joined << (64 - bits_to_end), len, len - whole - 1, bytes[len & 7])
    } else {
        (values << (64 - bits), whole, 0, bytes[whole & 7])
    };
    let pointless = (places == 0) & (len > whole);
    (!pointless & (end | 0x20 != b'e')).then(|| (eight(digits), places, len))
}

/// Marks, in the highest bit of each, the values that are no digits.
#[inline(always)]
fn others(values: u64) -> u64 {
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
        let values = values(*word);
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
fn eight(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul(10).wrapping_add(digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use super::{digits, digits_before, short_number};

    #[test]
    fn digits_are_counted_up_to_what_follows() {
        for len in 0..18 {
            for more in 0..10 {
                let text = format!("{}x{}", &"82740591637284059163"[..len], &"7777777777"[..more]);
                let count = digits_before(text.as_bytes());
                // More than fifteen are not counted, and neither is the second word of eight where it is no whole one.
                assert!(count == Some(len) || count.is_none() && len + 1 + more < 16 || len > 15, "{text} {count:?}");
                assert!(count.is_some() || len >= 8, "{text}");
            }
            assert_eq!(digits_before(&b"82740591637284059163"[..len]), None, "nothing follows");
        }
    }

    #[test]
    fn short_numbers_are_what_the_standard_library_says() {
        let mut seen = 0;
        // All texts of so many characters out of those that numbers have, with something behind.
        let characters = b"0179.-e,";
        for number in 0..8u32.pow(6) {
            let text: Vec<u8> = (0..6).map(|at| characters[(number >> (3 * at)) as usize % 8]).chain(*b",}").collect();
            let Some((digits, places, len)) = short_number(*text.first_chunk().unwrap()) else { continue };
            let text = std::str::from_utf8(&text[..len]).unwrap();
            let value = digits as f64 / 10f64.powi(places as i32);
            assert_eq!(serde_json::from_str::<f64>(text).unwrap(), value, "{text}");
            assert!(matches!(text.as_bytes().last(), Some(b'0'..=b'9')), "{text}");
            seen += 1;
        }
        assert!(seen > 50_000, "{seen} numbers");
        assert_eq!(short_number(*b"1234567,"), Some((1_234_567, 0, 7)));
        assert_eq!(short_number(*b"12345678"), None, "it may go on");
        assert_eq!(short_number(*b"0.12345,"), Some((12_345, 5, 7)));
        assert_eq!(short_number(*b"12.3456."), Some((123_456, 4, 7)));
        assert_eq!(short_number(*b"123456.,"), None);
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
