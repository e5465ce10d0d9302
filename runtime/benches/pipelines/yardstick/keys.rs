//! Tables by text.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::walk::{mask, word};

/// Values by text. Text of at most fifteen bytes is a number, so that nothing else is looked at.
pub(crate) struct Table<V> {
    short: HashTable<(u128, V)>,
    long: std::collections::HashMap<String, V>,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self { short: HashTable::new(), long: std::collections::HashMap::new() }
    }
}

fn hash(key: u128) -> u64 {
    // The product of both halves, folded; the constants are digits of pi.
    let (low, high) = (key as u64 ^ 0x243f_6a88_85a3_08d3, (key >> 64) as u64 ^ 0x1319_8a2e_0370_7344);
    let product = u128::from(low) * u128::from(high);
    (product >> 64) as u64 ^ product as u64
}

impl<V> Table<V> {
    /// The value of the text at the start of `bytes`, of length `len`, made if it is not there.
    #[inline(always)]
    pub(crate) fn of(&mut self, bytes: &[u8], len: usize, new: impl FnOnce() -> V) -> &mut V {
        if len > 15 {
            let text = String::from_utf8(bytes[..len].to_vec()).unwrap();
            return self.long.entry(text).or_insert_with(new);
        }
        let key = word(bytes) & mask(len) | (len as u128) << 120;
        match self.short.entry(hash(key), |entry| entry.0 == key, |entry| hash(entry.0)) {
            Entry::Occupied(entry) => &mut entry.into_mut().1,
            Entry::Vacant(place) => &mut place.insert((key, new())).into_mut().1,
        }
    }

    /// Takes out everything.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (String, V)> {
        let text = |key: u128| {
            let len = (key >> 120) as usize;
            String::from_utf8(key.to_le_bytes()[..len].to_vec()).unwrap()
        };
        self.short.drain().map(move |(key, value)| (text(key), value)).chain(self.long.drain())
    }
}
