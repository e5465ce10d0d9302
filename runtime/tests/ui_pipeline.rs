//! What a user reads when a pipeline is wrong: `tests/ui/pipeline`, one fault a file.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[test]
fn faults() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("../tests/ui/pipeline/*.rs");
}
