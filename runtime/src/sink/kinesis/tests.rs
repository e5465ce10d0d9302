//! The sink against the server in the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

use super::*;
use crate::encode::JsonRow;
use crate::sink::{Delivering, Token};
use crate::source::kinesis::{KinesisMeta, kpl};
use crate::source::{ChunkSender, Limits, PartitionState, Resume, Source};
use crate::testing::kinesis::{Fault, Server};

const STREAM: &str = "out";

fn server(shards: usize) -> Server {
    let server = Server::start().unwrap();
    server.create_stream(STREAM, shards).unwrap();
    server
}

fn sink(server: &Server) -> Kinesis<&'static [&'static str; 1], JsonRow> {
    let mut sink = kinesis(STREAM).endpoint(server.endpoint()).key(&["user"]).format(json);
    sink.backoff = [Duration::from_millis(2), Duration::from_millis(10)];
    sink
}

/// Rows `from..to`, of 13 users in turn.
fn rows(from: i64, to: i64) -> RecordBatch {
    let users: ArrayRef = Arc::new((from..to).map(|n| Some(format!("user-{}", n % 13))).collect::<StringArray>());
    let hash: ArrayRef = Arc::new((from..to).map(|n| Some((n % 2).to_string())).collect::<StringArray>());
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(from..to));
    RecordBatch::try_from_iter([("user", users), ("n", numbers), ("side", hash)]).unwrap()
}

fn token(epoch: u64) -> Token {
    Token { pipeline: "p".into(), sink: 0, epoch }
}

fn writer(sink: &impl Sink) -> Box<dyn Delivering> {
    match sink.connect(&rows(0, 1).schema()).unwrap() {
        Connected::Delivering(writer) => writer,
        Connected::Staging(_) => panic!("it delivers"),
    }
}

fn deliver(sink: &impl Sink, epoch: u64, batches: &[RecordBatch]) -> Result<()> {
    writer(sink).deliver(&token(epoch), batches)
}

/// What the progress document says of the sink.
#[test]
fn figures_of_deliveries() {
    let server = server(2);
    let mut writer = writer(&sink(&server));
    server.faults().next("PutRecords", Fault::InternalFailure);
    server.faults().next("PutRecords", Fault::error("LimitExceededException"));
    server.faults().on_shard("PutRecords", "shardId-000000000001", 1, Fault::Throttle);
    writer.deliver(&token(1), &[rows(0, 100)]).unwrap();
    let metrics = writer.metrics();
    assert_eq!((metrics["numFailedCalls"], metrics["numRefusedRecords"]), (2.0, 1.0), "{metrics:?}");
    assert_eq!(metrics["numAwsRateLimitErrors"], 2.0);
    assert_eq!(metrics["numPutRecordsCalls"], server.calls("PutRecords") as f64);
    let records: Vec<_> = raw(&server).into_values().flatten().collect();
    let bytes: usize = records.iter().map(|(key, data)| key.len() + data.len()).sum();
    assert_eq!((metrics["numWrittenRecords"], metrics["numWrittenBytes"]), (records.len() as f64, bytes as f64));
    writer.deliver(&token(2), &[]).unwrap();
    assert_eq!(writer.metrics(), Default::default(), "they begin anew");
}

