//! `state show` and `state dump`.

use serde_json::{Value, json};

use super::world::World;
use crate::process::Running;

fn rows(said: &str) -> Vec<Value> {
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn state_is_shown_and_its_groups_are_given_as_rows() {
    // Ends on its budget, so that windows stay open.
    let world = World::new(50_000, None, 1_000);
    let (said, _) = world.run("run --checkpoint KEPT --state-budget 5mib", 71);
    let (epoch, keys) = said.lines().last().unwrap().split_once(' ').unwrap();
    let (epoch, keys): (u64, u64) = (epoch.parse().unwrap(), keys.split_once(' ').unwrap().0.parse().unwrap());

    let (text, _) = world.run("state show --checkpoint KEPT", 0);
    assert!(text.starts_with(&format!("epoch {epoch}, watermark 2025-12-31T")), "{text}");
    assert!(text.contains("\nper key\n") && text.contains("oldest window 2026-01-01T00:00:00Z"), "{text}");
    let unknown = world.run("state show --checkpoint KEPT --operator nothing", 78).1;
    assert!(unknown.contains("there is no state of `nothing`") && unknown.contains("are `per key`"), "{unknown}");
    let (shown, _) = world.run("state show --checkpoint KEPT --json", 0);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["epoch"], &shown["operators"][0]["groups"]), (&json!(epoch), &json!(keys)), "{shown}");
    assert!(!shown["operators"][0]["snapshots"].as_array().unwrap().is_empty(), "{shown}");

    let dump = |more: &[&str], code| {
        let ran =
            world.program("state dump --checkpoint KEPT").args(["--operator", "per key"]).args(more).output().unwrap();
        assert_eq!(ran.status.code(), Some(code), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap() + &String::from_utf8(ran.stderr).unwrap()
    };
    let all = rows(&dump(&[], 0));
    assert_eq!(all.len() as u64, keys);
    let one = rows(&dump(&["--key", "key=the key 000000007"], 0));
    assert_eq!(one.len(), 1);
    let window = json!({"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z"});
    assert_eq!(
        (&one[0]["key"], &one[0]["window"], &one[0]["n"]),
        (&json!("the key 000000007"), &window, &json!({"count": 1}))
    );
    assert_eq!(one[0]["total"]["total"]["low"], 7, "{one:?}");
    assert!(dump(&["--key", "kee=1"], 78).contains("its keys are `key`"));
    assert!(dump(&["--format", "parquet"], 78).contains("add `--output FILE.parquet`"));
    let file = world.path("groups.parquet");
    dump(&["--format", "parquet", "--output", file.to_str().unwrap()], 0);
    let open = std::fs::File::open(file).unwrap();
    let read = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(open).unwrap();
    assert_eq!(read.metadata().file_metadata().num_rows() as u64, keys);

    let nowhere = world.run("state show --checkpoint nowhere", 78).1;
    assert!(nowhere.contains("there is no checkpoint with a commit in"), "{nowhere}");
    assert!(!std::path::Path::new("nowhere").exists());
}

#[test]
fn a_pipeline_that_runs_is_not_disturbed() {
    let world = World::new(2_000, Some(6_000), 10);
    let mut running = Running::start(&mut world.program("run --checkpoint KEPT"), world.folder.path());
    assert!(
        running
            .wait_for(std::time::Duration::from_secs(60), || world.path("kept/log/00000000000000000010.rec").exists())
    );
    let mut last = 0;
    while running.ended().is_none() {
        let (shown, _) = world.run("state show --checkpoint KEPT --json", 0);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        let epoch = shown["epoch"].as_u64().unwrap();
        assert!(epoch >= last);
        // Ten rows in an epoch, each with a key of its own until all have come up; none after the end.
        let groups = shown["operators"][0]["groups"].as_u64().unwrap();
        assert!(groups == (epoch * 10).min(2_000) || epoch >= 600, "{groups} groups in epoch {epoch}");
        last = epoch;
    }
    assert_eq!(running.end(std::time::Duration::from_secs(60)).0, Some(0));
    assert!(last > 10);
    world.compare();
}
