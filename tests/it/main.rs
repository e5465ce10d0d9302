//! Whole-feature tests.
mod differential;
