use std::collections::BTreeMap;

use serde_json::Value;

use super::super::progress::{Account, HeldBy, StateOperator};
use super::*;

fn account() -> Account {
    Account {
        rows: 12_345,
        used: 12_340,
        filtered: 0,
        late: 0,
        skipped: 0,
        dead_letters: 0,
        future: 0,
        ms_behind_latest: None,
        watermark_held_by: None,
    }
}

fn progress(millstream: Account) -> Progress {
    Progress {
        id: String::new(),
        run_id: String::new(),
        name: None,
        timestamp: String::new(),
        batch_id: 12,
        batch_duration: 340,
        num_input_rows: 12_345,
        input_rows_per_second: 6_172.5,
        processed_rows_per_second: 1e6,
        duration_ms: BTreeMap::new(),
        event_time: BTreeMap::new(),
        state_operators: Vec::new(),
        sources: Vec::new(),
        sink: Value::Null,
        millstream,
    }
}

#[test]
fn what_is_not_there_is_not_said() {
    let mut said = Said::default();
    said.epoch(&progress(account()));
    assert_eq!(said.last, "epoch 12: 6,172 rows/s, 340 ms");
}

#[test]
fn an_epoch_is_said_with_its_lag_its_holder_and_its_state() {
    let mut said = Said::default();
    let held = HeldBy { partition: "shardId-000000000003".to_owned(), max_event_time: None, behind_ms: None };
    let account =
        Account { late: 2, dead_letters: 1, ms_behind_latest: Some(1_240), watermark_held_by: Some(held), ..account() };
    let state = StateOperator {
        operator_name: "per device".to_owned(),
        num_rows_total: 1_200,
        num_rows_updated: 0,
        num_rows_removed: 0,
        all_updates_time_ms: 0,
        all_removals_time_ms: 0,
        commit_time_ms: 0,
        memory_used_bytes: 3 << 20,
        num_rows_dropped_by_watermark: 0,
        num_shuffle_partitions: 128,
        num_state_store_instances: 1,
        custom_metrics: BTreeMap::new(),
    };
    let mut document = Progress { state_operators: vec![state], ..progress(account) };
    said.epoch(&document);
    assert_eq!(
        said.last,
        "epoch 12: 6,172 rows/s, 1.2 s behind, 2 late, 1 bad, watermark none yet held by shardId-000000000003, \
         1,200 keys 3.00 MiB, 340 ms"
    );
    // What was late in one epoch is still said in the next. Who is a little behind is not named.
    document.event_time.insert("watermark", "2026-01-01T00:00:00Z".to_owned());
    let held = HeldBy { partition: "a".to_owned(), max_event_time: Some(String::new()), behind_ms: Some(900) };
    (document.millstream.late, document.millstream.watermark_held_by) = (0, Some(held));
    said.epoch(&document);
    assert!(
        said.last.contains(", 2 late, 2 bad, 1,200 keys 3.00 MiB, 340 ms, watermark 2026-01-01T00:00:00Z"),
        "{}",
        said.last
    );
    assert!(said.waiting().ends_with("Z; waits for records"), "{}", said.waiting());
}

#[test]
fn a_start_at_the_latest_record_says_what_it_waits_for() {
    let mut said = Said { since: Some(Timestamp::from_micros(0)), ..Said::default() };
    assert_eq!(said.waiting(), "waits for records newer than 1970-01-01T00:00:00Z");
    said.read = 12_345;
    assert_eq!(said.reading(), "12,345 rows read, the first epoch is not committed yet");
    said.epoch(&progress(account()));
    assert_eq!(said.waiting(), "epoch 12: 6,172 rows/s, 340 ms; waits for records");
}

#[test]
fn durations_are_in_the_unit_that_a_person_would_take() {
    let said = [340, 1_240, 60_000, 1_200_000, 36_000_000, 864_000_000].map(duration);
    assert_eq!(said, ["340 ms", "1.2 s", "60.0 s", "20.0 min", "10.0 h", "10.0 days"]);
}
