//! What a checkpoint keeps of an aggregate, as columns of a schema: for [`Pipeline::migrate`](crate::Pipeline::migrate), and
//! for programs that read state files.
//!
//! Of `min`, `max` it is a struct with `value: Option<T>`, of `first`, `last` one with `time: Option<Timestamp>` and `value:
//! Option<T>`; of an aggregate of one's own its own struct. `#[derive(StreamSchema)]` makes such a struct a field.

use crate::StreamSchema;

/// Of `count()` and `count_if(..)`.
#[derive(Debug, Clone, PartialEq, Eq, StreamSchema)]
pub struct Count {
    /// The number of rows.
    pub count: i64,
}

/// A whole number of 128 bits.
#[derive(Debug, Clone, PartialEq, Eq, StreamSchema)]
pub struct Wide {
    /// The upper half, with the sign.
    pub high: i64,
    /// The lower half.
    pub low: u64,
}

/// A sum of floats.
#[derive(Debug, Clone, PartialEq, StreamSchema)]
pub struct Float {
    /// The sum so far.
    pub sum: f64,
    /// What rounding has lost of it.
    pub lost: f64,
}

/// Of `sum(..)` of whole numbers.
#[derive(Debug, Clone, PartialEq, Eq, StreamSchema)]
pub struct Sum {
    /// The sum.
    pub total: Wide,
    /// Whether a value has come.
    pub some: bool,
}

/// Of `sum(..)` of floats.
#[derive(Debug, Clone, PartialEq, StreamSchema)]
pub struct FloatSum {
    /// The sum.
    pub total: Float,
    /// Whether a value has come.
    pub some: bool,
}

/// Of `avg(..)` of whole numbers.
#[derive(Debug, Clone, PartialEq, Eq, StreamSchema)]
pub struct Avg {
    /// The sum.
    pub total: Wide,
    /// The number of values.
    pub count: u64,
}

/// Of `avg(..)` of floats.
#[derive(Debug, Clone, PartialEq, StreamSchema)]
pub struct FloatAvg {
    /// The sum.
    pub total: Float,
    /// The number of values.
    pub count: u64,
}

impl From<i128> for Wide {
    fn from(value: i128) -> Self {
        Self { high: (value >> 64) as i64, low: value as u64 }
    }
}

impl From<&Wide> for i128 {
    fn from(value: &Wide) -> Self {
        Self::from(value.high) << 64 | Self::from(value.low)
    }
}

impl From<f64> for Float {
    fn from(sum: f64) -> Self {
        Self { sum, lost: 0.0 }
    }
}

impl From<&Float> for f64 {
    fn from(value: &Float) -> Self {
        value.sum + value.lost
    }
}
