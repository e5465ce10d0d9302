//! A Kinesis server in the process.

mod kpl;

pub use kpl::{kpl_aggregate, kpl_aggregate_with_hash_keys};
