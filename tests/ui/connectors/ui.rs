//! What a user reads of wrong options of `kinesis` and `parquet`, in rustc's words and the sentences of millstream's traits.
//!
//! Write the messages anew with `TRYBUILD=overwrite cargo test -p millstream-ui-connectors`, and read the difference.

#[path = "../pinned.rs"]
mod pinned;

#[test]
fn by_rustc() {
    pinned::cases("by_rustc/*.rs");
}
