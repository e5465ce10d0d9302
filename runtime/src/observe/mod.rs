//! What a running pipeline tells of itself.

pub(crate) mod line;
pub mod progress;
