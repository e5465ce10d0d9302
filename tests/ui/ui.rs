//! One fault a file, by the part of the language it is in; beside each, what a user reads.
//!
//! The words of rustc change with its version, so the comparison is made with the version they were written with; another
//! one says that it skipped. Write them anew with `TRYBUILD=overwrite cargo test -p millstream-ui`.
#![allow(clippy::print_stderr)]

/// The rustc whose words stand in the `.stderr` files.
const PINNED: &str = "1.95.";

#[test]
fn what_a_user_reads() {
    let version = std::process::Command::new("rustc").arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    if !version.starts_with(&format!("rustc {PINNED}")) {
        eprintln!("skipped: the messages were written with rustc {PINNED}x, this is {version}");
        return;
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("schema/*.rs");
    cases.compile_fail("pipeline/*.rs");
}
