//! The manual.

#[doc = include_str!("../docs/language.md")]
pub mod language {}

#[doc = include_str!("../docs/exactly_once.md")]
pub mod exactly_once {}

#[doc = include_str!("../docs/operations.md")]
pub mod operations {}

#[cfg(all(feature = "kinesis", feature = "parquet"))]
#[doc = include_str!("../docs/kinesis.md")]
pub mod kinesis {}

#[cfg(feature = "parquet")]
#[doc = include_str!("../docs/promises.md")]
pub mod promises {}

#[cfg(feature = "parquet")]
#[doc = include_str!("../docs/survives.md")]
pub mod survives {}

#[doc = include_str!("../docs/performance.md")]
pub mod performance {}

#[doc = include_str!("../docs/testing.md")]
pub mod testing {}

#[doc = include_str!("../docs/departures.md")]
pub mod departures {}
