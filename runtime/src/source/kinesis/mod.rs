//! `kinesis("stream")`: records from Amazon Kinesis Data Streams.
//!
//! | file | what it is about |
//! |---|---|
//! | `options` | what a user says: [`kinesis`] and [`Kinesis`] |
//! | `record` | [`KinesisRecord`], and how a chunk holds many |
//! | `position` | what a checkpoint keeps of a shard |
//! | `client` | the calls, and what their failures mean |
//! | `pace` | when to call next |
//! | `reader` | one task for each shard: page after page |
//! | `lister` | one task for the list of shards |
//! | `shards` | which shards can be read: parents first |
//! | `feed` | epochs out of pages |
//! | [`kpl`] | records that producers have packed into one |
//!
//! # What is kept
//!
//! Each record is read once, over restarts, expired iterators and resharding: a shard goes on after the sequence number
//! of the last commit. Records of one partition key keep their order, also over a reshard: a shard is read from the
//! first fetch on that follows the one in which the last of its parents was drained, and from its beginning, whatever
//! the option `start` says. All records that a producer has packed into one belong to the same epoch.
//!
//! Two pages of a shard are in memory at most, and in all as many bytes as the option `fetch_buffer_size` allows.

mod client;
mod feed;
pub mod kpl;
mod lister;
mod options;
mod pace;
mod position;
mod reader;
mod record;
mod shards;
#[cfg(test)]
mod tests;

pub use self::options::{Kinesis, OnDataLoss, Start, at, earliest, fail, kinesis, latest, skip, trim_horizon};
pub use self::record::{KinesisMeta, KinesisRecord};
use super::{BoxFuture, Chunk, Description, Feed, Resume, Source};
use crate::Result;

impl Source for Kinesis {
    type Record<'a> = KinesisRecord<'a>;
    type Meta = KinesisMeta;

    #[inline]
    fn record<'a>(chunk: &'a Chunk, meta: &'a KinesisMeta, index: usize) -> KinesisRecord<'a> {
        meta.record(chunk, index)
    }

    fn describe(&self) -> Description {
        let mut options = vec![("start", self.start.to_string())];
        options.extend(self.region.clone().map(|region| ("region", region)));
        options.extend(self.endpoint.clone().map(|endpoint| ("endpoint", endpoint)));
        Description { kind: "kinesis", target: self.stream.clone(), options, replayable: true, finite: false }
    }

    fn test_meta(&self, records: usize) -> Option<KinesisMeta> {
        Some(KinesisMeta::made_up(self.name(), records))
    }

    fn open(&self, resume: Resume) -> BoxFuture<'_, Result<Box<dyn Feed>>> {
        Box::pin(async move { Ok(Box::new(feed::open(self, resume).await?) as Box<dyn Feed>) })
    }
}
