//! What stateful operators keep between epochs.

#[cfg(feature = "parquet")]
pub mod file;
pub mod named;
#[cfg(feature = "spill")]
pub mod scratch;
#[cfg(feature = "spill")]
pub(crate) mod shelf;
