//! What such a crate exports: each a function and a module of the same name, in which its option words are.

pub mod fields;
pub mod spread;
pub mod table;
pub mod ticks;
