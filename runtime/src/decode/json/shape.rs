//! How records are written: producers write one like the other, so the keys of the record before are tried first.

/// The keys of the last record, in their order, each as `"key":`. They are kept in place: to learn another record's keys
/// allocates no more than the first did.
#[derive(Default)]
pub(super) struct Shape(Vec<Key>);

/// The bytes of two words, and which of them count.
#[derive(Clone, Copy, Default)]
struct Key {
    words: [u128; 2],
    masks: [u128; 2],
    len: usize,
}

/// The longest key that is kept, with its quotes and colon.
const LONGEST: usize = 32;
/// The most keys that are kept.
const KEYS: usize = 256;

impl Shape {
    /// The length of `"key":` if `rest` begins with key `number` as it was in the last record. Not said where `rest` ends
    /// soon.
    #[inline(always)]
    pub(super) fn key(&self, number: usize, rest: &[u8]) -> Option<usize> {
        let key = self.0.get(number)?;
        let word = u128::from_le_bytes(*rest.first_chunk()?);
        if (word & key.masks[0]) != key.words[0] {
            return None;
        }
        if key.len > 16 {
            let (_, word) = rest.first_chunk::<LONGEST>()?.split_last_chunk()?;
            if (u128::from_le_bytes(*word) & key.masks[1]) != key.words[1] {
                return None;
            }
        }
        Some(key.len)
    }

    /// Keeps key `number`, written as `text`: `"key":` without escapes or spaces.
    #[cold]
    #[inline(never)]
    pub(super) fn learn(&mut self, number: usize, text: &[u8]) {
        if text.len() > LONGEST || number >= KEYS {
            return;
        }
        if number >= self.0.len() {
            // A place that was skipped matches nothing: these bytes are in no text.
            self.0.resize(number + 1, Key { words: [u128::MAX; 2], masks: [u128::MAX; 2], len: 0 });
        }
        let (mut bytes, mut mask) = ([0; LONGEST], [0; LONGEST]);
        for ((byte, mask), text) in bytes.iter_mut().zip(&mut mask).zip(text) {
            (*byte, *mask) = (*text, u8::MAX);
        }
        let words = |bytes: [u8; LONGEST]| {
            let (low, high) = bytes.split_at(16);
            [low, high].map(|half| half.iter().rev().fold(0, |word, byte| word << 8 | u128::from(*byte)))
        };
        if let Some(place) = self.0.get_mut(number) {
            *place = Key { words: words(bytes), masks: words(mask), len: text.len() };
        }
    }
}
