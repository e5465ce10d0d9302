//! The words of each fault in a `#[derive(StreamSchema)]`. Those of rustc are pinned with the toolchain.

#[test]
fn faults_of_a_schema() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("../tests/ui/schema/*.rs");
}
