//! What stands for a broker: topics of partitions, whose logs have the holes that such logs have.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millstream::Result;
use millstream::error::{Error, Kind};

/// A broker in the process; clones are the same one.
#[derive(Clone, Default)]
pub struct Broker(Arc<Mutex<Topics>>);

#[derive(Default)]
struct Topics {
    topics: BTreeMap<String, Topic>,
    /// How many topics were ever made.
    made: u64,
}

struct Topic {
    id: String,
    partitions: Vec<Partition>,
}

#[derive(Clone, Default)]
struct Partition {
    /// The offset of the oldest record that is still there, and that of the next.
    begin: u64,
    end: u64,
    entries: BTreeMap<u64, Entry>,
}

#[derive(Clone)]
enum Entry {
    Record(Vec<u8>),
    /// A record of a transaction that was aborted, or the marker that ends one: an offset that no reader is given.
    Hidden,
}

/// What a reader is told of a partition.
pub struct Page {
    /// The id of the topic, which another topic of the same name does not have.
    pub topic_id: String,
    /// The offset of the oldest record that is still there.
    pub begin: u64,
    /// The offset of the next record to come.
    pub end: u64,
    /// Records with their offsets.
    pub records: Vec<(u64, Vec<u8>)>,
    /// The offset to go on at: behind the last record, and behind what follows it and is given to nobody.
    pub next: u64,
}

impl Broker {
    fn topics(&self) -> MutexGuard<'_, Topics> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a topic, in the place of the one of that name. Gives its id.
    pub fn create(&self, name: &str, partitions: usize) -> String {
        let mut topics = self.topics();
        topics.made += 1;
        let id = format!("id-{}", topics.made);
        let topic = Topic { id: id.clone(), partitions: vec![Partition::default(); partitions] };
        topics.topics.insert(name.to_owned(), topic);
        id
    }

    /// How many partitions a topic has.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn partitions(&self, name: &str) -> Result<usize> {
        self.topics().topics.get(name).map(|topic| topic.partitions.len()).ok_or_else(|| unknown(name))
    }

    /// Adds partitions to a topic.
    pub fn grow(&self, name: &str, partitions: usize) {
        self.with(name, |topic| topic.partitions.resize(partitions, Partition::default()));
    }

    /// Adds a record, and gives its offset.
    pub fn put(&self, name: &str, partition: usize, text: &str) -> u64 {
        self.append(name, partition, Entry::Record(text.as_bytes().to_vec()))
    }

    /// Adds records in a transaction that is committed: its marker takes an offset.
    pub fn put_together(&self, name: &str, partition: usize, texts: &[&str]) {
        for text in texts {
            self.put(name, partition, text);
        }
        self.append(name, partition, Entry::Hidden);
    }

    /// Adds records in a transaction that is aborted: they and its marker take offsets.
    pub fn abort(&self, name: &str, partition: usize, records: usize) {
        for _ in 0..=records {
            self.append(name, partition, Entry::Hidden);
        }
    }

    /// Takes away a record, as compaction does with one whose key was written again. Its offset stays empty.
    pub fn compact(&self, name: &str, partition: usize, offset: u64) {
        self.with(name, |topic| drop(topic.partitions[partition].entries.remove(&offset)));
    }

    /// Takes away all before an offset, as retention does.
    pub fn expire(&self, name: &str, partition: usize, before: u64) {
        self.with(name, |topic| {
            let log = &mut topic.partitions[partition];
            log.entries = log.entries.split_off(&before);
            log.begin = before;
        });
    }

    /// At most `most` records from an offset on, of those before `until`.
    ///
    /// # Errors
    /// There is no such topic or partition.
    pub fn read(&self, name: &str, partition: usize, from: u64, until: u64, most: usize) -> Result<Page> {
        let topics = self.topics();
        let topic = topics.topics.get(name).ok_or_else(|| unknown(name))?;
        let log = topic.partitions.get(partition).ok_or_else(|| unknown(&format!("{name}/{partition}")))?;
        let mut page = Page {
            topic_id: topic.id.clone(),
            begin: log.begin,
            end: log.end,
            records: Vec::new(),
            next: log.end.min(until).max(from),
        };
        for (offset, entry) in log.entries.range(from..until.max(from)) {
            if page.records.len() == most {
                page.next = *offset;
                break;
            }
            if let Entry::Record(data) = entry {
                page.records.push((*offset, data.clone()));
            }
        }
        Ok(page)
    }

    fn append(&self, name: &str, partition: usize, entry: Entry) -> u64 {
        self.with(name, |topic| {
            let log = &mut topic.partitions[partition];
            log.entries.insert(log.end, entry);
            log.end += 1;
            log.end - 1
        })
    }

    fn with<T>(&self, name: &str, change: impl FnOnce(&mut Topic) -> T) -> T {
        let mut topics = self.topics();
        change(
            topics.topics.entry(name.to_owned()).or_insert_with(|| Topic { id: "id-0".into(), partitions: Vec::new() }),
        )
    }
}

fn unknown(name: &str) -> Error {
    Error::new(Kind::Unavailable, format!("the broker has no `{name}`")).help("create it")
}
