//! The table of exit codes is what programs end with.

use std::collections::BTreeMap;

use crate::error::Kind;

const OPERATIONS: &str = include_str!("../../docs/operations.md");

const KINDS: [Kind; 12] = [
    Kind::Data,
    Kind::Unavailable,
    Kind::DataLoss,
    Kind::Internal,
    Kind::StateBudget,
    Kind::Output,
    Kind::NoReader,
    Kind::Io,
    Kind::AlreadyRunning,
    Kind::Fenced,
    Kind::CrashLoop,
    Kind::Config,
];

/// What the table says of a kind. A new kind does not compile here until it has its words, and then belongs into `KINDS`.
fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Data => "a record cannot be decoded or computed",
        Kind::Unavailable => "a service could not be reached in time",
        Kind::DataLoss => "unread data is gone from the source",
        Kind::Internal => "a bug",
        Kind::StateBudget => "a budget of state",
        Kind::Output => "the output cannot be created or written",
        Kind::NoReader => "nobody reads standard output",
        Kind::Io => "a disk or a store failed",
        Kind::AlreadyRunning => "another instance is running",
        Kind::Fenced => "a newer instance has taken over",
        Kind::CrashLoop => "five starts of this build ended without a commit",
        Kind::Config => "pipeline, options and checkpoint do not fit",
    }
}

#[test]
fn the_table_of_exit_codes_is_that_of_the_errors() {
    let table = OPERATIONS.split("## Exit codes").nth(1).unwrap().split("\n## ").next().unwrap();
    let row = |line: &'static str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        Some((cells.next()?.parse::<u8>().ok()?, cells.next()?))
    };
    let mut table: BTreeMap<u8, &str> = table.lines().filter_map(row).collect();
    for kind in KINDS {
        let said = table.get(&kind.exit_code()).unwrap_or_else(|| panic!("{kind:?} is not in the table"));
        assert!(said.contains(words(kind)), "{kind:?} is `{said}` in the table");
    }
    // These two are of no error.
    table.retain(|code, _| KINDS.iter().all(|kind| kind.exit_code() != *code));
    assert_eq!(table.into_keys().collect::<Vec<_>>(), [0, 64]);
}
