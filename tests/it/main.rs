//! Whole-feature tests.
