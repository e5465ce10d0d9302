//! Random histories: puts, reshards, faults, crashes, shards that expire, iterators and subscriptions that run out, in any
//! order, and a restart may change between polling and enhanced fan-out.
//!
//! Each record comes once and each key in order; and the watermark, which closes windows, never passes a record that is to
//! be read: the watermark of the engine, as what the source says of its shards moves it.
//!
//! A history is made of its seed. `MILLSTREAM_HISTORY=17` plays that one alone; `MILLSTREAM_LONG=1` plays ten thousand.
//! What is done is the same each time, when the tasks of the source come to run is not.

use super::super::{ConsumerMode, efo, polling};
use super::*;
use crate::engine::watermark::Partitions;
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

/// With `MILLSTREAM_LONG=1` forty times as many.
const HISTORIES: u64 = 250;
const KEYS: u64 = 12;
/// How far records come out of the order of their event times; and the delay of the watermark.
const DISORDER: Duration = Duration::from_secs(5);

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

/// What was written and what was read of each key.
#[derive(Default)]
struct Model {
    written: BTreeMap<String, u32>,
    read: BTreeMap<String, Vec<u32>>,
    /// The shards that are drained in a commit; later ones may have forgotten them.
    drained: BTreeSet<String>,
    /// The latest event time of all records, in milliseconds.
    latest: u64,
    windows: Windows,
}

/// What the engine has of the watermark.
#[derive(Default)]
struct Windows {
    partitions: Partitions,
    watermark: Option<Timestamp>,
    /// What a commit has of each partition: its latest event time, and whether it is drained.
    committed: Vec<(String, Option<Timestamp>, bool)>,
    /// How often the watermark has moved.
    moves: u64,
}

impl Windows {
    /// The end of an epoch, with the records of it: the watermark that it began with may not be later than any.
    fn turn(&mut self, fetched: &Fetched, got: &[Got]) {
        self.partitions.progress(&fetched.partitions);
        for got in got {
            let (_, time) = parse(&got.text);
            assert!(
                Some(time) >= self.watermark,
                "windows were closed at {:?} before {got:?} was read",
                self.watermark
            );
            self.partitions.observe(got.partition, time);
        }
        self.partitions.forget(&fetched.forgotten);
        let before = self.watermark;
        self.watermark = self.partitions.watermark(DISORDER, before);
        self.moves += u64::from(self.watermark != before);
        let state = |id: &str| self.partitions.max_event_time(id);
        let known = fetched.partitions.iter();
        self.committed = known.map(|shard| (shard.id.clone(), state(&shard.id), shard.drained)).collect();
    }

    /// A start, from the last commit.
    fn restart(&mut self) {
        self.partitions = Partitions::default();
        for (id, time, drained) in &self.committed {
            self.partitions.restore(id, *time, *drained);
        }
    }
}

/// The number of a record among those of its key, and its event time.
fn parse(text: &str) -> (u32, Timestamp) {
    let (number, time) = text.split_once('@').unwrap();
    (number.parse().unwrap(), Timestamp::from_millis(time.parse().unwrap()).unwrap())
}

impl Model {
    /// The next record of a key.
    fn next(&mut self, key: &str, random: &mut Random) -> String {
        let next = self.written.entry(key.to_owned()).or_default();
        *next += 1;
        self.latest += random.below(2_000);
        let time = self.latest.saturating_sub(random.below(DISORDER.as_millis() as u64));
        format!("{}@{time}", *next - 1)
    }

    fn put(&mut self, server: &Server, random: &mut Random) {
        if random.below(2) == 0 {
            // A shard without a record holds the watermark, and there are few keys.
            for shard in server.shards(STREAM).unwrap().into_iter().filter(|shard| shard.open) {
                let text = self.next(&shard.id, random);
                server.put_to_shard(STREAM, &shard.id, &shard.id, text).unwrap();
            }
        }
        for _ in 0..random.below(40) {
            let key = format!("k{}", random.below(KEYS));
            if random.below(10) == 0 {
                let texts = [(); 3].map(|()| self.next(&key, random));
                let records: Vec<_> = texts.iter().map(|text| (key.as_str(), None, text.as_bytes())).collect();
                server.put(STREAM, &key, kpl_aggregate_with_hash_keys(&records)).unwrap();
            } else {
                server.put(STREAM, &key, self.next(&key, random)).unwrap();
            }
        }
    }

    /// Takes what was read up to a commit.
    fn take(&mut self, reading: &Reading, fetched: &Fetched, got: Vec<Got>) {
        self.windows.turn(fetched, &got);
        let drained = reading.resume.partitions.iter().filter(|(_, state)| state.drained);
        self.drained.extend(drained.map(|(id, _)| id.clone()));
        for got in got {
            self.read.entry(got.key).or_default().push(parse(&got.text).0);
        }
    }

    fn is_complete(&self) -> bool {
        let read = |key: &str| self.read.get(key).map_or(0, Vec::len);
        self.written.iter().all(|(key, count)| read(key) >= *count as usize)
    }
}

fn reshard(server: &Server, random: &mut Random) {
    let mut open: Vec<_> = server.shards(STREAM).unwrap().into_iter().filter(|shard| shard.open).collect();
    open.sort_by_key(|shard| shard.starting_hash_key);
    let at = random.below(open.len() as u64) as usize;
    match open.get(at + 1) {
        Some(right) if random.below(2) == 0 || open.len() > 5 => {
            server.merge(STREAM, &open[at].id, &right.id).unwrap();
        }
        _ if open.len() <= 5 => {
            server.split(STREAM, &open[at].id).unwrap();
        }
        _ => {}
    }
}