/// The Kinesis records of the stream as any consumer gets them, by shard: key and data.
fn raw(server: &Server) -> BTreeMap<String, Vec<(String, Vec<u8>)>> {
    let client = server.client();
    let read = async {
        let mut all = BTreeMap::new();
        for shard in server.shards(STREAM).unwrap() {
            let iterator = client.get_shard_iterator().stream_name(STREAM).shard_id(&shard.id);
            let mut next = iterator.shard_iterator_type("TRIM_HORIZON".into()).send().await.unwrap().shard_iterator;
            let records: &mut Vec<_> = all.entry(shard.id).or_default();
            while let Some(iterator) = next.take() {
                let page = client.get_records().shard_iterator(iterator).send().await.unwrap();
                next = page.next_shard_iterator.filter(|_| !page.records.is_empty());
                let pairs = page.records.into_iter();
                records.extend(pairs.map(|record| (record.partition_key.unwrap(), record.data.into_inner())));
            }
        }
        all
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(read)
}

/// The payloads that a consumer that takes aggregates apart gets, by shard.
fn foreign(server: &Server) -> Vec<Vec<String>> {
    let payloads = |(_, data): &(String, Vec<u8>)| match kpl::open(data) {
        Some(aggregate) => aggregate.records().map(|record| record.data.to_vec()).collect(),
        None => vec![data.clone()],
    };
    let text = |data| String::from_utf8(data).unwrap();
    raw(server).values().map(|records| records.iter().flat_map(payloads).map(text).collect()).collect()
}

fn number(text: &str) -> i64 {
    serde_json::from_str::<serde_json::Value>(text).unwrap()["n"].as_i64().unwrap()
}

/// The numbers of the rows of each user, in the order of the stream.
fn by_user<'a>(texts: impl Iterator<Item = &'a String>) -> BTreeMap<i64, Vec<i64>> {
    let mut users = BTreeMap::<i64, Vec<i64>>::new();
    for number in texts.map(|text| number(text)) {
        users.entry(number % 13).or_default().push(number);
    }
    users
}

/// What our own source reads, with a restart after each fetch; at the end for a while more, if it reads too much.
fn ours(server: &Server, count: usize) -> Vec<String> {
    let source = crate::source::kinesis(STREAM)
        .endpoint(server.endpoint())
        .start(crate::source::kinesis::trim_horizon)
        .min_fetch_period(Duration::from_millis(2));
    let (mut resume, mut got) = (Resume::default(), Vec::new());
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let begun = std::time::Instant::now();
        let mut silent = 0;
        while silent < 3 {
            assert!(begun.elapsed() < Duration::from_secs(120), "{} of {count}", got.len());
            let mut feed = source.open(resume.clone()).await.unwrap();
            let missing = got.len() < count;
            let until = std::time::Instant::now() + Duration::from_millis(if missing { 10_000 } else { 100 });
            let limits = Limits { bytes: 20_000, rows: None, until, eager: true };
            let (mut out, mut chunks) = ChunkSender::bounded(1 << 20);
            let before = got.len();
            let fetch = async {
                let fetched = feed.fetch(&limits, &mut out).await;
                drop(out);
                fetched.unwrap()
            };
            let take = async {
                while let Some((chunk, _permit)) = chunks.recv().await {
                    let meta = chunk.meta.downcast_ref::<KinesisMeta>().unwrap();
                    for index in 0..chunk.len() {
                        let record = <crate::source::kinesis::Kinesis as Source>::record(&chunk, meta, index);
                        got.push(String::from_utf8(record.data.to_vec()).unwrap());
                    }
                }
            };
            let (fetched, ()) = tokio::join!(fetch, take);
            resume.identity = Some(feed.identity());
            for progress in fetched.partitions {
                let state = PartitionState { to: progress.to, drained: progress.drained, parents: progress.parents };
                resume.partitions.insert(progress.id, state);
            }
            silent = if got.len() == before && !missing { silent + 1 } else { 0 };
        }
    });
    got
}

