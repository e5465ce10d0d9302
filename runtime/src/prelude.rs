//! What a program with a pipeline needs: `use millstream::prelude::*`.
//!
//! The words of `pipeline!` need no import: `kinesis`, `json`, `avg`, `parquet` and the like are looked up in
//! millstream's modules, then in the program's own scope. [`Result`](crate::Result) is left out, so that the prelude
//! never stands in the way of `std`'s; write `millstream::Result`.

pub use millstream_macros::{StreamSchema, pipeline};

pub use crate::engine::{Checkpoint, Query, Summary, Trigger};
pub use crate::sink::Batch;
pub use crate::time::{Date, Duration, Timestamp, hours, millis, mins, secs};
pub use crate::{Decimal, Pipeline, Secret};
