//! How records are written: producers write one like the other, so behind a key the one that came there last is tried first.

use std::cell::{Cell, OnceCell};
use std::ops::Range;

use super::lanes::{Bytes, WIDTH, equal, first, same};
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
    places: [Key; PLACES],
    taken: Cell<usize>,
}

/// As many as an index of eight bits has, so that it need not be checked.
const PLACES: usize = 256;
/// The most places that are taken, so that what is not there is soon known not to be. Other keys are read as they come.
const MOST: usize = PLACES / 4 * 3;
/// The longest key that is kept, with all that is around it.
const LONGEST: usize = 2 * WIDTH;

/// A key of a struct with what is before it, behind the value before, and up to its value: `,"key":`, or `, "key": ` where a
/// producer writes spaces; or the brace that closes the struct. Of keys without escapes.
///
/// Each part a cell, so that only those are read that are looked at.
struct Key {
    /// Its bytes, zeros behind it, and ones for those that count.
    words: [Cell<Bytes>; 2],
    ones: [Cell<Bytes>; 2],
    len: Cell<usize>,
    /// What the key is to the struct; [`END`] the brace.
    number: Cell<usize>,
    /// The function that gives the numbers of keys of this struct, by its place in memory; zero in a place that is free.
    of: Cell<usize>,
    /// The key of the same struct that came behind this one last; this one if none has.
    next: Cell<u8>,
}

/// The number of what closes a struct.
pub(super) const END: usize = usize::MAX - 1;

/// What is before the first key of a struct. It matches nothing: these bytes are in no text.
const START: [Bytes; 2] = [[0xff; WIDTH]; 2];
/// What is a key that is not kept; neither.
const LOST: [Bytes; 2] = [[0xff; WIDTH], [0; WIDTH]];
/// A place behind which nothing is kept. No function is where this says that it is.
const NOWHERE: u8 = 0;
const NO_STRUCT: usize = 1;

impl Shape {
    /// The place before the first key of the struct whose keys are what `numbers` says.
    #[inline(always)]
    pub(super) fn start(&self, numbers: fn(&str) -> usize) -> Place<'_> {
        let keys = self.keys.get_or_init(Keys::new);
        Place { keys, at: keys.mark(numbers as usize, START), start: true }
    }
}

impl Keys {
    #[cold]
    fn new() -> Box<Self> {
        let keys = Self { places: [const { Key::none() }; PLACES], taken: Cell::new(0) };
        keys.take(NOWHERE, NO_STRUCT, START);
        Box::new(keys)
    }

    #[inline(always)]
    fn at(&self, place: u8) -> &Key {
        &self.places[usize::from(place)]
    }

    /// Where a key is, or else where there is room for it.
    #[inline(always)]
    fn find(&self, of: usize, words: [Bytes; 2]) -> Result<u8, u8> {
        let [low, high] = words.map(|word| {
            let word = u128::from_le_bytes(word);
            (word as u64) ^ ((word >> 64) as u64).rotate_left(21)
        });
        let hash = (low ^ high.rotate_left(42) ^ of as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
        let mut place = hash as u8;
        loop {
            let key = self.at(place);
            if key.of.get() == of && equal(key.words[0].get(), words[0]) && equal(key.words[1].get(), words[1]) {
                return Ok(place);
            }
            if key.of.get() == 0 {
                return Err(place);
            }
            place = place.wrapping_add(1);
        }
    }

    /// Where something of a struct is that is no key.
    #[inline(always)]
    fn mark(&self, of: usize, words: [Bytes; 2]) -> u8 {
        let place = self.find(of, words);
        place.unwrap_or_else(|free| self.take(free, of, words).map_or(NOWHERE, |_| free))
    }

    /// Puts these bytes of a struct into a free place, if there is still room.
    #[cold]
    #[inline(never)]
    fn take(&self, free: u8, of: usize, words: [Bytes; 2]) -> Option<&Key> {
        let taken = self.taken.get();
        if taken == MOST {
            return None;
        }
        self.taken.set(taken + 1);
        let key = self.at(free);
        key.of.set(of);
        key.words.iter().zip(words).for_each(|(place, word)| place.set(word));
        key.next.set(free);
        Some(key)
    }
}

impl Key {
    const fn none() -> Self {
        Self {
            words: [const { Cell::new(START[0]) }; 2],
            ones: [const { Cell::new(START[0]) }; 2],
            len: Cell::new(0),
            number: Cell::new(0),
            of: Cell::new(0),
            next: Cell::new(NOWHERE),
        }
    }
}

/// A key of an object that is being read, or the start before the first one.
#[derive(Clone, Copy)]
pub(super) struct Place<'r> {
    keys: &'r Keys,
    at: u8,
    start: bool,
}

impl Place<'_> {
    /// Whether it is before the first key.
    pub(super) fn is_start(&self) -> bool {
        self.start
    }

    /// Goes on to the next key if the one that came here last is in `text` at `at`: its length with all around it, and its number.
    #[inline(always)]
    pub(super) fn follow(&mut self, text: &[u8], at: usize) -> Option<(usize, usize)> {
        let next = self.keys.at(self.at).next.get();
        let key = self.keys.at(next);
        let len = key.len.get();
        if !same(text, at, key.ones[0].get(), key.words[0].get())
            || len > WIDTH && !same(text, at + WIDTH, key.ones[1].get(), key.words[1].get())
        {
            return None;
        }
        (self.at, self.start) = (next, false);
        Some((len, key.number.get()))
    }

    /// Goes on to the key that is in `text` there, whichever came here last. Its number, which `number` says where it has not been seen
    /// before.
    #[inline(always)]
    pub(super) fn turn(
        &mut self,
        (text, at): (&[u8], Range<usize>),
        numbers: fn(&str) -> usize,
        number: impl FnOnce() -> usize,
    ) -> usize {
        let (of, len) = (numbers as usize, at.len());
        if len > LONGEST {
            self.lose(numbers);
            return number();
        }
        let (low, low_ones) = first(text, at.start, len);
        let (high, high_ones) = first(text, at.start + WIDTH, len.saturating_sub(WIDTH));
        let place = match self.keys.find(of, [low, high]) {
            Ok(place) => place,
            Err(free) => {
                let number = number();
                let Some(key) = self.keys.take(free, of, [low, high]) else {
                    self.lose(numbers);
                    return number;
                };
                key.ones[0].set(low_ones);
                key.ones[1].set(high_ones);
                key.len.set(len);
                key.number.set(number);
                free
            }
        };
        let before = self.keys.at(self.at);
        if before.of.get() == of {
            before.next.set(place);
        }
        (self.at, self.start) = (place, false);
        self.keys.at(place).number.get()
    }

    /// Goes on behind a key that is not kept.
    #[cold]
    pub(super) fn lose(&mut self, numbers: fn(&str) -> usize) {
        (self.at, self.start) = (self.keys.mark(numbers as usize, LOST), false);
    }
}
