//! Helpers of the whole-feature tests.

pub mod memory;
pub mod skip;

/// The code of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
