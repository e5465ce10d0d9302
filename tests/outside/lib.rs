//! Connectors of somebody else's. Each is a function and a module of the same name, in which its option words are, so that
//! they are named in a pipeline as millstream's own are.

pub mod broker;
pub mod fields;
pub mod spread;
pub mod table;
pub mod ticks;
pub mod topic;

pub use fields::fields;
pub use spread::spread;
pub use table::table;
pub use ticks::ticks;
pub use topic::topic;
