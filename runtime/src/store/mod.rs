//! Durable files.

/// Whether files must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Everything is synced before anything relies on it.
    #[default]
    PowerLoss,
    /// Nothing is synced: for tests and scratch.
    ProcessCrash,
}
