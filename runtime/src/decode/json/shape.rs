//! How records are written: producers write one like the other, so behind a key the one that came there last is tried first.

use std::cell::{Cell, OnceCell};

use crate::schema::Name;
use crate::time::LastDay;

/// The keys of structs, from all records. Cells, so that readers which are copied can share them; made with the first object.
#[derive(Default)]
pub(super) struct Shape {
    keys: OnceCell<Box<Keys>>,
    /// That of the last time.
    pub(super) day: LastDay,
}

/// A table by what a key hashes to; where that place is taken, the key is in one behind it.
struct Keys {
    places: [Cell<Key>; PLACES],
    taken: Cell<usize>,
}

/// As many as an index of eight bits has, so that it need not be checked.
const PLACES: usize = 256;
/// The most places that are taken, so that what is not there is soon known not to be. Other keys are read as they come.
const MOST: usize = PLACES / 4 * 3;
/// The longest key that is kept, with its quotes and colon.
pub(super) const LONGEST: usize = 32;

/// A key of a struct as `"key":`, without escapes or spaces.
#[derive(Clone, Copy)]
struct Key {
    /// Its bytes, and which of them count; zeros behind it.
    words: [u128; 2],
    masks: [u128; 2],
    len: usize,
    /// What the key is to the struct.
    number: usize,
    /// The function that gives the numbers of keys of this struct, by its place in memory.
    of: usize,
    /// The key of this struct that came behind this one last; this one if none has.
    next: u8,
}

/// A place that is free.
const FREE: Key = Key { words: START, masks: START, len: 0, number: 0, of: 0, next: NOWHERE };
/// What is before the first key of a struct. It matches nothing: these bytes are in no text.
const START: [u128; 2] = [u128::MAX; 2];
/// The start of structs for which there is no room. No function is where this says that it is.
const NOWHERE: u8 = 0;
const NO_STRUCT: usize = 1;

impl Shape {
    /// The place before the first key of the struct whose keys are what `numbers` says.
    #[inline(always)]
    pub(super) fn start(&self, numbers: fn(&str) -> usize) -> Place<'_> {
        let keys = self.keys.get_or_init(Keys::new);
        let of = numbers as usize;
        let at = keys
            .find(of, START)
            .unwrap_or_else(|free| keys.take(free, Key { of, next: free, ..FREE }).unwrap_or(NOWHERE));
        Place { keys, at }
    }
}

impl Keys {
    #[cold]
    fn new() -> Box<Self> {
        let keys = Self { places: [const { Cell::new(FREE) }; PLACES], taken: Cell::new(0) };
        keys.take(NOWHERE, Key { of: NO_STRUCT, ..FREE });
        Box::new(keys)
    }

    #[inline(always)]
    fn at(&self, place: u8) -> &Cell<Key> {
        &self.places[usize::from(place)]
    }

    /// Where a key is, or else where there is room for it.
    #[inline(always)]
    fn find(&self, of: usize, words: [u128; 2]) -> Result<u8, u8> {
        let [low, high] = words.map(|word| (word as u64) ^ ((word >> 64) as u64).rotate_left(21));
        let hash = (low ^ high.rotate_left(42) ^ of as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
        let mut place = hash as u8;
        loop {
            let key = self.at(place).get();
            if key.of == of && key.words == words {
                return Ok(place);
            }
            if key.of == 0 {
                return Err(place);
            }
            place = place.wrapping_add(1);
        }
    }

    /// Puts a key into a free place, if there is still room.
    #[cold]
    #[inline(never)]
    fn take(&self, free: u8, key: Key) -> Option<u8> {
        let taken = self.taken.get();
        (taken < MOST).then(|| {
            self.taken.set(taken + 1);
            self.at(free).set(key);
            free
        })
    }
}

/// A key of an object that is being read, or the start before the first one.
#[derive(Clone, Copy)]
pub(super) struct Place<'r> {
    keys: &'r Keys,
    at: u8,
}

impl Place<'_> {
    /// Goes on to the next key if `rest` begins with the one that came here last: its length as `"key":`, and its number. Not
    /// said where `rest` ends soon.
    #[inline(always)]
    pub(super) fn follow(&mut self, rest: &[u8]) -> Option<(usize, usize)> {
        let next = self.keys.at(self.at).get().next;
        let key = self.keys.at(next).get();
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
        self.at = next;
        Some((key.len, key.number))
    }

    /// Goes on to the key that `rest` begins with, of `len` bytes as `"key":` and at most [`LONGEST`], whichever came here last.
    /// Its number, which `numbers` says where it has not been seen before.
    #[inline(always)]
    pub(super) fn turn(&mut self, rest: &[u8], len: usize, key: Name<'_>, numbers: fn(&str) -> usize) -> usize {
        let of = numbers as usize;
        let ones = |bytes: usize| if bytes == 0 { 0 } else { u128::MAX >> (128 - 8 * bytes) };
        let masks = [ones(len.min(16)), ones(len.max(16) - 16)];
        let bytes = rest.first_chunk().copied().unwrap_or_else(|| padded(rest));
        let [low, high] = bytes.as_chunks().0 else { return numbers(key.as_str()) };
        let words = [u128::from_le_bytes(*low) & masks[0], u128::from_le_bytes(*high) & masks[1]];
        let (place, number) = match self.keys.find(of, words) {
            Ok(place) => (place, self.keys.at(place).get().number),
            Err(free) => {
                let number = numbers(key.as_str());
                match self.keys.take(free, Key { words, masks, len, number, of, next: free }) {
                    Some(place) => (place, number),
                    None => return number,
                }
            }
        };
        let before = self.keys.at(self.at);
        if before.get().of == of {
            before.set(Key { next: place, ..before.get() });
        }
        self.at = place;
        number
    }
}

/// The bytes, with zeros behind them.
#[cold]
#[inline(never)]
fn padded(bytes: &[u8]) -> [u8; LONGEST] {
    let mut all = [0; LONGEST];
    all.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    all
}
