//! Bugs that are known, and have to be found: this program is run again with each of them.

use std::process::Command;

use crate::mutant::Mutant;

/// Runs a test with a bug; it has to fail, and to say why.
fn is_found(mutant: Mutant, test: &str, why: &str) {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", test, "--nocapture"]);
    let output = again.env("MILLSTREAM_MUTANT", format!("{mutant:?}")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("running 1 test"), "there is no test {test}: {said}");
    assert!(!output.status.success(), "{mutant:?} was not found by {test}: {said}");
    assert!(said.contains(why), "{mutant:?} was found by {test}, but not as `{why}`: {said}");
    let words = said.lines().find(|line| line.contains(why)).unwrap_or_default();
    println!("{mutant:?}: {words}");
}

/// The same with a test of crashes.
fn is_found_by_crashes(mutant: Mutant, test: &str, why: &str) {
    is_found(mutant, &format!("testing::crash::tests::{test}"), why);
}

#[test]
fn a_slot_that_is_named_before_it_is_synced() {
    is_found_by_crashes(Mutant::NameBeforeSync, "f_069_086_rows_on_a_disk", "is corrupt");
}

#[test]
fn a_publish_that_ends_at_the_first_file_that_is_there() {
    is_found_by_crashes(Mutant::PublishStops, "f_069_086_rows_on_a_disk", "crash test: a process died");
}

#[test]
fn a_record_that_is_durable_before_the_state_it_names() {
    is_found_by_crashes(Mutant::RecordBeforeState, "f_060_windows_on_a_disk", "crash test: a process died");
}

#[test]
fn a_state_file_that_is_not_synced() {
    is_found_by_crashes(Mutant::StateUnsynced, "f_060_windows_on_a_disk", "then the power failed");
}

#[test]
fn a_collection_that_does_not_spare_the_older_state() {
    is_found_by_crashes(Mutant::OlderCollected, "seldom::a_repair_on_a_disk", "missing or corrupt");
}

#[test]
fn a_savepoint_that_has_its_record_first() {
    is_found_by_crashes(Mutant::SavepointEarly, "savepoints::on_a_disk", "of a savepoint");
}

#[cfg(feature = "s3")]
#[test]
fn an_upload_that_is_not_waited_for() {
    is_found_by_crashes(Mutant::UploadNotAwaited, "seldom::large_objects", "is not there");
}

#[cfg(feature = "s3")]
#[test]
fn a_slot_of_ones_own_that_is_taken_for_anothers() {
    is_found_by_crashes(Mutant::OwnIsTaken, "windows_in_a_bucket", "crash test: a storm");
}

#[cfg(feature = "s3")]
#[test]
fn a_slot_that_is_overwritten() {
    is_found_by_crashes(Mutant::CommitOverwrites, "windows_in_a_bucket", "crash test: a process was frozen");
}

#[cfg(feature = "kinesis")]
#[test]
fn a_shard_that_is_read_on_at_the_last_record() {
    is_found_by_crashes(Mutant::ResumeAt, "a_resharded_stream", "are there too often");
}

#[cfg(feature = "kinesis")]
#[test]
fn a_child_shard_that_is_read_from_the_present_on() {
    is_found_by_crashes(Mutant::ChildAtLatest, "a_resharded_stream", "right: 24");
}

#[cfg(feature = "kinesis")]
#[test]
fn a_drained_parent_that_is_only_in_memory() {
    is_found_by_crashes(Mutant::ParentForgotten, "a_resharded_stream", "are there too often");
}

#[cfg(feature = "kinesis")]
#[test]
fn a_child_shard_that_does_not_hold_the_watermark() {
    let histories = "source::kinesis::tests::histories::each_record_once_each_key_in_order_and_no_window_too_early";
    is_found(Mutant::ChildHoldsNothing, histories, "windows were closed at");
}
