//! Which columns have values that an accumulator can keep and compare.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::state::{Nullable, Nullness, Required};
use crate::decimal::Decimal;
use crate::schema::Stored;
use crate::time::{Date, Duration, Timestamp};

/// A column whose values have an order, or an option of one.
#[diagnostic::on_unimplemented(
    message = "this aggregate needs a column of plain values, this one is `{Self}`",
    label = "this is a `{Self}`",
    note = "plain values are bool, numbers, &str, Timestamp, Date, Duration, Decimal, enums, and Option of these"
)]
pub trait Scalar: Copy {
    /// The owned type, which the state keeps.
    type Owned: Ordered;
    /// Whether it is an option.
    type Nullness: Nullness;
    /// Whether it is null.
    #[inline]
    fn is_null(self) -> bool {
        false
    }
    /// Whether it is NaN.
    #[inline]
    fn is_nan(self) -> bool {
        false
    }
    /// The value as a set holds it: what SQL calls the same number, `0.0` and `-0.0` or any two NaN, is the same.
    #[inline]
    #[must_use]
    fn normal(self) -> Self {
        self
    }
    /// How it compares with a kept value; `Less` when null.
    fn compare(self, kept: &Self::Owned) -> Ordering;
    /// Owns it, in the place of the kept value; does nothing when null.
    fn keep(self, place: &mut Option<Self::Owned>);
    /// Feeds a hasher as [`Ordered::feed`] of the owned value does.
    fn feed<H: Hasher>(self, hasher: &mut H);
}

/// A value that state keeps.
pub trait Ordered: Stored + Clone {
    /// How it compares, by a total order.
    fn compare_kept(&self, other: &Self) -> Ordering;
    /// Whether it is NaN.
    #[inline]
    fn is_nan(&self) -> bool {
        false
    }
    /// Feeds a hasher.
    fn feed<H: Hasher>(&self, hasher: &mut H);
}

macro_rules! scalar {
    ([$($param:tt)*] $type:ty) => {
        impl<$($param)*> $crate::agg::scalar::Scalar for $type {
            type Owned = $type;
            type Nullness = $crate::agg::state::Required;
            #[inline]
            fn compare(self, kept: &$type) -> std::cmp::Ordering { Ord::cmp(&self, kept) }
            #[inline]
            fn keep(self, place: &mut Option<$type>) { *place = Some(self); }
            #[inline]
            fn feed<HH: std::hash::Hasher>(self, hasher: &mut HH) { std::hash::Hash::hash(&self, hasher); }
        }
        impl<$($param)*> $crate::agg::scalar::Ordered for $type {
            #[inline]
            fn compare_kept(&self, other: &Self) -> std::cmp::Ordering { Ord::cmp(self, other) }
            #[inline]
            fn feed<HH: std::hash::Hasher>(&self, hasher: &mut HH) { std::hash::Hash::hash(self, hasher); }
        }
    };
}

scalar!([] bool);
scalar!([] i8);
scalar!([] i16);
scalar!([] i32);
scalar!([] i64);
scalar!([] u8);
scalar!([] u16);
scalar!([] u32);
scalar!([] u64);
scalar!([] Timestamp);
scalar!([] Date);
scalar!([] Duration);
scalar!([const P: u8, const S: u8] Decimal<P, S>);

macro_rules! float {
    ($($type:ty),*) => {$(
        impl Scalar for $type {
            type Owned = $type;
            type Nullness = Required;
            #[inline]
            fn is_nan(self) -> bool { <$type>::is_nan(self) }
            #[inline]
            fn normal(self) -> Self {
                if self.is_nan() { <$type>::NAN } else if self == 0.0 { 0.0 } else { self }
            }
            #[inline]
            fn compare(self, kept: &$type) -> Ordering { self.total_cmp(kept) }
            #[inline]
            fn keep(self, place: &mut Option<$type>) { *place = Some(self); }
            #[inline]
            fn feed<H: Hasher>(self, hasher: &mut H) { self.to_bits().hash(hasher); }
        }
        impl Ordered for $type {
            #[inline]
            fn compare_kept(&self, other: &Self) -> Ordering { self.total_cmp(other) }
            #[inline]
            fn is_nan(&self) -> bool { <$type>::is_nan(*self) }
            #[inline]
            fn feed<H: Hasher>(&self, hasher: &mut H) { self.to_bits().hash(hasher); }
        }
    )*};
}

float!(f32, f64);

impl Scalar for &str {
    type Owned = String;
    type Nullness = Required;
    #[inline]
    fn compare(self, kept: &String) -> Ordering {
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
    #[inline]
    fn feed<H: Hasher>(self, hasher: &mut H) {
        self.hash(hasher);
    }
}

impl Ordered for String {
    #[inline]
    fn compare_kept(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
    #[inline]
    fn feed<H: Hasher>(&self, hasher: &mut H) {
        self.as_str().hash(hasher);
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
    fn normal(self) -> Self {
        self.map(T::normal)
    }
    #[inline]
    fn compare(self, kept: &T::Owned) -> Ordering {
        self.map_or(Ordering::Less, |value| value.compare(kept))
    }
    #[inline]
    fn keep(self, place: &mut Option<T::Owned>) {
        if let Some(value) = self {
            value.keep(place);
        }
    }
    #[inline]
    fn feed<H: Hasher>(self, hasher: &mut H) {
        if let Some(value) = self {
            value.feed(hasher);
        }
    }
}

/// Which end of the order is wanted.
pub trait Side: Send + Sync + Clone + std::fmt::Debug + 'static {
    /// The comparison by which a value beats the kept one.
    const BETTER: Ordering;
    /// Whether it is the smallest that is kept.
    const IS_LEAST: bool = matches!(Self::BETTER, Ordering::Less);
}

/// The smallest.
#[derive(Debug, Clone)]
pub struct Smallest;
/// The largest.
#[derive(Debug, Clone)]
pub struct Largest;
impl Side for Smallest {
    const BETTER: Ordering = Ordering::Less;
}
impl Side for Largest {
    const BETTER: Ordering = Ordering::Greater;
}

/// How two values rank, by `compare` unless one is NaN: a NaN is worse than everything, whichever side is wanted.
#[inline]
pub(super) fn rank<S: Side>(new_is_nan: bool, kept_is_nan: bool, compare: impl FnOnce() -> Ordering) -> Ordering {
    match (new_is_nan, kept_is_nan) {
        (false, false) => compare(),
        (true, true) => Ordering::Equal,
        (true, false) => S::BETTER.reverse(),
        (false, true) => S::BETTER,
    }
}
