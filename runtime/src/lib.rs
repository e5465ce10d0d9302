//! Stream processing as typed Rust.

#[doc(hidden)]
pub mod __private;
pub mod agg;
pub mod checkpoint;
#[cfg(feature = "cli")]
pub mod cli;
pub mod clock;
pub mod decode;
pub mod engine;
pub mod error;
pub mod observe;
pub mod operator;
pub mod pipeline;
pub mod prelude;
pub mod schema;
pub mod secret;
pub mod sink;
pub mod source;
pub mod state;
pub mod store;
pub mod testing;
pub mod time;

#[cfg(feature = "cli")]
pub use cli::cli;
pub use error::{Error, Result};
pub use millstream_macros::{StreamSchema, pipeline};
pub use pipeline::Pipeline;
pub use secret::Secret;
