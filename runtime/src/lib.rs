//! Stream processing as typed Rust.

pub mod error;
pub mod source;
pub mod testing;

pub use error::{Error, Result};
