//! Which columns can be added up.

use super::state::{Nullable, Nullness, Required};
use crate::schema::Stored;

/// A number, or an option of one.
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
    ($($type:ty => $sum:ty, $wide:ty;)*) => {$(
        impl Number for $type {
            type Nullness = Required;
            type Sum = $sum;
            #[inline]
            fn to_f64(self) -> Option<f64> { Some(self as f64) }
            #[inline]
            fn addend(self) -> Option<<$sum as Total>::Addend> { Some(self as $wide) }
        }
        impl Number for Option<$type> {
            type Nullness = Nullable;
            type Sum = $sum;
            #[inline]
            fn to_f64(self) -> Option<f64> { self.map(|value| value as f64) }
            #[inline]
            fn addend(self) -> Option<<$sum as Total>::Addend> { self.map(|value| value as $wide) }
        }
    )*};
}

number! {
    i8 => SignedSum, i64; i16 => SignedSum, i64; i32 => SignedSum, i64; i64 => SignedSum, i64;
    u8 => UnsignedSum, u64; u16 => UnsignedSum, u64; u32 => UnsignedSum, u64; u64 => UnsignedSum, u64;
    f32 => FloatSum, f64; f64 => FloatSum, f64;
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