#[test]
fn others_see_the_payloads_and_nothing_of_the_stamp() {
    let server = server(3);
    deliver(&sink(&server), 1, &[rows(0, 60), rows(60, 100)]).unwrap();
    let texts = foreign(&server).concat();
    assert_eq!(texts.len(), 100);
    let first = texts.iter().find(|text| number(text) == 14).unwrap();
    assert_eq!(first, r#"{"user":"user-1","n":14,"side":"0"}"#);
    for records in raw(&server).values() {
        for (key, data) in records {
            let aggregate = kpl::open(data).unwrap();
            assert!(aggregate.records().all(|record| record.partition_key == key));
            assert_eq!(aggregate.stamp().unwrap().epoch, 1);
            let text = String::from_utf8_lossy(data).into_owned();
            assert!(aggregate.records().all(|record| text.contains(std::str::from_utf8(record.data).unwrap())));
        }
    }
    // A record for each user, in one call.
    assert_eq!((raw(&server).values().map(Vec::len).sum::<usize>(), server.calls("PutRecords")), (13, 1));
    assert!(by_user(texts.iter()).values().all(|numbers| numbers.is_sorted()));
}

#[test]
fn without_a_stamp_a_row_is_a_record() {
    let server = server(2);
    deliver(&sink(&server).stamp(off), 1, &[rows(0, 40)]).unwrap();
    let records: Vec<_> = raw(&server).into_values().flatten().collect();
    assert!(records.len() == 40 && records.iter().all(|(_, data)| data.starts_with(b"{\"user\":")));
    // Packed, but not stamped.
    deliver(&sink(&server).stamp(off).aggregate(on), 1, &[rows(40, 80)]).unwrap();
    let records: Vec<_> = raw(&server).into_values().flatten().collect();
    let packed: Vec<_> = records.iter().filter_map(|(_, data)| kpl::open(data)).collect();
    assert!(packed.len() == 13 && packed.iter().all(|aggregate| aggregate.stamp().is_none()));
    // Stamped, but each by itself.
    deliver(&sink(&server).aggregate(off), 2, &[rows(80, 90)]).unwrap();
    let records: Vec<_> = raw(&server).into_values().flatten().collect();
    let single = records.iter().filter_map(|(_, data)| kpl::open(data)).filter(|one| one.stamp().is_some());
    assert_eq!(single.map(|aggregate| aggregate.len()).collect::<Vec<_>>(), [1; 10]);
}

#[test]
fn refused_records_are_written_again_in_their_order() {
    let server = server(2);
    let shards: Vec<_> = server.shards(STREAM).unwrap().into_iter().map(|shard| shard.id).collect();
    let sink = sink(&server).stamp(off);
    for round in 0..6 {
        server.faults().on_shard("PutRecords", &shards[0], 7, Fault::Throttle);
        server.faults().on_shard("PutRecords", &shards[1], 3, Fault::Error { code: "InternalFailure".into() });
        server.faults().next("PutRecords", Fault::InternalFailure);
        server.faults().next("PutRecords", Fault::CutConnection);
        deliver(&sink, round, &[rows(round as i64 * 100, round as i64 * 100 + 100)]).unwrap();
    }
    assert_eq!(server.faults().pending(), 0);
    let users = by_user(foreign(&server).concat().iter());
    let all: Vec<Vec<i64>> = (0..13).map(|user| (0..600).filter(|number| number % 13 == user).collect()).collect();
    assert_eq!(users.into_values().collect::<Vec<_>>(), all);
}

/// Deliveries that are repeated, cut off, and spread over a reshard: others read them at least once, we exactly once.
#[test]
fn our_own_source_leaves_repeats_out() {
    let server = server(2);
    let small = |sink: Kinesis<_, JsonRow>| sink.max_record_size(2_400);
    let begun = small(sink(&server));
    for epoch in 1..=4 {
        let epoch_rows = [rows(epoch * 200, epoch * 200 + 90), rows(epoch * 200 + 90, epoch * 200 + 200)];
        let epoch = epoch as u64;
        // The answer is lost after the call took effect.
        server.faults().times("PutRecords", 2, Fault::CutAnswer);
        deliver(&begun, epoch, &epoch_rows).unwrap();
        if epoch == 2 {
            let open = server.shards(STREAM).unwrap();
            server.split(STREAM, &open[0].id).unwrap();
        }
        if epoch == 3 {
            let open: Vec<_> = server.shards(STREAM).unwrap().into_iter().filter(|shard| shard.open).collect();
            server
                .merge(STREAM, &open[1].id, &open[2].id)
                .or_else(|_| server.merge(STREAM, &open[0].id, &open[1].id))
                .unwrap();
        }
        // The whole epoch again, as after a crash: in other batches, and from a build that packs it in another way.
        let whole = arrow::compute::concat_batches(&epoch_rows[0].schema(), &epoch_rows).unwrap();
        deliver(&small(sink(&server)).max_record_size(2_000 + 400 * epoch), epoch, &[whole]).unwrap();
    }
    let seen = foreign(&server).concat();
    assert!(seen.len() >= 1_600, "{}", seen.len());
    let got = ours(&server, 800);
    let mut numbers: Vec<_> = got.iter().map(|text| number(text)).collect();
    assert!(by_user(got.iter()).values().all(|numbers| numbers.is_sorted()), "each key keeps its order");
    numbers.sort_unstable();
    assert_eq!(numbers, (200..1_000).collect::<Vec<_>>());
}

#[test]
fn rows_that_are_spread() {
    let server = server(4);
    let spread_sink = kinesis(STREAM).endpoint(server.endpoint()).key(spread).format(json);
    deliver(&spread_sink, 1, &[rows(0, 1_000)]).unwrap();
    for epoch in 2..200 {
        deliver(&spread_sink, epoch, &[rows(0, 1)]).unwrap();
    }
    deliver(&spread_sink, 1_000, &[rows(0, 1_000)]).unwrap();
    deliver(&spread_sink, 1_000, &[rows(0, 1_000)]).unwrap();
    let plain = spread_sink.stamp(off);
    deliver(&plain, 2_000, &[rows(0, 1_024)]).unwrap();
    let shards: Vec<usize> = foreign(&server).iter().map(Vec::len).collect();
    assert_eq!(shards.iter().sum::<usize>(), 3_000 + 198 + 1_024);
    assert!(shards.iter().all(|rows| *rows > 200), "{shards:?}");
    assert_eq!(ours(&server, 2_000 + 198 + 1_024).len(), 2_000 + 198 + 1_024);
}

#[test]
fn a_hash_key_decides_the_shard() {
    let server = server(2);
    let column: ArrayRef = Arc::new(StringArray::from(vec!["0", "340282366920938463463374607431768211455", "0"]));
    let batch = RecordBatch::try_from_iter([("user", Arc::clone(&column)), ("side", column)]).unwrap();
    let sink = sink(&server).hash_key(&["side"]);
    let Connected::Delivering(mut writer) = sink.connect(&batch.schema()).unwrap() else { panic!("it delivers") };
    writer.deliver(&token(1), &[batch]).unwrap();
    assert_eq!(foreign(&server).iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(ours(&server, 3).len(), 3);
    let none: ArrayRef = Arc::new(StringArray::from(vec!["-1"]));
    let batch = RecordBatch::try_from_iter([("user", Arc::clone(&none)), ("side", none)]).unwrap();
    let error = writer.deliver(&token(2), &[batch]).unwrap_err();
    assert!(error.to_string().contains("the hash_key of a row is `-1`"), "{error}");
}

#[test]
fn calls_are_full_and_keys_fit() {
    let server = server(2);
    let users: ArrayRef = Arc::new((0..3_000).map(|n| Some(format!("{n}"))).collect::<StringArray>());
    let long: ArrayRef = Arc::new((0..3_000).map(|n| (n > 0).then(|| "ü".repeat(n % 400))).collect::<StringArray>());
    let batch = RecordBatch::try_from_iter_with_nullable([("user", users, true), ("side", long, true)]).unwrap();
    let sink = kinesis(STREAM).endpoint(server.endpoint()).key(&["side", "user"]).format(json);
    let Connected::Delivering(mut writer) = sink.connect(&batch.schema()).unwrap() else { panic!("it delivers") };
    writer.deliver(&token(1), &[batch]).unwrap();
    assert_eq!(foreign(&server).concat().len(), 3_000);
    // 3,000 keys are as many records; the last lanes are longer than the others.
    assert!((6..=20).contains(&server.calls("PutRecords")), "{}", server.calls("PutRecords"));
    let large: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(900_000); 12]));
    let users: ArrayRef = Arc::new((0..12).map(|n| Some(format!("{n}"))).collect::<StringArray>());
    let batch = RecordBatch::try_from_iter_with_nullable([("user", users, true), ("side", large, true)]).unwrap();
    server.clear_log();
    let sink = kinesis(STREAM).endpoint(server.endpoint()).key(&["user"]).format(json);
    let Connected::Delivering(mut writer) = sink.connect(&batch.schema()).unwrap() else { panic!("it delivers") };
    writer.deliver(&token(2), &[batch]).unwrap();
    assert_eq!((foreign(&server).concat().len(), server.calls("PutRecords")), (3_012, 3));
}

