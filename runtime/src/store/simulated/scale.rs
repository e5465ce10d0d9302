//! What is done only now and then, or only with much.

/// How often, and from how much on; `None` is as in earnest. Less makes a crash test try each call of it.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(not(feature = "_objects"), allow(dead_code))]
pub(crate) struct Scale {
    /// Bytes of a part of an object that is put in several.
    pub part: Option<usize>,
    /// Epochs between two snapshots.
    pub round: Option<u64>,
    /// Bytes of state from which on snapshots are taken by stripe.
    pub large: Option<u64>,
    /// Epochs between two collections of garbage.
    pub collect: Option<u64>,
    /// Slots of the log that are kept.
    pub slots: Option<u64>,
    /// Puts all state on disk after each epoch, however little it is.
    #[cfg_attr(not(feature = "spill"), allow(dead_code))]
    pub spill: bool,
}
