//! Sixteen bytes at a time, in a register that every x86-64 and every aarch64 has.

use wide::u8x16;

use super::swar;

/// How many.
pub(super) const WIDTH: usize = 16;
/// So many bytes.
pub(super) type Bytes = [u8; 16];

/// So many bytes of which the first are ones and the others zeros, by how many are.
const ONES: [Bytes; WIDTH + 1] = {
    let mut all = [[0; WIDTH]; WIDTH + 1];
    let (mut count, mut at) = (0, 0);
    while count < all.len() {
        while at < count {
            all[count][at] = 0xff;
            at += 1;
        }
        (count, at) = (count + 1, 0);
    }
    all
};

/// Looks at the bytes of `text` from `at` on, and zeros behind its end.
///
/// What is rare is not inlined as a whole, so that bytes go from the text into a register and nowhere else.
#[inline(always)]
fn look<T>(text: &[u8], at: usize, what: impl Fn(u8x16) -> T) -> T {
    match text.get(at..).and_then(<[u8]>::first_chunk) {
        Some(bytes) => what(u8x16::new(*bytes)),
        None => look_at_last(text, at, what),
    }
}

#[inline(never)]
fn look_at_last<T>(text: &[u8], at: usize, what: impl Fn(u8x16) -> T) -> T {
    what(u8x16::new(last(text, at)))
}

#[inline(never)]
fn last(text: &[u8], at: usize) -> Bytes {
    let [low, high] = [at, at + WIDTH / 2].map(|at| u128::from(swar::load(text, at)));
    (low | high << 64).to_le_bytes()
}

/// So many bytes of `text` from `at` on, zeros behind them, and ones for those that count.
#[inline(always)]
pub(super) fn first(text: &[u8], at: usize, count: usize) -> (Bytes, Bytes) {
    let ones = ONES[count.min(WIDTH)];
    let bytes = text.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_else(|| last(text, at));
    ((u8x16::new(bytes) & u8x16::new(ones)).to_array(), ones)
}

/// Marks, a bit for each, the bytes at `at` that end a run of plain characters: quote, backslash, control, the end of the text.
#[inline(always)]
pub(super) fn stops(text: &[u8], at: usize) -> u32 {
    look(text, at, |bytes| {
        let is = |byte| bytes.simd_eq(u8x16::splat(byte));
        let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        (control | is(b'"') | is(b'\\')).to_bitmask()
    })
}

/// Marks, a bit for each, the bytes at `at` that are no digits.
#[inline(always)]
pub(super) fn others(text: &[u8], at: usize) -> u32 {
    look(text, at, |bytes| {
        let values = bytes - u8x16::splat(b'0');
        !values.min(u8x16::splat(9)).simd_eq(values).to_bitmask() & 0xffff
    })
}

/// Whether the bytes at `at` are these, of those that count.
#[inline(always)]
pub(super) fn same(text: &[u8], at: usize, ones: Bytes, these: Bytes) -> bool {
    look(text, at, |bytes| (bytes & u8x16::new(ones)).simd_eq(u8x16::new(these)).to_bitmask() == 0xffff)
}

/// Whether both are the same.
#[inline(always)]
pub(super) fn equal(these: Bytes, those: Bytes) -> bool {
    u8x16::new(these).simd_eq(u8x16::new(those)).to_bitmask() == 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_the_end_is_zero() {
        let text: Vec<u8> = (1..=40).collect();
        for len in 0..=text.len() {
            let text = &text[..len];
            for at in 0..len + 20 {
                let expected: Vec<u8> = (at..at + WIDTH).map(|at| text.get(at).copied().unwrap_or_default()).collect();
                let (all, _) = first(text, at, WIDTH);
                assert_eq!(all[..], expected, "{at} of {len}");
                let (first, ones) = first(text, at, 5);
                assert_eq!((&first[..5], &first[5..]), (&expected[..5], &[0; 11][..]));
                assert_eq!((&ones[..5], &ones[5..]), (&[0xff; 5][..], &[0; 11][..]));
                assert!(same(text, at, ones, first));
            }
        }
    }

    #[test]
    fn every_byte_at_every_place_is_marked_for_what_it_is() {
        for byte in 0..=u8::MAX {
            for at in 0..WIDTH {
                let (mut plain, mut digits) = ([b'a'; WIDTH], [b'7'; WIDTH]);
                (plain[at], digits[at]) = (byte, byte);
                assert_eq!(stops(&plain, 0), u32::from(matches!(byte, 0..0x20 | b'"' | b'\\')) << at, "{byte}");
                assert_eq!(others(&digits, 0), u32::from(!byte.is_ascii_digit()) << at, "{byte}");
                let (mut ones, mut this) = ([0; WIDTH], [0; WIDTH]);
                (ones[at], this[at]) = (0xff, b'7');
                assert_eq!(same(&digits, 0, ones, this), byte == b'7');
            }
        }
    }
}
