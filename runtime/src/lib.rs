//! Stream processing as typed Rust: a pipeline is written like a query, checked by the compiler, and run by one process.
//!
//! ```
//! use millstream::prelude::*;
//!
//! #[derive(StreamSchema)]
//! struct Reading {
//!     device_id: String,
//!     #[stream(event_time)]
//!     ts: Timestamp,
//!     temperature: f64,
//! }
//!
//! # fn main() -> millstream::Result<()> {
//! let threshold = 20.0;
//! let pipeline = pipeline! {
//!     from memory([
//!         r#"{"device_id": "a", "ts": "2026-01-01T00:00:01Z", "temperature": 21.5}"#,
//!         r#"{"device_id": "a", "ts": "2026-01-01T00:00:02Z", "temperature": 22.5}"#,
//!     ])
//!     | decode json as Reading else skip
//!     | filter temperature > {threshold}
//!     | watermark 10s
//!     | group_by { device_id, window = tumbling(1min) }
//!     | agg { n = count(), mean = avg(temperature) }
//!     | select { .., date = window.start.date() }
//!     | sink console()
//! };
//! let summary = pipeline.run_blocking()?;
//! assert_eq!((summary.rows.rows, summary.rows_out), (2, 1));
//! # Ok(()) }
//! ```
//!
//! Columns are bare names, Rust values stand in braces, everything else in an expression is Rust's. With
//! `from kinesis("readings", region = "us-west-2")`, `sink parquet("out/readings", partition_by = [date])` and
//! `.checkpoint("out/_checkpoint")` the same pipeline reads a stream for ever and writes each row exactly once.
//!
//! # Where to find what
//!
//! | | |
//! |---|---|
//! | [`prelude`] | what a program imports |
//! | [`pipeline!`] and [`StreamSchema`](macro@StreamSchema) | the two macros; [`guide::language`] is their manual |
//! | [`source`], [`decode`], [`agg`], [`sink`] | what stands after `from`, `decode`, in `agg {..}`, after `sink`, and how to add to them |
//! | [`Pipeline`] | how a pipeline is run: [`run`](Pipeline::run), [`start`](Pipeline::start), [`test`](Pipeline::test), [`explain`](Pipeline::explain) |
//! | [`engine`] | [`Trigger`](engine::Trigger), [`Checkpoint`](engine::Checkpoint), [`Query`](engine::Query), [`Summary`](engine::Summary) |
//! | [`observe`] | the progress document; what else a run tells of itself |
//! | [`error`] | errors, and their exit codes |
//! | [`testing`] | pipelines in unit tests |
//! | [`guide`] | the manual: the language, exactly once, operations |
//!
//! The other modules are what the macros write code against; [`expand`] lists all of it. It can be written by hand, too:
//! [`pipeline::from`] is where that begins.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | brings |
//! |---|---|
//! | `parquet` | checkpoints and the sink [`parquet`](sink::parquet()) |
//! | `s3`, `gcs`, `azure` | checkpoints and parquet files in Amazon S3, Google Cloud Storage, Azure Blob Storage; each brings `parquet` |
//! | `kinesis` | the source and the sink `kinesis`, and a Kinesis server in the process to test against |
//! | `gzip`, `zstd` | compressed input files and payloads |
//! | `spill` | state larger than memory, in files of a scratch folder: [`Pipeline::spill`] |
//! | `socket` | the source `socket`: lines over TCP |
//! | `metrics` | a port with figures for Prometheus, and health: [`Pipeline::metrics`] |
//! | `otlp` | the same figures sent to a collector of OpenTelemetry: [`Pipeline::otlp`] |
//! | `cli` | `cli(pipeline)`: a binary with `run`, `explain`, `preview`, `check`, `state`, `history`, `savepoint` and `reset` |

// Only checkpoints need some of what there is.
#![cfg_attr(not(feature = "parquet"), allow(dead_code, unused_variables))]

// What the derive writes begins with `::millstream`, here too.
extern crate self as millstream;

pub mod agg;
#[cfg(feature = "_aws")]
pub(crate) mod aws;
pub mod checkpoint;
#[cfg(feature = "cli")]
pub mod cli;
pub mod clock;
pub mod decimal;
pub mod decode;
pub mod encode;
pub mod engine;
pub mod error;
pub mod expand;
pub mod guide;
mod loopback;
mod mutant;
pub mod observe;
pub mod operator;
pub mod pipeline;
pub mod prelude;
pub mod schema;
pub mod secret;
pub mod setting;
pub mod sink;
pub mod source;
pub mod stage;
pub mod state;
pub mod store;
pub mod testing;
mod thread;
pub mod time;

#[cfg(feature = "cli")]
pub use cli::cli;
pub use decimal::Decimal;
pub use error::{Error, Result};
pub use millstream_macros::{StreamSchema, pipeline};
pub use operator::DeadLetter;
pub use pipeline::Pipeline;
pub use secret::Secret;
