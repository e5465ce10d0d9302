//! What tests of pipelines need: a server to read from, rows to push, a clock to turn.

#[cfg(feature = "kinesis")]
pub mod kinesis;