#[test]
fn what_goes_wrong_is_said() {
    let server = server(1);
    let says = |sink: Kinesis<&'static [&'static str; 1], JsonRow>, kind: Kind, parts: &[&str]| {
        let error = deliver(&sink, 1, &[rows(0, 3)]).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        for part in parts {
            assert!(error.to_string().contains(part), "{error}");
        }
    };
    // Once a call was answered, a denial is taken for one that passes.
    let denied = || server.faults().next("PutRecords", Fault::Error { code: "AccessDeniedException".into() });
    let mut known = writer(&sink(&server));
    known.deliver(&token(1), &[rows(0, 1)]).unwrap();
    denied();
    known.deliver(&token(2), &[rows(0, 1)]).unwrap();
    denied();
    let action = "allow the IAM action kinesis:PutRecords on arn:aws:kinesis:us-east-1:*:stream/out";
    says(sink(&server), Kind::Config, &[action]);
    let key = "allow the IAM action kms:GenerateDataKey on the key that encrypts arn:aws:kinesis:";
    server.faults().times("PutRecords", usize::MAX, Fault::Error { code: "KMSAccessDeniedException".into() });
    says(sink(&server).max_retry_duration(Duration::from_millis(50)), Kind::Config, &[key]);
    server.faults().clear();
    let first = server.shards(STREAM).unwrap().remove(0).id;
    server.faults().on_shard("PutRecords", &first, usize::MAX, Fault::Throttle);
    let throttled = ["no record was taken for 50ms: ProvisionedThroughputExceededException", "more shards"];
    says(sink(&server).max_retry_duration(Duration::from_millis(50)), Kind::Unavailable, &throttled);
    server.faults().clear();
    let unknown = Kinesis { stream: "other".into(), ..sink(&server) };
    says(unknown, Kind::Config, &["PutRecords for sink kinesis `other`: ResourceNotFoundException"]);
    let huge: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1_200_000)]));
    let huge = RecordBatch::try_from_iter([("user", huge)]).unwrap();
    let generous = sink(&server).max_record_size(2 << 20).key(spread);
    let Connected::Delivering(mut generous) = generous.connect(&huge.schema()).unwrap() else { panic!("it delivers") };
    let error = generous.deliver(&token(1), &[huge]).unwrap_err();
    let too_large = "InvalidArgumentException: The record has 1200120 bytes";
    assert!(error.kind() == Kind::Output && error.to_string().contains(too_large), "{error}");
    let large: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(2_000)]));
    let large = RecordBatch::try_from_iter([("user", Arc::clone(&large)), ("n", large)]).unwrap();
    let Connected::Delivering(mut small) = sink(&server).max_record_size(1_024).connect(&large.schema()).unwrap()
    else {
        panic!("it delivers")
    };
    let error = small.deliver(&token(1), &[large]).unwrap_err();
    assert!(
        error.to_string().contains("row 0 of the epoch") && error.to_string().contains("more than 1024"),
        "{error}"
    );

    let schema = rows(0, 1).schema();
    let wrong = |sink: &dyn Sink, words: &str| {
        let error = sink.connect(&schema).err().unwrap();
        assert!(error.kind() == Kind::Config && error.to_string().contains(words), "{error}");
    };
    wrong(&sink(&server).key(&["usr"]), "key names `usr`, which is no column; the columns are user, n, side");
    wrong(&sink(&server).hash_key(&["x"]), "hash_key names `x`, which is no column");
    wrong(&sink(&server).max_record_size(1), "max_record_size is 1 bytes");
    wrong(&kinesis("").key(spread).format(json), "this is no stream");
    wrong(&sink(&server).role_session_name("x"), "role_session_name is given without role_arn");
}
