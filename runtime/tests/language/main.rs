//! The language, whole pipelines at a time: what expressions may be, what becomes of a row that has no value, and what rows
//! may go to a sink as they are.
#![deny(warnings)] // What the macro writes must not warn.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod escapes;
#[cfg(all(feature = "gzip", feature = "zstd"))]
mod packed;
mod results;
mod rows;