fn disturb(server: &Server, random: &mut Random) {
    let faults = [
        Fault::Throttle,
        Fault::ExpiredIterator,
        Fault::InternalFailure,
        Fault::CutConnection,
        Fault::CutAnswer,
        Fault::EmptyPage,
        Fault::LateEnd,
        Fault::NoChildShards,
    ];
    let fault = faults[random.below(8) as usize].clone();
    let operations =
        ["GetRecords", "GetRecords", "GetShardIterator", "ListShards", "SubscribeToShard", "SubscribeToShardEvent"];
    let operation = operations[random.below(6) as usize];
    server.faults().times(operation, 1 + random.below(3) as usize, fault);
}

/// The oldest shard goes that is drained in a commit.
fn expire(server: &Server, drained: &BTreeSet<String>) {
    let known = server.shards(STREAM).unwrap();
    let is_known = |id: &String| known.iter().any(|shard| shard.id == *id);
    // Its parents go first, as in the service.
    let has_parent =
        |id: &String| known.iter().any(|shard| shard.id == *id && shard.parent.as_ref().is_some_and(is_known));
    let oldest = drained.iter().filter(|id| is_known(id)).find(|id| !has_parent(id));
    if let Some(id) = oldest {
        server.expire_shard(STREAM, id).unwrap();
    }
}

fn mode(random: &mut Random) -> ConsumerMode {
    if random.below(2) == 0 { polling } else { efo }
}

/// Plays a history, and gives how often the watermark has moved.
async fn history(seed: u64) -> u64 {
    let mut random = Random(seed);
    let server = Server::start().unwrap();
    server.create_stream(STREAM, 1 + random.below(3) as usize).unwrap();
    let mut model = Model::default();
    let pages = 1 + random.below(20) as u32;
    // A silent shard lets the watermark go by the clock of the machine, of which a history has none.
    let first = source(&server).max_records_per_fetch(pages).idle_after(Duration::from_secs(3_600));
    let first = first.consumer_name("test").consumer_mode(mode(&mut random));
    let mut reading = Reading::start(first).await;
    if random.below(4) == 0 {
        let faults = [Fault::Throttle, Fault::CutConnection, Fault::CutAnswer, Fault::EmptyPage];
        server.faults().at_random(seed, 0.05, faults.map(|fault| ("*", fault)));
    }
    for _ in 0..20 + random.below(20) {
        match random.below(12) {
            0..=2 => model.put(&server, &mut random),
            3 => reshard(&server, &mut random),
            4 => disturb(&server, &mut random),
            5 => {
                reading.source = reading.source.consumer_mode(mode(&mut random));
                reading = reading.restart().await;
                model.windows.restart();
            }
            10 => expire(&server, &model.drained),
            11 => server.advance(Duration::from_secs(301)),
            step => {
                let rows = (random.below(2) == 0).then(|| 1 + random.below(20));
                let until = Instant::now() + Duration::from_millis(1 + random.below(15));
                let limits = Limits { rows, until, ..eager() };
                let (fetched, got) = reading.peek(&limits).await.unwrap();
                if step == 6 {
                    // A crash between the fetch and its commit.
                    reading = reading.restart().await;
                    model.windows.restart();
                } else {
                    reading.commit(&fetched);
                    model.take(&reading, &fetched, got);
                }
            }
        }
    }
    // Long enough for a machine with other work; no history waits for it.
    let deadline = Instant::now() + Duration::from_secs(300);
    while !model.is_complete() && Instant::now() < deadline {
        let (fetched, got) = reading.fetch(&eager()).await;
        model.take(&reading, &fetched, got);
    }
    let expected: BTreeMap<_, _> =
        model.written.into_iter().map(|(key, count)| (key, (0..count).collect::<Vec<_>>())).collect();
    assert_eq!(model.read, expected, "history {seed}");
    model.windows.moves
}

#[test]
fn each_record_once_each_key_in_order_and_no_window_too_early() {
    let number = |name: &str| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    if let Some(seed) = number("MILLSTREAM_HISTORY") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        println!("the watermark moved {} times", runtime.block_on(history(seed)));
        return;
    }
    let histories = if number("MILLSTREAM_LONG") == Some(1) { HISTORIES * 40 } else { HISTORIES };
    // Each seed of the gate has histories of its own; a failure names the one that failed.
    let first = number("MILLSTREAM_SEED").unwrap_or(0) * 1_000_000;
    println!("MILLSTREAM_SEED={}", first / 1_000_000);
    let (next, moves) = (AtomicU64::new(first), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + histories {
                        break;
                    }
                    // A panic within has the seed in its message, or is a bug that any seed shows.
                    let played =
                        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(history(seed))));
                    match played {
                        Ok(moved) => moves.fetch_add(moved, Ordering::Relaxed),
                        Err(panic) => {
                            eprintln!("history {seed}: play it alone with MILLSTREAM_HISTORY={seed}");
                            next.store(first + histories, Ordering::Relaxed);
                            std::panic::resume_unwind(panic);
                        }
                    };
                }
            });
        }
    });
    // Or no history could show that it moves too early.
    let moves = moves.into_inner();
    println!("the watermark moved {moves} times in {histories} histories");
    assert!(moves >= 2 * histories, "{moves}");
}
