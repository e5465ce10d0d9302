//! What tests of pipelines need: a server to read from, rows to push, a clock to turn.

mod run;

pub use run::TestRun;

#[cfg(feature = "kinesis")]
pub mod kinesis;
