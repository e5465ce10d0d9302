//! A Kinesis server in the process, for tests of what reads from or writes to Kinesis.
//!
//! It speaks the protocol of the service (JSON 1.1 over HTTP) on a port of 127.0.0.1 that the system chooses, so that
//! the AWS SDK is used against it unchanged: give [`Server::endpoint`] to the consumer under test, or take
//! [`Server::client`]. The same streams can be filled and resharded by direct calls, which go around HTTP and are fast
//! enough for millions of records.
//!
//! ```
//! use millstream::testing::kinesis::{Fault, Server};
//!
//! # fn main() -> millstream::Result<()> {
//! let server = Server::start()?;
//! server.create_stream("clicks", 2)?;
//! let (shard, _) = server.put("clicks", "user-1", r#"{"page":"/"}"#)?;
//!
//! // What a consumer has to live with: the next call is throttled, and the shard is split under its feet.
//! server.faults().next("GetRecords", Fault::Throttle);
//! let children = server.split("clicks", &shard)?;
//! server.put("clicks", "user-1", r#"{"page":"/cart"}"#)?;
//!
//! // Here the consumer under test would run; this one is the AWS SDK by hand.
//! let client = server.client();
//! let read = async {
//!     let iterator = client.get_shard_iterator().stream_name("clicks").shard_id(&shard);
//!     let iterator = iterator.shard_iterator_type("TRIM_HORIZON".into()).send().await.unwrap();
//!     let iterator = iterator.shard_iterator.unwrap();
//!     client.get_records().shard_iterator(iterator).send().await.unwrap()
//! };
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! let page = runtime.block_on(read);
//!
//! assert_eq!(page.records().len(), 1);
//! assert_eq!(page.next_shard_iterator(), None); // the parent is read to its end
//! assert_eq!(page.child_shards()[0].shard_id(), children[0]);
//! assert_eq!(server.calls("GetRecords"), 2); // the SDK tried again after the throttle
//! # Ok(())
//! # }
//! ```
//!
//! What a test can do to a consumer:
//!
//! | | |
//! |---|---|
//! | set the time | [`Server::set_time`], [`Server::put_at`] |
//! | reshard | [`Server::split`], [`Server::merge`], [`Server::reshard`] |
//! | fail, delay or cut calls | [`Server::faults`] |
//! | lose data it has not read | [`Server::trim`], [`Server::expire_shard`] |
//! | expire its iterators | [`Server::advance`] by more than 300 s, [`Fault::ExpiredIterator`] |
//! | limit its rates | [`Server::set_limits`] with [`Limits::service`] |
//! | watch its calls | [`Server::calls`], [`Server::log`] |
//! | pack records as producers do | [`kpl_aggregate`] |
//!
//! # Differences from the service
//!
//! Streams are active and gone at once. Signatures are not checked. Records stay until [`Server::trim`], whatever their
//! age. A closed shard says that it is drained in the answer with its last records ([`Fault::LateEnd`] for the other
//! way). A sequence number of a record that was trimmed gives an iterator at the oldest record that is left, with no
//! error. There is no enhanced fan-out, no encryption, no tags and no consumers; such operations answer
//! `UnknownOperationException`.

mod clock;
mod faults;
mod http;
mod kpl;
mod limits;
mod model;
mod records;
mod refusal;
mod server;
mod state;
mod streams;
mod token;

#[cfg(test)]
mod tests;

pub use faults::{Call, Fault, Faults};
pub use kpl::{kpl_aggregate, kpl_aggregate_with_hash_keys};
pub use limits::Limits;
pub use server::{Server, ShardInfo};
