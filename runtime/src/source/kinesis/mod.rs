//! `kinesis("stream")`: records from Amazon Kinesis Data Streams.
//!
//! | file | what it is about |
//! |---|---|
//! | `options` | what a user says: [`kinesis`] and [`Kinesis`] |
//! | `record` | [`KinesisRecord`], and how a chunk holds many |
//! | `position` | what a checkpoint keeps of a shard |
//! | `client` | the calls, and what their failures mean |
//! | `wire` | their form: the SDK's, with a quicker reader for answers to GetRecords |
//! | `pace` | when to call next |
//! | `reader` | one task for each shard: page after page |
//! | `follow` | the same by enhanced fan-out: event after event |
//! | `consumer` | the consumer that enhanced fan-out pushes to |
//! | `lister` | one task for the list of shards |
//! | `shards` | which shards can be read: parents first |
//! | `streams` | the streams of a source, and where their shards begin |
//! | `feed` | epochs out of pages |
//! | `report` | how far each shard is, and its figures |
//! | `seen` | what was read of the rows of millstream's own sinks |
//! | [`kpl`] | records that producers have packed into one |
//!
//! # What is kept
//!
//! Each record is read once, over restarts, expired iterators and resharding: a shard goes on after the sequence number
//! of the last commit. Records of one partition key keep their order, also over a reshard: a shard is read from the
//! first fetch on that follows the one in which the last of its parents was drained, and from its beginning, whatever
//! the option `start` says. All records that a producer has packed into one belong to the same epoch.
//!
//! Two pages of a shard are in memory at most, and in all as many bytes as the option `fetch_buffer_size` allows; with
//! enhanced fan-out, one event of each shard more.

pub(crate) mod client;
mod consumer;
mod feed;
mod follow;
pub mod kpl;
mod lister;
mod options;
pub(crate) mod pace;
mod position;
mod quiet;
mod reader;
mod record;
mod report;
mod seen;
mod shards;
mod streams;
#[cfg(test)]
mod tests;
mod wire;

pub use self::options::{
    ConsumerMode, IntoStreams, Kinesis, OnDataLoss, Start, after, at, earliest, efo, fail, kinesis, latest, polling,
    skip, trim_horizon,
};
pub use self::record::{KinesisMeta, KinesisRecord};
use super::{BoxFuture, Chunk, Description, Feed, Resume, Source};
use crate::Result;
pub use crate::setting::IntoText;

impl Source for Kinesis {
    type Record<'a> = KinesisRecord<'a>;
    type Meta = KinesisMeta;

    #[inline]
    fn record<'a>(chunk: &'a Chunk, meta: &'a KinesisMeta, index: usize) -> KinesisRecord<'a> {
        meta.record(chunk, index)
    }

    fn describe(&self) -> Description {
        let mut options = vec![("start", self.start.to_string())];
        if self.consumer_mode == efo {
            options.push(("consumer_mode", "efo".to_owned()));
        }
        options.extend(self.aws.region.clone().map(|region| ("region", region)));
        options.extend(self.aws.endpoint.clone().map(|endpoint| ("endpoint", endpoint)));
        options.extend(self.aws.role_arn.clone().map(|role| ("role_arn", role)));
        Description {
            kind: "kinesis",
            target: self.each().map(|one| one.stream).collect::<Vec<_>>().join(", "),
            options,
            replayable: true,
            finite: false,
        }
    }

    fn test_meta(&self, records: usize) -> Option<KinesisMeta> {
        Some(KinesisMeta::made_up(self.name(), records))
    }

    fn open(&self, resume: Resume) -> BoxFuture<'_, Result<Box<dyn Feed>>> {
        Box::pin(async move { Ok(Box::new(feed::open(self, resume).await?) as Box<dyn Feed>) })
    }
}
