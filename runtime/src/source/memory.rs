//! `memory([..])`: records from memory, for tests.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    BoxFuture, Buffers, Chunk, ChunkSender, Description, Feed, Fetched, Limits, PartitionProgress, Place, Record,
    Resume, Source,
};
use crate::error::{Error, Kind};
use crate::{Result, clock};

/// Records from memory, one after the other. The source ends with the last one.
///
/// ```
/// let source = millstream::source::memory(["{\"n\": 1}", "{\"n\": 2}"]);
/// ```
pub fn memory<T: Into<Vec<u8>>>(records: impl IntoIterator<Item = T>) -> Memory {
    Memory { records: records.into_iter().map(Into::into).collect() }
}

/// The source [`memory`].
#[derive(Debug, Clone)]
pub struct Memory {
    records: Arc<[Vec<u8>]>,
}

/// A record of [`memory`].
#[derive(Debug, Clone, Copy)]
pub struct MemoryRecord<'a> {
    /// The payload.
    pub data: &'a [u8],
    /// Its number, from 0.
    pub index: u64,
}

crate::row!(MemoryBuilders, MemoryRecord<'_> { data: Vec<u8>, index: u64 });

impl<'a> Record<'a> for MemoryRecord<'a> {
    fn place(&self) -> Place {
        Place { source: "memory".into(), partition: "memory".into(), position: self.index.to_string(), arrival: None }
    }
}

impl Source for Memory {
    type Record<'a> = MemoryRecord<'a>;
    type Meta = ();

    #[inline]
    fn record<'a>(chunk: &'a Chunk, (): &'a (), index: usize) -> MemoryRecord<'a> {
        MemoryRecord { data: chunk.payload(index), index: chunk.first + index as u64 }
    }

    fn describe(&self) -> Description {
        Description {
            kind: "memory",
            target: "memory".to_owned(),
            options: vec![("records", self.records.len().to_string())],
            replayable: true,
            finite: true,
        }
    }

    fn test_meta(&self, _records: usize) -> Option<()> {
        Some(())
    }

    fn open(&self, resume: Resume) -> BoxFuture<'_, Result<Box<dyn Feed>>> {
        let next = match resume.partitions.get("memory") {
            None => Ok(0),
            Some(state) => state.to.as_u64().and_then(|next| usize::try_from(next).ok()).ok_or_else(|| {
                Error::new(Kind::Config, format!("the checkpoint's position of the source `memory` is `{}`", state.to))
                    .help("it must be a record's number; the checkpoint is another pipeline's")
            }),
        };
        let records = Arc::clone(&self.records);
        Box::pin(async move { Ok(Box::new(MemoryFeed { records, next: next? }) as Box<dyn Feed>) })
    }
}

struct MemoryFeed {
    records: Arc<[Vec<u8>]>,
    next: usize,
}

/// Bytes in a chunk.
const CHUNK: usize = 1 << 20;

impl Feed for MemoryFeed {
    fn fetch<'a>(&'a mut self, limits: &'a Limits, out: &'a mut ChunkSender) -> BoxFuture<'a, Result<Fetched>> {
        Box::pin(async move {
            let from = self.next;
            let rows = limits.rows.map_or(usize::MAX, |rows| usize::try_from(rows).unwrap_or(usize::MAX));
            let stop = self.records.len().min(from.saturating_add(rows));
            let mut bytes = 0;
            while self.next < stop && bytes < limits.bytes && (bytes == 0 || clock::monotonic() < limits.until) {
                let Buffers { data, spans } = out.buffers();
                let mut chunk = Chunk {
                    partition: 0,
                    data,
                    spans,
                    meta: Box::new(()),
                    end: Value::Null,
                    order: 0,
                    first: self.next as u64,
                };
                for record in self.records.iter().take(stop).skip(self.next) {
                    let start = chunk.data.len() as u32;
                    chunk.data.extend_from_slice(record);
                    chunk.spans.push((start, chunk.data.len() as u32));
                    self.next += 1;
                    if chunk.data.len() >= CHUNK {
                        break;
                    }
                }
                bytes += chunk.data.len().max(1);
                chunk.end = json!(self.next);
                if !out.send(chunk).await {
                    break;
                }
            }
            let ended = self.next >= self.records.len();
            let progress = PartitionProgress {
                partition: 0,
                id: "memory".to_owned(),
                from: json!(from),
                to: json!(self.next),
                drained: ended,
                idle: false,
                ms_behind: None,
                parents: Vec::new(),
                hash_range: None,
            };
            Ok(Fetched { partitions: vec![progress], exhausted: ended, ..Fetched::default() })
        })
    }
}
