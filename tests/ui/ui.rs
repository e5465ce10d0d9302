//! What a user reads: one kind of fault a file, beside each the messages as they are printed.
//!
//! | folder | what its messages are |
//! |---|---|
//! | `by_macro` | sentences of millstream's macros; they are the same on every toolchain and are always compared |
//! | `by_rustc` | rustc's words, with the sentences of millstream's traits; compared with the pinned rustc only |
//!
//! What must print nothing at all is `quiet.rs`. Write the messages anew with `TRYBUILD=overwrite cargo test -p millstream-ui`, and read the difference.

use std::io::Write;

/// The rustc whose words stand in the `.stderr` files of `by_rustc`.
const PINNED: &str = "1.95.";

fn cases(folder: &str) {
    let cases = trybuild::TestCases::new();
    cases.compile_fail(format!("{folder}/*/*.rs"));
}

#[test]
fn by_macro() {
    cases("by_macro");
}

#[test]
fn by_rustc() {
    let version = std::process::Command::new("rustc").arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    if version.starts_with(&format!("rustc {PINNED}")) {
        cases("by_rustc");
    } else {
        // Not `eprintln!`, which is shown with `--nocapture` only.
        writeln!(std::io::stderr(), "skipped: the messages were written with rustc {PINNED}x, this is {version}").ok();
    }
}
