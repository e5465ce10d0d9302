//! `count_distinct(column)`.

use std::fmt;
use std::hash::{BuildHasher, Hasher};

use arrow::array::Array;
use arrow::datatypes::DataType;
use bumpalo::Bump;
use hashbrown::HashTable;

use super::scalar::{Ordered, Scalar};
use super::state::accumulator;
use super::{Finish, Update};
use crate::Result;
use crate::schema::list::ListBuilder;
use crate::schema::{At, Stored};

/// The number of different values, as `i64`, exactly; nulls are skipped. `0.0` and `-0.0` are one value, and so are all
/// NaN.
///
/// Exact means that every group keeps each of its values until its window is closed: about twice the size of a number, 40
/// bytes and its text for text, in memory, and the value in each state file of the checkpoint that the group is written to.
/// A million different users an hour are about 60 MB; count what is known to be few, or by a bucket of it.
pub fn count_distinct<T>(value: T) -> Distinct<T> {
    Distinct(value)
}

/// The update of [`count_distinct`].
#[derive(Debug, Clone, Copy)]
pub struct Distinct<T>(T);

accumulator! {
    /// The accumulator of [`count_distinct`].
    DistinctCount<T: Ordered> {
        /// The values.
        values: Set<T>,
    }
}

impl<T: Scalar> Update for Distinct<T> {
    type State = DistinctCount<T::Owned>;
    #[inline]
    fn apply(self, state: &mut Self::State, _at: At) {
        if !self.0.is_null() {
            state.values.add(self.0.normal());
        }
    }
}

impl<T: Ordered> Finish for DistinctCount<T> {
    const NAME: &'static str = "count_distinct";
    type Out<'a> = i64;
    fn finish<'a>(&'a self, _arena: &'a Bump) -> Result<i64> {
        Ok(self.values.table.len() as i64)
    }
    fn merge(&mut self, other: Self) {
        if self.values.table.len() < other.values.table.len() {
            let own = std::mem::replace(self, other);
            self.values.extend(own.values);
        } else {
            self.values.extend(other.values);
        }
    }
}

/// Values in no order. State files hold them sorted, so that equal sets are equal bytes.
#[derive(Clone)]
pub struct Set<T> {
    table: HashTable<T>,
    /// The bytes of their text.
    text: usize,
    hasher: foldhash::fast::RandomState,
}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self { table: HashTable::new(), text: 0, hasher: foldhash::fast::RandomState::default() }
    }
}

impl<T> fmt::Debug for Set<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Set({} values)", self.table.len())
    }
}

fn hash_of<T: Ordered>(hasher: &foldhash::fast::RandomState, value: &T) -> u64 {
    let mut hasher = hasher.build_hasher();
    value.feed(&mut hasher);
    hasher.finish()
}

impl<T: Ordered> Set<T> {
    /// Adds a value that is not null; one that is there already is not owned.
    #[inline]
    fn add<V: Scalar<Owned = T>>(&mut self, value: V) {
        let Self { table, text, hasher } = self;
        let mut of_value = hasher.build_hasher();
        value.feed(&mut of_value);
        let same = |kept: &T| value.compare(kept).is_eq();
        if let hashbrown::hash_table::Entry::Vacant(place) =
            table.entry(of_value.finish(), same, |kept| hash_of(hasher, kept))
        {
            let mut owned = None;
            value.keep(&mut owned);
            if let Some(owned) = owned {
                *text += owned.heap();
                place.insert(owned);
            }
        }
    }

    fn extend(&mut self, other: Self) {
        let Self { table, text, hasher } = self;
        for value in other.table {
            let same = |kept: &T| value.compare_kept(kept).is_eq();
            let entry = table.entry(hash_of(hasher, &value), same, |kept| hash_of(hasher, kept));
            if let hashbrown::hash_table::Entry::Vacant(place) = entry {
                *text += value.heap();
                place.insert(value);
            }
        }
    }
}

impl<T: Ordered> Stored for Set<T> {
    type View<'a> = &'a Self;
    type Builder = ListBuilder<T>;
    fn data_type() -> DataType {
        T::list_type()
    }
    fn view<'a>(&'a self, _arena: &'a Bump) -> &'a Self {
        self
    }
    fn own(view: &Self) -> Self {
        view.clone()
    }
    fn push(view: &Self, builder: &mut ListBuilder<T>) {
        let mut sorted: Vec<&T> = view.table.iter().collect();
        sorted.sort_unstable_by(|left, right| left.compare_kept(right));
        builder.push_items(sorted);
    }
    fn push_owned(&self, builder: &mut ListBuilder<T>) {
        Self::push(self, builder);
    }
    fn heap(&self) -> usize {
        self.table.allocation_size() + self.text
    }
    fn load(array: &dyn Array, row: usize) -> Option<Self> {
        let values = T::list_load(array, row)?;
        let mut set = Self::default();
        let Self { table, text, hasher } = &mut set;
        table.reserve(values.len(), |kept| hash_of(hasher, kept));
        for value in values {
            *text += value.heap();
            table.insert_unique(hash_of(hasher, &value), value, |kept| hash_of(hasher, kept));
        }
        Some(set)
    }
}
