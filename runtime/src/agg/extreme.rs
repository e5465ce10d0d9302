//! `min(column)` and `max(column)`.

use std::marker::PhantomData;

use super::state::{Nullable, Nullness, Required, accumulator};
use super::{Finish, Update};
use crate::Result;
use crate::schema::At;
use crate::schema::Stored;
use crate::time::{Date, Timestamp};

/// A column whose values have an order, or an option of one.
#[diagnostic::on_unimplemented(
    message = "`min`, `max`, `first` and `last` need a column of plain values, this one is `{Self}`",
    label = "this is a `{Self}`",
    note = "plain values are bool, numbers, &str, Timestamp, Date, and Option of these"
)]
pub trait Scalar: Copy {
    /// The owned type, which the state keeps.
    type Owned: Ordered;
    /// Whether it is an option.
    type Nullness: Nullness;
    /// Whether it is null.
    fn is_null(self) -> bool;
    /// Whether it is NaN.
    fn is_nan(self) -> bool;
    /// How it compares with a kept value; `Less` when null.
    fn compare(self, kept: &Self::Owned) -> std::cmp::Ordering;
    /// Owns it, in the place of the kept value.
    fn keep(self, place: &mut Option<Self::Owned>);
}

/// A value that state keeps.
pub trait Ordered: Stored + Clone + std::fmt::Debug {
    /// How it compares, by a total order.
    fn compare_kept(&self, other: &Self) -> std::cmp::Ordering;
    /// Whether it is NaN.
    fn is_nan(&self) -> bool {
        false
    }
    /// Borrows; plain values need no arena for their views.
    fn borrow(&self) -> Self::View<'_>;
}

macro_rules! scalar {
    ($($type:ty),*; $compare:expr, $nan:expr) => {$(
        impl Scalar for $type {
            type Owned = $type;
            type Nullness = Required;
            #[inline]
            fn is_null(self) -> bool { false }
            #[inline]
            fn is_nan(self) -> bool { $nan(&self) }
            #[inline]
            fn compare(self, kept: &$type) -> std::cmp::Ordering { self.compare_kept(kept) }
            #[inline]
            fn keep(self, place: &mut Option<$type>) { *place = Some(self); }
        }
        impl Ordered for $type {
            #[inline]
            fn compare_kept(&self, other: &Self) -> std::cmp::Ordering { $compare(self, other) }
            #[inline]
            fn is_nan(&self) -> bool { $nan(self) }
            #[inline]
            fn borrow(&self) -> $type { *self }
        }
    )*};
}

scalar!(bool, i8, i16, i32, i64, u8, u16, u32, u64, Timestamp, Date; Ord::cmp, |_| false);
scalar!(f32; f32::total_cmp, |value: &f32| f32::is_nan(*value));
scalar!(f64; f64::total_cmp, |value: &f64| f64::is_nan(*value));

impl Scalar for &str {
    type Owned = String;
    type Nullness = Required;
    fn is_null(self) -> bool {
        false
    }
    fn is_nan(self) -> bool {
        false
    }
    #[inline]
    fn compare(self, kept: &String) -> std::cmp::Ordering {
        self.cmp(kept.as_str())
    }
    #[inline]
    fn keep(self, place: &mut Option<String>) {
        match place {
            Some(text) => {
                text.clear();
                text.push_str(self);
            }
            None => *place = Some(self.to_owned()),
        }
    }
}

impl Ordered for String {
    fn compare_kept(&self, other: &Self) -> std::cmp::Ordering {
        self.cmp(other)
    }
    fn borrow(&self) -> &str {
        self
    }
}

impl<T: Scalar<Nullness = Required>> Scalar for Option<T> {
    type Owned = T::Owned;
    type Nullness = Nullable;
    #[inline]
    fn is_null(self) -> bool {
        self.is_none()
    }
    #[inline]
    fn is_nan(self) -> bool {
        self.is_some_and(T::is_nan)
    }
    #[inline]
    fn compare(self, kept: &T::Owned) -> std::cmp::Ordering {
        self.map_or(std::cmp::Ordering::Less, |value| value.compare(kept))
    }
    #[inline]
    fn keep(self, place: &mut Option<T::Owned>) {
        if let Some(value) = self {
            value.keep(place);
        }
    }
}

/// Which end of the order is wanted.
pub trait Side: Send + Sync + Clone + std::fmt::Debug + 'static {
    /// The comparison by which a value beats the kept one.
    const BETTER: std::cmp::Ordering;
}

/// The smallest.
#[derive(Debug, Clone)]
pub struct Smallest;
/// The largest.
#[derive(Debug, Clone)]
pub struct Largest;
impl Side for Smallest {
    const BETTER: std::cmp::Ordering = std::cmp::Ordering::Less;
}
impl Side for Largest {
    const BETTER: std::cmp::Ordering = std::cmp::Ordering::Greater;
}

/// The smallest value, of the column's own type; NaN counts only when there is nothing else, null when all values are.
pub fn min<T: Scalar>(value: T) -> Extremum<T, Smallest> {
    Extremum { value, side: PhantomData }
}

/// The largest value, of the column's own type; NaN counts only when there is nothing else, null when all values are.
pub fn max<T: Scalar>(value: T) -> Extremum<T, Largest> {
    Extremum { value, side: PhantomData }
}

/// The update of [`min`] and [`max`].
#[derive(Debug, Clone, Copy)]
pub struct Extremum<T, S> {
    value: T,
    side: PhantomData<fn() -> S>,
}

accumulator! {
    /// The accumulator of [`min`] and [`max`].
    Extreme<T: Ordered, N: Nullness, S: Side> {
        /// The best value so far.
        value: Option<T>,
    }
}

impl<T: Scalar, S: Side> Update for Extremum<T, S> {
    type State = Extreme<T::Owned, T::Nullness, S>;
    #[inline]
    fn apply(self, state: &mut Self::State, _at: At) {
        let better = match &state.value {
            _ if self.value.is_null() => false,
            None => true,
            Some(kept) => !self.value.is_nan() && (kept.is_nan() || self.value.compare(kept) == S::BETTER),
        };
        if better {
            self.value.keep(&mut state.value);
        }
    }
}

impl<T: Ordered, N: Nullness, S: Side> Finish for Extreme<T, N, S> {
    type Out<'a> = N::Of<T::View<'a>>;
    fn finish(&self) -> Result<Self::Out<'_>> {
        N::wrap(self.value.as_ref().map(T::borrow))
    }
    fn merge(&mut self, other: Self) {
        let better = match (&self.value, &other.value) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(own), Some(new)) => !new.is_nan() && (own.is_nan() || new.compare_kept(own) == S::BETTER),
        };
        if better {
            self.value = other.value;
        }
    }
}
