//! Short keys as numbers: to find a group then takes one place of the table, not what its key points to as well, and the key
//! itself need not be kept.

use std::hash::{BuildHasher, Hash};

/// The parts of a key, side by side in 120 bits.
///
/// Keys of one type have the same number when they are equal and only then: a part is as wide as its type is, and text says
/// first how long it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Short {
    bits: u128,
    /// How many bits are taken; beyond [`ROOM`] when the key does not fit.
    taken: u32,
}

/// The bits for parts.
const ROOM: u32 = 120;
/// What tells the number of a key from that of none.
const SOME: u128 = 1 << 127;

/// The number of a key, in halves: `u128` would have to lie at multiples of sixteen bytes.
pub(super) type Halves = [u64; 2];

/// The number of keys that are not short.
pub(super) const LONG: Halves = [0; 2];

impl Short {
    /// Adds a part of so many bits, of which `value` has no others.
    #[inline(always)]
    pub fn push(&mut self, value: u128, width: u32) {
        let shift = self.taken;
        self.taken = self.taken.saturating_add(width);
        if self.taken <= ROOM {
            self.bits |= value << shift;
        }
    }

    /// Adds text, or bytes.
    #[inline(always)]
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        // One byte for the length; what is longer does not fit in any case.
        let len = bytes.len();
        if len < (ROOM / 8) as usize {
            self.push(word(bytes) << 8 | len as u128, 8 * (len as u32 + 1));
        } else {
            self.refuse();
        }
    }

    /// Says that the key is not short.
    #[inline(always)]
    pub fn refuse(&mut self) {
        self.taken = u32::MAX;
    }

    /// The key's number; [`LONG`] if it is not short.
    #[inline(always)]
    pub(super) fn number(self) -> Halves {
        if self.taken > ROOM {
            return LONG;
        }
        let number = self.bits | SOME;
        [number as u64, (number >> 64) as u64]
    }
}

/// Gives the parts of a short key back, in the order in which they were added to a [`Short`].
#[derive(Debug)]
pub struct Parts(u128);

impl Parts {
    /// Those of a number that is not [`LONG`].
    pub(super) fn of([low, high]: Halves) -> Self {
        Self((u128::from(high) << 64 | u128::from(low)) & !SOME)
    }

    /// The next part, of so many bits: fewer than 128.
    #[inline(always)]
    pub fn take(&mut self, width: u32) -> u128 {
        let part = self.0 & ((1 << width) - 1);
        self.0 >>= width;
        part
    }

    /// The next part, which is bytes: how many, and where they are at the beginning of.
    #[inline(always)]
    pub fn take_bytes(&mut self) -> (usize, [u8; 16]) {
        let len = self.take(8) as u32;
        (len as usize, self.take(8 * len).to_le_bytes())
    }
}

/// At most fourteen bytes as a number. Without a loop: they overlap instead.
#[inline(always)]
fn word(bytes: &[u8]) -> u128 {
    let len = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        let rest = u128::from(u64::from_le_bytes(*last)) >> (8 * (16 - len)).min(64);
        return u128::from(u64::from_le_bytes(*first)) | rest << 64;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let rest = u64::from(u32::from_le_bytes(*last)) >> (8 * (8 - len));
        return u128::from(u64::from(u32::from_le_bytes(*first)) | rest << 32);
    }
    match *bytes {
        [a] => u128::from(a),
        [a, b] => u128::from(u16::from_le_bytes([a, b])),
        [a, b, c] => u128::from(u32::from_le_bytes([a, b, c, 0])),
        _ => 0,
    }
}

/// Hashes the numbers of keys, in each table otherwise.
pub(super) struct Mixer {
    low: u64,
    high: u64,
}

impl Mixer {
    pub(super) fn new(seed: &impl BuildHasher) -> Self {
        let part = |number: u8| {
            let mut hasher = seed.build_hasher();
            number.hash(&mut hasher);
            std::hash::Hasher::finish(&hasher)
        };
        Self { low: part(0), high: part(1) }
    }

    /// The two halves of a product depend on all bits of both factors.
    #[inline(always)]
    pub(super) fn hash(&self, [low, high]: Halves) -> u64 {
        let product = u128::from(low ^ self.low) * u128::from(high ^ self.high);
        (product >> 64) as u64 ^ product as u64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Halves, LONG, Parts, ROOM, Short};
    use crate::operator::key::{Key, KeyRef};
    use crate::time::{Date, Timestamp};

    fn number(key: impl KeyRef) -> Halves {
        let mut short = Short::default();
        key.shorten(&mut short);
        short.number()
    }

    #[test]
    fn different_texts_have_different_numbers() {
        let mut seen = HashMap::new();
        for len in 0..20 {
            for at in 0..len.max(1) {
                for other in ["\0", "a", "\u{7f}", "\u{1}"] {
                    let mut text = "a".repeat(len);
                    if at < len {
                        text.replace_range(at..=at, other);
                    }
                    let number = number((text.as_str(),));
                    assert_eq!(number == LONG, len >= (ROOM / 8) as usize, "{text:?}");
                    let before = seen.insert(number, text.clone()).filter(|_| number != LONG);
                    assert!(before.is_none_or(|before| before == text), "{text:?}");
                }
            }
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let pairs = [("", "ab"), ("a", "b"), ("ab", ""), ("b", "a"), ("a\0", "b"), ("a", "\0b")];
        let numbers: Vec<Halves> = pairs.iter().map(|pair| number(*pair)).collect();
        for (index, one) in numbers.iter().enumerate() {
            assert!(*one != LONG && !numbers[..index].contains(one), "{:?}", pairs[index]);
        }
        assert_ne!(number((Some(0u8),)), number((None::<u8>,)));
        assert_ne!(number((Some(-1i64),)), number((Some(1i64),)));
        assert_ne!(number((0u64, 0u32)), LONG);
        assert_eq!(number((0u64, 0u64)), LONG, "128 bits do not fit");
        assert_eq!(number((-1i8, true)), number((-1i8, true)));
        assert_ne!(number((-1i8, true)), number((-1i8, false)));
    }

    #[test]
    fn a_short_key_is_had_back_from_its_number() {
        fn check<K: KeyRef>(key: K) {
            let number = number(key);
            assert_ne!(number, LONG);
            let back = K::Owned::lengthen(&mut Parts::of(number));
            assert!(back.is_some_and(|back| key.same(&back)), "{number:x?}");
        }
        for text in ["", "a", "ab", "abc", "abcd", "seven..", "eight...", "nine.....", "für", "fourteen bytes"] {
            check((text,));
            check((Some(text.get(..13).unwrap_or(text)),));
        }
        for number in [0, 1, -1, i64::MIN, i64::MAX] {
            check((number, number as i32, number as i16, number as i8));
            check((number as u64, number as u32, number as u16, number as u8));
            check((Timestamp::from_micros(number), Date::from_days(number as i32), number < 0));
            check((Some(number), None::<&str>, "four"));
        }
        check(());
    }
}
