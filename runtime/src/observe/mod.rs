//! What a running pipeline tells of itself.
//!
//! A [progress document](progress) for each epoch; figures for Prometheus and OpenTelemetry and a port that says how the run
//! does, with the features `metrics` and `otlp`; and `tracing`: spans of the run, of its epochs and of what they consist of, and
//! events. Their targets all begin with `millstream::`; the guide's page `operations` lists them.

#[cfg(feature = "metrics")]
pub(crate) mod figures;
pub(crate) mod line;
#[cfg(feature = "metrics")]
pub(crate) mod monitor;
#[cfg(feature = "otlp")]
pub(crate) mod otlp;
pub(crate) mod printer;
pub mod progress;
#[cfg(feature = "metrics")]
mod prometheus;
#[cfg(feature = "metrics")]
mod serve;

/// The target of a run's span, its start, its recovery and its end.
pub(crate) const RUN: &str = "millstream::run";
/// The target of the spans of epochs, and of the event that one is committed.
pub(crate) const EPOCH: &str = "millstream::epoch";
/// The target of what an operator has to know of state.
pub(crate) const STATE: &str = "millstream::state";
/// The target of what becomes of rows other than being used.
pub(crate) const ROWS: &str = "millstream::rows";
/// The target of what the engine says of a source.
pub(crate) const SOURCE: &str = "millstream::source";
