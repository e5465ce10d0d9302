//! Cases whose messages are rustc's, which are compared with one rustc only.

use std::io::Write as _;

/// The rustc whose words stand in the `.stderr` files.
const PINNED: &str = "1.95.";

/// Compares the cases of these files.
pub(crate) fn cases(files: &str) {
    let version = std::process::Command::new("rustc").arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    if version.starts_with(&format!("rustc {PINNED}")) {
        trybuild::TestCases::new().compile_fail(files);
    } else {
        // Not `eprintln!`, which is shown with `--nocapture` only.
        writeln!(std::io::stderr(), "skipped: the messages were written with rustc {PINNED}x, this is {version}").ok();
    }
}
