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
//! | delete the stream, and create it again | [`Server::delete_stream`], [`Server::create_stream`] |
//! | fail, delay, slow down or cut calls, one by one or at random | [`Server::faults`] |
//! | lose data it has not read | [`Server::trim`], [`Server::expire_shard`], [`Server::set_retention`] |
//! | expire its iterators | [`Server::advance`] by more than 300 s, [`Fault::ExpiredIterator`] |
//! | limit its rates | [`Server::set_limits`] with [`Limits::service`] |
//! | watch its calls | [`Server::calls`], [`Server::log`] |
//! | pack records as producers do | [`kpl_aggregate`] |
//!
//! # Differences from the service
//!
//! Streams are active and gone at once, unless [`Limits::transition`] says otherwise, and a reshard has its effect at the
//! beginning of the transition. Signatures are not checked. A closed shard says that it is drained in the answer with its last records ([`Fault::LateEnd`] for the other
//! way). A sequence number of a record that was trimmed gives an iterator at the oldest record that is left, with no
//! error. There is no encryption and there are no tags, policies or channels; such operations
//! answer `UnknownOperationException`.
//!
//! # Enhanced fan-out
//!
//! SubscribeToShard answers with an event stream, over HTTP/1.1 in chunks, which is what the AWS SDK for Rust asks for where
//! there is no TLS, and over HTTP/2 with prior knowledge, on the same port. Faults of single events are planned for the
//! operation `"SubscribeToShardEvent"`: an error is sent as an exception, a cut ends the connection before or within the
//! event.

mod clock;
mod consumers;
mod faults;
mod http;
mod kpl;
mod limits;
mod model;
mod push;
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
