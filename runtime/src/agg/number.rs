//! Which columns can be added up.

use super::state::{Nullable, Nullness, Required};
use crate::decimal::Decimal;
use crate::schema::Stored;
use crate::time::{Duration, micros};

/// A number, a duration, or an option of one.
#[diagnostic::on_unimplemented(
    message = "this aggregate needs numbers, the column is a `{Self}`",
    label = "this is a `{Self}`",
    note = "use `count`, `count_distinct`, `min` or `max`, or turn it into a number first"
)]
pub trait Number: Copy {
    /// Whether it is an option.
    type Nullness: Nullness;
    /// The accumulator of its sum.
    type Sum: Total;
    /// Its value as a float, a duration's in seconds; `None` when null.
    fn to_f64(self) -> Option<f64>;
    /// Its value for sums and averages.
    fn addend(self) -> Option<<Self::Sum as Total>::Addend>;
}

/// How a sum is kept: integers, decimals and durations exactly, floats with Neumaier's compensation.
pub trait Total: Stored + Default + Clone + std::fmt::Debug {
    /// What is added.
    type Addend: Copy;
    /// The sum's type.
    type Out: Copy;
    /// The type of the mean.
    type Mean: Copy;
    /// What a sum out of range does not fit into, for a message.
    const RANGE: &'static str;
    /// Adds a value.
    fn add(&mut self, value: Self::Addend);
    /// Adds another sum.
    fn join(&mut self, other: &Self);
    /// The sum; `None` when it does not fit its type.
    fn total(&self) -> Option<Self::Out>;
    /// The mean of `count` values, which is not zero; `None` when it does not fit its type.
    fn mean(&self, count: u64) -> Option<Self::Mean>;
}

macro_rules! number {
    ($([$($param:tt)*] $type:ty => $sum:ty, |$value:ident| $addend:expr, $float:expr;)*) => {$(
        impl<$($param)*> Number for $type {
            type Nullness = Required;
            type Sum = $sum;
            #[inline]
            fn to_f64(self) -> Option<f64> { let $value = self; Some($float) }
            #[inline]
            fn addend(self) -> Option<<$sum as Total>::Addend> { let $value = self; Some($addend) }
        }
        impl<$($param)*> Number for Option<$type> {
            type Nullness = Nullable;
            type Sum = $sum;
            #[inline]
            fn to_f64(self) -> Option<f64> { self.and_then(Number::to_f64) }
            #[inline]
            fn addend(self) -> Option<<$sum as Total>::Addend> { self.and_then(Number::addend) }
        }
    )*};
}

number! {
    [] i8 => SignedSum, |x| x.into(), x.into();
    [] i16 => SignedSum, |x| x.into(), x.into();
    [] i32 => SignedSum, |x| x.into(), x.into();
    [] i64 => SignedSum, |x| x, x as f64;
    [] u8 => UnsignedSum, |x| x.into(), x.into();
    [] u16 => UnsignedSum, |x| x.into(), x.into();
    [] u32 => UnsignedSum, |x| x.into(), x.into();
    [] u64 => UnsignedSum, |x| x, x as f64;
    [] f32 => FloatSum, |x| x.into(), x.into();
    [] f64 => FloatSum, |x| x, x;
    [] Duration => DurationSum, |x| x, x.as_secs_f64();
    [const P: u8, const S: u8] Decimal<P, S> => DecimalSum<Decimal<P, S>>, |x| x.units(), x.to_f64();
}

/// 128 bits in two columns, as Arrow has no integer that wide.
macro_rules! integer_sum {
    ($name:ident, $wide:ty, $narrow:ty, $doc:literal) => {
        super::state::accumulator! {
            #[doc = $doc]
            $name<> {
                /// The upper half.
                high: i64,
                /// The lower half.
                low: u64,
            }
        }

        impl $name {
            /// The sum in 128 bits.
            pub(super) fn get(&self) -> $wide {
                ((i128::from(self.high) << 64) | i128::from(self.low)) as $wide
            }
            fn set(&mut self, value: $wide) {
                self.high = (value as i128 >> 64) as i64;
                self.low = value as u64;
            }
        }

        impl Total for $name {
            type Addend = $narrow;
            type Out = $narrow;
            type Mean = f64;
            const RANGE: &'static str = "64 bits";
            #[inline]
            fn add(&mut self, value: $narrow) {
                // 2^64 rows of the largest value fit.
                self.set(self.get().wrapping_add(<$wide>::from(value)));
            }
            fn join(&mut self, other: &Self) {
                self.set(self.get().wrapping_add(other.get()));
            }
            fn total(&self) -> Option<$narrow> {
                <$narrow>::try_from(self.get()).ok()
            }
            fn mean(&self, count: u64) -> Option<f64> {
                Some(self.get() as f64 / count as f64)
            }
        }
    };
}

