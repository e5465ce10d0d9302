//! One row for each item of a list: `explode`.

use std::cell::Cell;

thread_local! {
    /// Whether a list panicked when it was asked for an item behind its first. A loop cannot tell its input, as it does not
    /// get to; what unwinds does.
    static BROKE_OFF: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic since the last call came out of a list between two items: the row of the item before is made, and that of
/// the next not yet counted.
pub(super) fn broke_off() -> bool {
    BROKE_OFF.take()
}

/// The items of a list, numbered.
struct Items<I> {
    list: I,
    number: usize,
}

/// Is dropped only if the list panics when asked for the item of this number. The first one's row is counted: it is the row
/// with the list.
struct Asked(usize);

impl Drop for Asked {
    fn drop(&mut self) {
        BROKE_OFF.set(self.0 > 0);
    }
}

impl<I: Iterator> Iterator for Items<I> {
    type Item = (usize, I::Item);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let asked = Asked(self.number);
        let item = self.list.next();
        std::mem::forget(asked);
        let number = self.number;
        self.number += 1;
        item.map(|item| (number, item))
    }
}

/// The items of a list, numbered: what `explode` makes rows of. The number is for
/// [`Input::exploded`](super::Input::exploded), which counts them.
///
/// ```
/// use millstream::operator::explode::items;
/// assert_eq!(items("a b".split(' ')).collect::<Vec<_>>(), [(0, "a"), (1, "b")]);
/// ```
#[inline]
pub fn items<I: IntoIterator>(list: I) -> impl Iterator<Item = (usize, I::Item)> {
    Items { list: list.into_iter(), number: 0 }
}

/// As [`items`], of `explode outer`: a list without items has one that is `None`.
///
/// ```
/// use millstream::operator::explode::items_or_none;
/// assert_eq!(items_or_none([7, 8]).collect::<Vec<_>>(), [(0, Some(7)), (1, Some(8))]);
/// assert_eq!(items_or_none(Vec::<i32>::new()).collect::<Vec<_>>(), [(0, None)]);
/// ```
#[inline]
pub fn items_or_none<I: IntoIterator>(list: I) -> impl Iterator<Item = (usize, Option<I::Item>)> {
    let mut items = list.into_iter();
    let first = items.next();
    self::items(std::iter::once(first).chain(items.map(Some)))
}
