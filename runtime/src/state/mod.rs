//! What stateful operators keep between epochs.

#[cfg(feature = "parquet")]
pub mod file;
pub mod named;