integer_sum!(SignedSum, i128, i64, "The sum of signed integers.");
integer_sum!(UnsignedSum, u128, u64, "The sum of unsigned integers.");

super::state::accumulator! {
    /// The sum of floats after A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen",
    /// ZAMM 54 (1974): its error does not grow with the number of values.
    FloatSum<> {
        /// The running sum.
        sum: f64,
        /// What rounding has lost of it.
        lost: f64,
    }
}

impl Total for FloatSum {
    type Addend = f64;
    type Out = f64;
    type Mean = f64;
    const RANGE: &'static str = "f64";
    #[inline]
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        if sum.is_finite() {
            self.lost +=
                if self.sum.abs() >= value.abs() { (self.sum - sum) + value } else { (value - sum) + self.sum };
        }
        self.sum = sum;
    }
    fn join(&mut self, other: &Self) {
        self.add(other.sum);
        self.lost += other.lost;
    }
    fn total(&self) -> Option<f64> {
        Some(self.sum + self.lost)
    }
    fn mean(&self, count: u64) -> Option<f64> {
        Some((self.sum + self.lost) / count as f64)
    }
}

super::state::accumulator! {
    /// The sum of durations, of their microseconds.
    DurationSum<> {
        /// Microseconds.
        micros: UnsignedSum,
    }
}

/// A number of microseconds that a column can hold.
fn duration(micros: u128) -> Option<Duration> {
    i64::try_from(micros).ok().map(|micros| Duration::from_micros(micros.unsigned_abs()))
}

impl Total for DurationSum {
    type Addend = Duration;
    type Out = Duration;
    type Mean = Duration;
    const RANGE: &'static str = "a duration";
    #[inline]
    fn add(&mut self, value: Duration) {
        self.micros.add(micros(value).unsigned_abs());
    }
    fn join(&mut self, other: &Self) {
        self.micros.join(&other.micros);
    }
    fn total(&self) -> Option<Duration> {
        duration(self.micros.get())
    }
    fn mean(&self, count: u64) -> Option<Duration> {
        duration(self.micros.get() / u128::from(count))
    }
}

/// The type of a column of decimals.
pub trait FixedPoint: Stored + Clone + std::fmt::Debug {
    /// The type of its sums, with as many places.
    type Sum: Copy;
    /// A sum of so many units.
    fn sum(units: i128) -> Option<Self::Sum>;
    /// Units as a number.
    fn float(units: f64) -> f64;
}

impl<const P: u8, const S: u8> FixedPoint for Decimal<P, S> {
    type Sum = Decimal<38, S>;
    fn sum(units: i128) -> Option<Self::Sum> {
        Decimal::from_units(units)
    }
    fn float(units: f64) -> f64 {
        units / 10f64.powi(i32::from(S))
    }
}

super::state::accumulator! {
    /// The sum of decimals, exactly: two of them may be beyond 128 bits and the sum of all not, so the halves are summed
    /// apart.
    DecimalSum<T: FixedPoint> {
        /// The sum of the upper halves, which have the sign.
        high: SignedSum,
        /// The sum of the lower halves.
        low: UnsignedSum,
    }
}

impl<T: FixedPoint> DecimalSum<T> {
    /// The units, as the part above the lowest 64 bits and these.
    fn units(&self) -> (i128, u64) {
        let low = self.low.get();
        // 2^64 rows of the largest value fit.
        (self.high.get().wrapping_add((low >> 64) as i128), low as u64)
    }
}

impl<T: FixedPoint> Total for DecimalSum<T> {
    /// Units of the last place.
    type Addend = i128;
    type Out = T::Sum;
    type Mean = f64;
    const RANGE: &'static str = "38 digits";
    #[inline]
    fn add(&mut self, value: i128) {
        self.high.add((value >> 64) as i64);
        self.low.add(value as u64);
    }
    fn join(&mut self, other: &Self) {
        self.high.join(&other.high);
        self.low.join(&other.low);
    }
    fn total(&self) -> Option<T::Sum> {
        let (high, low) = self.units();
        i64::try_from(high).ok().and_then(|high| T::sum((i128::from(high) << 64) | i128::from(low)))
    }
    fn mean(&self, count: u64) -> Option<f64> {
        let (high, low) = self.units();
        let units = match i64::try_from(high) {
            Ok(high) => ((i128::from(high) << 64) | i128::from(low)) as f64,
            Err(_) => high as f64 * 2f64.powi(64) + low as f64,
        };
        Some(T::float(units / count as f64))
    }
}
