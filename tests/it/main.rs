//! Whole-feature tests.
mod kinesis;
