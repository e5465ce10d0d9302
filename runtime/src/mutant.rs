//! Known bugs, which the crash tests have to find.
//!
//! Each stands beside the code that it spoils. They exist only where this crate tests itself: a test runs its own program
//! again with one of them in `MILLSTREAM_MUTANT`, and wants it to fail.

/// A bug.
#[cfg_attr(not(feature = "kinesis"), allow(dead_code))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// A shard is read on at the last record that is committed, and not after it.
    ResumeAt,
    /// A shard that came from a reshard is read from the present on.
    ChildAtLatest,
    /// A shard that waits for its parents to be read does not hold the watermark.
    ChildHoldsNothing,
    /// A slot of the log has its name before its content is synced.
    NameBeforeSync,
    /// A publish that is repeated ends at the first file that is in its place.
    PublishStops,
    /// A slot of the log is written whether or not there is one.
    CommitOverwrites,
    /// The names of state files are synced after the record that names them.
    RecordBeforeState,
    /// Garbage that is collected is what the last commit does not need itself: the older state for repairs is not spared.
    OlderCollected,
    /// A large object counts as written before its parts are put together.
    #[cfg_attr(not(feature = "_objects"), allow(dead_code))]
    UploadNotAwaited,
    /// A savepoint has its record before it has its state.
    SavepointEarly,
    /// A state file is named by a commit before it is synced.
    StateUnsynced,
    /// A slot that was made by a request whose answer was lost is taken for somebody else's.
    OwnIsTaken,
    /// That a shard was read to its end is not recorded.
    ParentForgotten,
}

/// Whether this program has a bug.
#[cfg(test)]
pub(crate) fn is(mutant: Mutant) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var("MILLSTREAM_MUTANT").ok());
    chosen.as_ref().is_some_and(|chosen| *chosen == format!("{mutant:?}"))
}

/// Never.
#[cfg(not(test))]
pub(crate) const fn is(_: Mutant) -> bool {
    false
}
