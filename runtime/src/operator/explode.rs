//! One row for each item of a list: `explode`.

use std::iter::Enumerate;

/// The items of a list, numbered: what `explode` makes rows of. The number is for
/// [`Input::exploded`](super::Input::exploded), which counts them.
///
/// ```
/// use millstream::operator::explode::items;
/// assert_eq!(items("a b".split(' ')).collect::<Vec<_>>(), [(0, "a"), (1, "b")]);
/// ```
#[inline]
pub fn items<I: IntoIterator>(list: I) -> Enumerate<I::IntoIter> {
    list.into_iter().enumerate()
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
    std::iter::once(first).chain(items.map(Some)).enumerate()
}
