//! Operators: what happens between a source's chunks and a sink's batches.
//!
//! Everything between two shuffles is one closure; [`input`] is what that closure sees of its chunk, [`stateless`] and
//! [`keyed`] run it. [`chain`] is how the engine sees all of them: typed inside, one dynamic call per chunk or table.

pub mod chain;
#[cfg(feature = "spill")]
mod cold;
pub(crate) mod dead_letters;
pub mod explode;
mod held;
pub mod input;
pub mod key;
pub mod keyed;
pub mod pulse;
pub mod reduce;
#[cfg_attr(not(feature = "parquet"), allow(dead_code))]
pub(crate) mod regroup;
pub mod short;
pub(crate) mod state_rows;
pub mod stateless;
pub mod tuple;
pub mod window;

pub use dead_letters::{DeadLetter, Letters};
pub use input::Input;
pub use key::{Key, KeyRef};
pub use keyed::{Group, Keyed};
pub use short::Short;
pub use window::{Window, WindowSpec};
