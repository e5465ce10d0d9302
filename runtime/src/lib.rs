//! Stream processing as typed Rust.

pub mod checkpoint;
pub mod error;
pub mod state;
pub mod store;
pub mod testing;

pub use error::{Error, Result};
