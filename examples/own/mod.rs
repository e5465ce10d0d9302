//! What `own_connector` reads and writes: a source and a format as one writes them, and what stands for a table of a service.

mod format;
mod source;
mod table;

pub use format::pairs;
pub use source::meter;
pub use table::Table;
