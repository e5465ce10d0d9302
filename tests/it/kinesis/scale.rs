//! Two thousand shards, after so many reshards that more than ten thousand closed ones are in the list: what it costs is
//! bounded. With `MILLSTREAM_LONG=1`, and a tenth of it in every run.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use millstream::engine::Trigger;
use millstream::prelude::*;
use millstream::testing::kinesis::Server;
use millstream_tests::memory::of_this_process as memory;

use super::job::STREAM;

/// Shards in an answer to ListShards.
const PAGE: usize = 1_000;

fn job(endpoint: &str, folder: &str) -> Pipeline {
    let (endpoint, out) = (endpoint.to_owned(), format!("{folder}/out"));
    let pipeline = pipeline! {
        from kinesis({STREAM}, endpoint = {endpoint}, start = trim_horizon, min_fetch_period = 20ms)
        | decode text
        | select { line, key = record.partition_key.to_owned() }
        | sink parquet({out})
    };
    pipeline.checkpoint(format!("{folder}/checkpoint")).trigger(Trigger::AvailableNow)
}

/// The longest commit record of the checkpoint, in bytes.
fn longest_record(folder: &Path) -> u64 {
    let (mut most, mut folders) = (0, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                most = most.max(entry.metadata().unwrap().len());
            }
        }
    }
    most
}

/// Reads `shards` shards and all that they descend from, twice.
fn read(shards: usize) {
    let server = Server::start().unwrap();
    server.create_stream(STREAM, shards).unwrap();
    let mut lines = 0;
    for round in 0..5 {
        let put = (0..shards).map(|number| (format!("k{number}"), format!("{round}")));
        lines += server.put_all(STREAM, put).unwrap();
        if round < 4 {
            server.reshard(STREAM, if round % 2 == 0 { 2 * shards } else { shards }).unwrap();
        }
    }
    let known = server.shards(STREAM).unwrap();
    let closed = known.iter().filter(|shard| !shard.open).count();
    assert!(known.len() - closed == shards && closed >= 5 * shards, "{closed} of {}", known.len());
    let pages = known.len().div_ceil(PAGE);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();

    for (start, wanted) in [("first", lines), ("second", 0)] {
        server.clear_log();
        let ((before, _), begun) = (memory(), Instant::now());
        let summary = job(&server.endpoint(), path).run_blocking().unwrap();
        let (elapsed, (_, most)) = (begun.elapsed(), memory());
        assert_eq!(summary.rows.rows, wanted as u64);
        let lists = server.calls("ListShards") as f64 / pages as f64;
        let (grown, record) = (
            most.saturating_sub(before) as f64 / f64::from(1 << 20),
            longest_record(&folder.path().join("checkpoint/log")),
        );
        println!(
            "{start} start, {shards} open and {closed} closed shards: {elapsed:.1?}, {grown:.0} MiB, {lists} lists of {pages} \
             pages, {} calls for records, longest record of a commit {record} bytes",
            server.calls("GetRecords"),
        );
        // One at the start, one for each generation of children, and no more than one a second.
        assert!(lists <= 7.0 + elapsed.as_secs_f64(), "{lists}");
        assert!(grown <= 64.0 + 0.02 * known.len() as f64, "{grown} MiB");
        // Those that wait are short, and those that were read to their ends are forgotten.
        assert!(record <= 190 * known.len() as u64 + 10_000, "{record}");
    }
}

#[test]
fn thousands_of_closed_shards() {
    const CHILD: &str = "MILLSTREAM_TEST_SCALE";
    if std::env::var_os(CHILD).is_some() {
        return read(if crate::is_long() { 2_000 } else { 200 });
    }
    // The memory that is looked at is the process's.
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(CHILD, "1").args(["kinesis::scale::thousands_of_closed_shards", "--exact", "--nocapture"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
