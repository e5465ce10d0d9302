//! Whole-feature tests.
// Tests of real processes use signals.
#[cfg(unix)]
mod crash;
mod differential;
