//! Where records come from.

#[cfg(feature = "kinesis")]
pub mod kinesis;
