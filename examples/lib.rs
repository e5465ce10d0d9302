//! What the examples share.

pub mod pairs;
