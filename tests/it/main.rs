//! Whole-feature tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// Tests of real processes use signals.
#[cfg(unix)]
mod crash;
mod differential;
mod kinesis;
// As are these.
#[cfg(unix)]
mod objects;
