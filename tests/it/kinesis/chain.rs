//! A chain of two pipelines, stream to stream to files: both are killed, and each row comes out once.

use std::time::Duration;

use millstream::source::kinesis::kpl;
use millstream::testing::kinesis::{Fault, Server};

use super::job::{BETWEEN, STREAM};
use super::output::{Expected, reading, rows};
use super::{Victim, start_at, wait};

/// How many rows the stream in the middle holds, repeats included.
fn written(server: &Server) -> usize {
    let client = server.client();
    let count = async {
        let mut rows = 0;
        for shard in server.shards(BETWEEN).unwrap() {
            let iterator = client.get_shard_iterator().stream_name(BETWEEN).shard_id(&shard.id);
            let mut next = iterator.shard_iterator_type("TRIM_HORIZON".into()).send().await.unwrap().shard_iterator;
            while let Some(iterator) = next.take() {
                let page = client.get_records().shard_iterator(iterator).send().await.unwrap();
                rows += page.records.iter().map(|record| kpl::open(record.data.as_ref()).unwrap().len()).sum::<usize>();
                next = page.next_shard_iterator.filter(|_| !page.records.is_empty());
            }
        }
        rows
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(count)
}

#[test]
fn killed_at_both_ends() {
    let server = Server::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    server.create_stream(STREAM, 2).unwrap();
    server.create_stream(BETWEEN, 2).unwrap();
    let (kills, part) = (14, 300);
    for round in 0..kills {
        let before = rows(path, "copy").len();
        server.put_all(STREAM, (round * part..(round + 1) * part).map(reading)).unwrap();
        // Kills fall between rows that were taken and the answer that says so.
        server.faults().times("PutRecords", 2, Fault::CutAnswer);
        server.faults().times("PutRecords", 3, Fault::Delay(Duration::from_millis(60)));
        let mut victims = ["forward", "copy"].map(|mode| Victim::start(mode, &server.endpoint(), path));
        if round % 3 != 2 {
            wait("rows", || rows(path, "copy").len() > before);
        } else {
            let calls = server.calls("PutRecords");
            wait("a delivery", || server.calls("PutRecords") > calls);
        }
        let open = || server.shards(BETWEEN).unwrap().into_iter().filter(|shard| shard.open).map(|shard| shard.id);
        match round {
            3 | 6 => drop(server.split(BETWEEN, &open().next().unwrap()).unwrap()),
            9 => {
                let ids: Vec<String> = open().collect();
                // Those of a split have ranges that touch.
                let pair = ids.split_last_chunk::<2>().unwrap().1;
                drop(server.merge(BETWEEN, &pair[0], &pair[1]).unwrap());
            }
            _ => {}
        }
        // Die at moments of every kind.
        std::thread::sleep(Duration::from_millis(23 * round as u64 % 150));
        for Victim(victim) in &mut victims {
            assert_eq!(victim.try_wait().unwrap(), None, "the victim ended by itself");
        }
    }
    server.faults().clear();
    let expected = Expected::of(kills * part).rows;
    let last = ["forward", "copy"].map(|mode| start_at(mode, &server.endpoint(), path));
    wait("every row", || rows(path, "copy").len() >= expected.len());
    for running in last {
        running.query.stop();
        running.end().unwrap();
    }
    assert_eq!(rows(path, "copy"), expected);
    let written = written(&server);
    println!("{} kills, {} rows, {} repeats left out", 2 * kills, expected.len(), written - expected.len());
    assert!(written > expected.len(), "no row was written twice: the test shows nothing");
}
