//! Helpers of the whole-feature tests.
