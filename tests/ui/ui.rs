//! What a user reads: one kind of fault a file, beside each the messages as they are printed.
//!
//! | folder | what its messages are |
//! |---|---|
//! | `by_macro` | sentences of millstream's macros; they are the same on every toolchain and are always compared |
//! | `by_rustc` | rustc's words, with the sentences of millstream's traits; compared with the pinned rustc only |
//!
//! What must print nothing at all is `quiet.rs`. Write the messages anew with `TRYBUILD=overwrite cargo test -p millstream-ui`, and read the difference.

mod pinned;

#[test]
fn by_macro() {
    trybuild::TestCases::new().compile_fail("by_macro/*/*.rs");
}

#[test]
fn by_rustc() {
    pinned::cases("by_rustc/*/*.rs");
}
