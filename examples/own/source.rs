//! `from meter()`: a device that keeps a numbered log of what it has measured, and can be asked for the entries from a
//! number on.

use millstream::Result;
use millstream::error::{Error, Kind};
use millstream::source::{
    BoxFuture, Chunk, ChunkSender, Description, Feed, Fetched, Limits, PartitionProgress, Place, Record, Resume, Source,
};
use serde_json::json;

const LOG: [&str; 6] = ["kettle=21.5", "toaster=180.5", "kettle=99", "toaster=90", "kettle=0.5", "toaster=9.5"];

/// `from meter()`
#[must_use]
pub fn meter() -> Meter {
    Meter
}

/// The source [`meter`].
pub struct Meter;

/// An entry of the log: the columns before `decode`, and `record` after it.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// What was measured.
    pub data: &'a [u8],
    /// Its number, from 0.
    pub number: u64,
}
millstream::row!(EntryBuilders, Entry<'_> { data: Vec<u8>, number: u64 });

impl<'a> Record<'a> for Entry<'a> {
    fn place(&self) -> Place {
        Place { source: "meter".into(), partition: "log".into(), position: self.number.to_string(), arrival: None }
    }
}

impl Source for Meter {
    type Record<'a> = Entry<'a>;
    type Meta = ();

    fn record<'a>(chunk: &'a Chunk, (): &'a (), index: usize) -> Entry<'a> {
        Entry { data: chunk.payload(index), number: chunk.first + index as u64 }
    }

    fn describe(&self) -> Description {
        Description { kind: "meter", target: "log".into(), options: Vec::new(), replayable: true, finite: true }
    }

    fn open(&self, resume: Resume) -> BoxFuture<'_, Result<Box<dyn Feed>>> {
        Box::pin(async move {
            // The position of the last commit is what `fetch` said then: the number of the next entry.
            let next = match resume.partitions.get("log") {
                None => 0,
                Some(state) => state.to.as_u64().ok_or_else(|| {
                    Error::new(Kind::Config, format!("the checkpoint's position of the meter is `{}`", state.to))
                        .help("the checkpoint is another pipeline's")
                })?,
            };
            Ok(Box::new(Reading { next }) as Box<dyn Feed>)
        })
    }
}

/// The open source.
struct Reading {
    next: u64,
}

impl Feed for Reading {
    fn fetch<'a>(&'a mut self, limits: &'a Limits, out: &'a mut ChunkSender) -> BoxFuture<'a, Result<Fetched>> {
        Box::pin(async move {
            let from = self.next;
            let rows = limits.rows.map_or(usize::MAX, |rows| usize::try_from(rows).unwrap_or(usize::MAX));
            // What would be a request to the device.
            let entries = LOG.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)).take(rows);
            let payloads: Vec<Vec<u8>> = entries.map(|entry| entry.as_bytes().to_vec()).collect();
            self.next += payloads.len() as u64;
            if !payloads.is_empty() {
                out.send(Chunk { end: json!(self.next), ..Chunk::of(&payloads, from) }).await;
            }
            let drained = self.next >= LOG.len() as u64;
            let progress = PartitionProgress {
                id: "log".into(),
                from: json!(from),
                to: json!(self.next),
                drained,
                ..PartitionProgress::default()
            };
            Ok(Fetched { partitions: vec![progress], exhausted: drained, ..Fetched::default() })
        })
    }
}
