#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use super::*;
use crate::source::{ChunkSender, Fetched, Limits, PartitionState};

type Row = (u64, Timestamp, u64, String);

fn limits(rows: Option<u64>, wait: u64) -> Limits {
    Limits { bytes: 1 << 30, rows, until: Instant::now() + Duration::from_millis(wait), eager: false }
}

async fn fetch(feed: &mut dyn Feed, limits: &Limits) -> (Vec<Row>, Fetched) {
    let (mut sender, mut receiver) = ChunkSender::bounded(1 << 30);
    let fetched = feed.fetch(limits, &mut sender).await.unwrap();
    drop(sender);
    let mut rows = Vec::new();
    while let Some((chunk, _)) = receiver.recv().await {
        let meta = chunk.meta.downcast_ref::<RateMeta>().unwrap();
        for index in 0..chunk.len() {
            let record = Rate::record(&chunk, meta, index);
            let text = String::from_utf8(record.data.to_vec()).unwrap();
            rows.push((record.value, record.timestamp, record.random, text));
        }
    }
    (rows, fetched)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The epochs of a run that starts anew from its checkpoint every `life` epochs.
fn epochs(source: &Rate, rows: u64, life: usize) -> Vec<Vec<Row>> {
    run(async {
        let (mut resume, mut epochs) = (Resume::default(), Vec::new());
        loop {
            let mut feed = source.open(resume.clone()).await.unwrap();
            resume.identity = Some(feed.identity());
            for _ in 0..life {
                let (more, fetched) = fetch(&mut *feed, &limits(Some(rows), 10_000)).await;
                epochs.push(more);
                for part in fetched.partitions {
                    let state = PartitionState { to: part.to, drained: part.drained, parents: Vec::new() };
                    resume.partitions.insert(part.id, state);
                }
                if fetched.exhausted {
                    return epochs;
                }
            }
        }
    })
}

#[test]
fn records_are_the_same_in_every_run() {
    let start = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
    let source = rate(1_000).count(10_000).seed(7).start(start).partitions(3).unpaced();
    let reference = epochs(&source, 999, usize::MAX);
    assert!(reference.iter().rev().skip(1).all(|epoch| epoch.len() == 999));
    assert_eq!(epochs(&source, 999, 1), reference);
    assert_eq!(epochs(&source, 999, 4), reference);
    let mut rows = reference.concat();
    rows.sort_unstable();
    for (value, row) in rows.iter().enumerate() {
        let expected = start.saturating_add_micros(value as i64 * 1_000);
        assert_eq!((row.0, row.1, &row.3), (value as u64, expected, &value.to_string()));
    }
    assert_eq!(rows.len(), 10_000);
    // The first numbers of SplitMix64 with seed 7.
    assert_eq!(rows.first().unwrap().2, random(7, 0));
    assert_ne!(rows.first().unwrap().2, random(8, 0));
    assert_eq!(random(1_234_567, 0), 6_457_827_717_110_365_317);
    assert_eq!(random(1_234_567, 1), 3_203_168_211_198_807_973);
}

#[test]
fn the_start_is_remembered() {
    let source = rate(10).count(5).unpaced();
    let first = run(source.open(Resume::default())).unwrap();
    let starts = Resume { starts: Some(first.starts()), ..Resume::default() };
    assert_eq!(run(source.open(starts)).unwrap().identity(), first.identity());
    let identity = || Resume { identity: Some(first.identity()), ..Resume::default() };
    assert_eq!(run(source.open(identity())).unwrap().starts(), first.starts());
    for other in [rate(11), rate(10).seed(1), rate(10).partitions(2), rate(10).start(Timestamp::default())] {
        assert_eq!(run(other.open(identity())).err().unwrap().kind(), Kind::Config);
    }
}

#[test]
fn the_clock_paces() {
    run(async {
        let source = rate(1_000);
        assert!(!source.describe().finite);
        let mut feed = source.open(Resume::default()).await.unwrap();
        let begin = Instant::now();
        let (rows, fetched) = fetch(&mut *feed, &limits(None, 200)).await;
        assert!(begin.elapsed() >= Duration::from_millis(200) && !fetched.exhausted);
        assert!(rows.len() >= 100 && rows.len() as u128 <= begin.elapsed().as_millis() + 1, "{}", rows.len());
        let (rows, _) = fetch(&mut *feed, &limits(Some(7), 10_000)).await;
        assert_eq!(rows.len(), 7);
    });
}

#[test]
fn one_second_is_present() {
    run(async {
        let mut feed = rate(100).unpaced().open(Resume::default()).await.unwrap();
        feed.stop_at_present();
        let (rows, fetched) = fetch(&mut *feed, &limits(None, 10_000)).await;
        assert_eq!((rows.len(), fetched.exhausted), (100, true));
        assert!(fetched.partitions.iter().all(|part| !part.drained));
    });
}
