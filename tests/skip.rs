//! How a test says that it was skipped; the one file of it, which packages without this library include by its path.

use std::io::Write;

/// Says that a test, or a part of it, is skipped for want of a tool. Written to standard error itself, which unlike
/// `eprintln!` is shown without `--nocapture`.
///
/// # Panics
/// `MILLSTREAM_REQUIRE_TOOLS=1`, as in the gate.
pub fn missing(what: &str) {
    let required = std::env::var("MILLSTREAM_REQUIRE_TOOLS").is_ok_and(|required| required == "1");
    assert!(!required, "{what}");
    writeln!(std::io::stderr(), "skipped: {what}").ok();
}
