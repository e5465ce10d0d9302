//! What tests of pipelines need: a server to read from, rows to push, a clock to turn, a machine to crash.

#[cfg(feature = "parquet")]
pub mod crash;
#[cfg(test)]
pub(crate) mod fuzz;
mod run;

#[cfg(feature = "parquet")]
pub use crash::CrashTest;
pub use run::TestRun;

#[cfg(feature = "kinesis")]
pub mod kinesis;
