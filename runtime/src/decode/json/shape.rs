//! How records are written: producers write one like the other, so the keys of the record before are tried first.

use std::cell::{Cell, OnceCell};

use crate::time::LastDay;

/// The keys of the last record, in their order, each as `"key":`. A cell for each, so that readers which are copied can share
/// them; made with the first key.
#[derive(Default)]
pub(super) struct Shape {
    keys: OnceCell<Box<[Cell<Key>; KEYS]>>,
    /// The function that has given the numbers of keys, by its place.
    numbers: Cell<usize>,
    /// That of the last time.
    pub(super) day: LastDay,
}

/// The bytes of two words, and which of them count.
#[derive(Clone, Copy)]
struct Key {
    words: [u128; 2],
    masks: [u128; 2],
    len: usize,
    /// What the key is to the struct.
    number: usize,
}

/// A place that was skipped matches nothing: these bytes are in no text.
const NONE: Key = Key { words: [u128::MAX; 2], masks: [u128::MAX; 2], len: 0, number: 0 };

/// The longest key that is kept, with its quotes and colon.
const LONGEST: usize = 32;
/// The most keys that are kept.
const KEYS: usize = 256;

impl Shape {
    /// Forgets all keys if another function gave their numbers.
    #[inline(always)]
    pub(super) fn is_of(&self, numbers: fn(&str) -> usize) {
        if self.numbers.get() != numbers as usize {
            self.forget(numbers);
        }
    }

    #[cold]
    #[inline(never)]
    fn forget(&self, numbers: fn(&str) -> usize) {
        self.numbers.set(numbers as usize);
        self.keys.get().into_iter().flat_map(|keys| keys.iter()).for_each(|key| key.set(NONE));
    }

    /// The length of `"key":`, and the number it was learnt with, if `rest` begins with key `order` as it was in the last
    /// record. Not said where `rest` ends soon.
    #[inline(always)]
    pub(super) fn key(&self, order: usize, rest: &[u8]) -> Option<(usize, usize)> {
        let key = self.keys.get()?.get(order)?.get();
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
        Some((key.len, key.number))
    }

    /// Keeps key `order`, written as `text`: `"key":` without escapes or spaces.
    #[cold]
    #[inline(never)]
    pub(super) fn learn(&self, order: usize, text: &[u8], number: usize) {
        if text.len() > LONGEST {
            return;
        }
        let keys = self.keys.get_or_init(|| Box::new([const { Cell::new(NONE) }; KEYS]));
        let (mut bytes, mut mask) = ([0; LONGEST], [0; LONGEST]);
        for ((byte, mask), text) in bytes.iter_mut().zip(&mut mask).zip(text) {
            (*byte, *mask) = (*text, u8::MAX);
        }
        let words = |bytes: [u8; LONGEST]| {
            let (low, high) = bytes.split_at(16);
            [low, high].map(|half| half.iter().rev().fold(0, |word, byte| word << 8 | u128::from(*byte)))
        };
        if let Some(place) = keys.get(order) {
            place.set(Key { words: words(bytes), masks: words(mask), len: text.len(), number });
        }
    }
}
