//! Stream processing as typed Rust.

#[doc(hidden)]
pub mod __private;
pub mod agg;
pub mod decode;
pub mod error;
pub mod operator;
pub mod pipeline;
pub mod prelude;
pub mod schema;
pub mod secret;
pub mod sink;
pub mod source;
pub mod store;
pub mod testing;
pub mod time;

pub use error::{Error, Result};
pub use millstream_macros::{StreamSchema, pipeline};
pub use pipeline::Pipeline;
pub use secret::Secret;
