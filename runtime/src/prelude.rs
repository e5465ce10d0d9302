//! What a program with a pipeline needs: `use millstream::prelude::*`.

pub use millstream_macros::{StreamSchema, pipeline};

pub use crate::Pipeline;
pub use crate::time::{Date, Duration, Timestamp, hours, millis, mins, secs};
