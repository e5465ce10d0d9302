//! The checkpoint keeps positions as Kafka has them, of a source that knows only the public API: the id of the topic, the
//! partition, the next offset; offsets that are missing, and topics that are not the ones they were.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use millstream::engine::Summary;
use millstream::error::Kind;
use millstream::prelude::*;
use millstream::schema::batch::read_rows;
use millstream_outside::broker::Broker;
use millstream_outside::topic;
use millstream_outside::topic::{OnDataLoss, fail, skip};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::log::last_commit;
use crate::random::Random;

const ORDERS: &str = "orders";

#[derive(StreamSchema, Debug, PartialEq)]
struct Row {
    line: String,
    partition: u32,
    offset: u64,
}

/// A broker, and what a pipeline has read of its topic.
struct World {
    broker: Broker,
    folder: TempDir,
    rows: u64,
}

impl World {
    fn new(partitions: usize) -> Self {
        let broker = Broker::default();
        broker.create(ORDERS, partitions);
        Self { broker, folder: TempDir::new().unwrap(), rows: 1_000 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Reads what is there, in one epoch or in all it takes.
    fn run(&self, trigger: Trigger, on_data_loss: OnDataLoss) -> millstream::Result<Summary> {
        let (broker, out) = (self.broker.clone(), self.path("out").display().to_string());
        let pipeline = pipeline! {
            from topic({broker}, {ORDERS}, on_data_loss = {on_data_loss})
            | decode text
            | select { line, partition = record.partition, offset = record.offset }
            | sink parquet({out})
        };
        pipeline.checkpoint(self.path("checkpoint")).max_rows_per_epoch(self.rows).trigger(trigger).run_blocking()
    }

    /// All that is there, in as many epochs as it takes.
    fn read(&self) -> Summary {
        self.run(Trigger::AvailableNow, fail).unwrap()
    }

    /// The position of a partition, and whether it is known.
    fn position(&self, partition: usize) -> Option<Value> {
        let sources = last_commit(&self.path("checkpoint")).sources;
        sources["source"].partitions.get(&format!("{ORDERS}/{partition}")).map(|position| position.to.clone())
    }

    /// What was written, as `PARTITION/OFFSET LINE`, sorted; each once.
    fn written(&self) -> Vec<String> {
        let mut rows: Vec<(u32, u64, String)> =
            read(&self.path("out")).into_iter().map(|row| (row.partition, row.offset, row.line)).collect();
        rows.sort();
        rows.into_iter().map(|(partition, offset, line)| format!("{partition}/{offset} {line}")).collect()
    }
}

fn read(folder: &Path) -> Vec<Row> {
    let Ok(found) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut rows = Vec::new();
    for file in found {
        let file = std::fs::File::open(file.unwrap().path()).unwrap();
        let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        rows.extend(read_rows::<Row>(&batches.map(Result::unwrap).collect::<Vec<_>>()).unwrap());
    }
    rows
}

#[test]
fn a_position_is_the_next_offset_of_a_partition_of_a_topic() {
    let world = World::new(2);
    let broker = &world.broker;
    broker.put_together(ORDERS, 0, &["a", "b"]);
    broker.abort(ORDERS, 0, 3);
    broker.put(ORDERS, 0, "c");
    broker.put(ORDERS, 1, "d");
    world.read();
    // Behind two records and the marker of their transaction, four offsets of one that was aborted, and a record.
    assert_eq!(world.written(), ["0/0 a", "0/1 b", "0/7 c", "1/0 d"]);
    assert_eq!(world.position(0), Some(json!({"topic_id": "id-1", "next": 8, "n": 3})));
    assert_eq!(world.position(1), Some(json!({"topic_id": "id-1", "next": 1, "n": 1})));
    // Offsets that nobody is given move the position, though there is no row.
    broker.abort(ORDERS, 1, 1);
    assert_eq!(world.read().rows.rows, 0);
    assert_eq!(world.position(1), Some(json!({"topic_id": "id-1", "next": 3, "n": 1})));
    // The record at the position is compacted away before it is read.
    let offset = broker.put(ORDERS, 0, "compacted");
    broker.put(ORDERS, 0, "e");
    broker.compact(ORDERS, 0, offset);
    assert_eq!(world.read().rows.rows, 1);
    assert_eq!(world.written(), ["0/0 a", "0/1 b", "0/7 c", "0/9 e", "1/0 d"]);
    assert_eq!(world.position(0), Some(json!({"topic_id": "id-1", "next": 10, "n": 4})));
    assert_eq!(world.read().epochs, 0);
}

#[test]
fn each_record_is_read_once_whatever_offsets_are_missing_and_wherever_a_run_ends() {
    let mut random = Random(crate::seed() + 31);
    let mut world = World::new(3);
    let (mut expected, mut texts) = (BTreeSet::new(), 0);
    for _ in 0..40 {
        for _ in 0..random.below(12) {
            let partition = random.below(3) as usize;
            let mut text = || {
                texts += 1;
                format!("r{texts}")
            };
            match random.below(5) {
                0 => world.broker.abort(ORDERS, partition, random.below(4) as usize),
                1 => {
                    let texts = [text(), text()];
                    world.broker.put_together(ORDERS, partition, &[&texts[0], &texts[1]]);
                    expected.extend(texts);
                }
                // Written and compacted away before it is read.
                2 => {
                    let offset = world.broker.put(ORDERS, partition, "older");
                    world.broker.compact(ORDERS, partition, offset);
                }
                _ => {
                    let text = text();
                    world.broker.put(ORDERS, partition, &text);
                    expected.insert(text);
                }
            }
        }
        // An epoch of a few rows, and then another process, for which nothing but the checkpoint is left.
        world.rows = 1 + random.below(9);
        world.run(Trigger::Once, fail).unwrap();
    }
    world.read();
    let written: Vec<String> = read(&world.path("out")).into_iter().map(|row| row.line).collect();
    assert_eq!(written.len(), expected.len(), "a row is missing or there twice");
    assert_eq!(written.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn a_topic_that_was_made_again_is_refused_unless_loss_is_accepted() {
    let world = World::new(2);
    let broker = &world.broker;
    for text in ["a", "b", "c"] {
        broker.put(ORDERS, 0, text);
    }
    broker.put(ORDERS, 1, "d");
    world.read();
    let before = last_commit(&world.path("checkpoint"));
    // By its offsets alone it could be taken for the old one: it has more records than were read.
    assert_eq!(broker.create(ORDERS, 1), "id-2");
    for text in ["A", "B", "C", "D", "E"] {
        broker.put(ORDERS, 0, text);
    }
    let error = world.run(Trigger::AvailableNow, fail).unwrap_err();
    assert_eq!(error.kind(), Kind::DataLoss);
    for part in ["`orders`, partition 0", "id-1", "id-2", "on_data_loss = skip"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(last_commit(&world.path("checkpoint")), before);
    assert_eq!(world.written().len(), 4);
    let summary = world.run(Trigger::AvailableNow, skip).unwrap();
    assert_eq!(summary.rows.rows, 5);
    assert_eq!(world.written(), ["0/0 A", "0/0 a", "0/1 B", "0/1 b", "0/2 C", "0/2 c", "0/3 D", "0/4 E", "1/0 d"]);
    // Records are numbered on, and a partition that is no more is forgotten.
    assert_eq!(world.position(0), Some(json!({"topic_id": "id-2", "next": 5, "n": 8})));
    assert_eq!(world.position(1), None);
    // From here on it is the topic, and new partitions are read from their beginning.
    broker.grow(ORDERS, 2);
    broker.put(ORDERS, 1, "F");
    assert_eq!(world.read().rows.rows, 1);
    assert_eq!(world.position(1), Some(json!({"topic_id": "id-2", "next": 1, "n": 1})));
}

#[test]
fn offsets_that_have_expired_are_a_loss() {
    let world = World::new(1);
    for text in ["a", "b"] {
        world.broker.put(ORDERS, 0, text);
    }
    world.read();
    // What was read may go.
    world.broker.expire(ORDERS, 0, 2);
    assert_eq!(world.read().rows.rows, 0);
    for text in ["lost", "lost", "c"] {
        world.broker.put(ORDERS, 0, text);
    }
    world.broker.expire(ORDERS, 0, 4);
    let error = world.run(Trigger::AvailableNow, fail).unwrap_err();
    assert_eq!(error.kind(), Kind::DataLoss);
    assert!(error.to_string().contains("offset 2 is not within 4 and 5"), "{error}");
    world.run(Trigger::AvailableNow, skip).unwrap();
    assert_eq!(world.written(), ["0/0 a", "0/1 b", "0/4 c"]);
}

#[test]
fn a_record_that_cannot_be_decoded_is_named_by_its_offset() {
    let broker = Broker::default();
    broker.create(ORDERS, 1);
    broker.put(ORDERS, 0, "[1]");
    broker.abort(ORDERS, 0, 4);
    broker.put(ORDERS, 0, "{");
    #[derive(StreamSchema)]
    struct Order {
        id: u64,
    }
    let pipeline = pipeline! { from topic({broker}, {ORDERS}) | filter offset > 0 | decode json as Order | select { id } | sink collect() };
    let error = pipeline.trigger(Trigger::AvailableNow).run_blocking().unwrap_err().to_string();
    assert!(error.contains("orders, partition 0, position 6"), "{error}");
}
