//! The server as a test sees it.

use super::faults::{Call, Faults};
use super::http;
use super::limits::Limits;
use super::model::{REGION, Shard, Stream, hash_key, shard_id};
use super::refusal::Refusal;
use super::state::{Shared, State};
use crate::error::{Error, Result};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::config::{BehaviorVersion, Config, Credentials, Region};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// A Kinesis server on a thread of its own, from [`Server::start`] until it is dropped; see the
/// [module](super) for an example.
///
/// Its methods go around HTTP, its [limits](Limits) and its [faults](Server::faults), and can be called from any thread
/// and inside or outside of an async runtime. They fail as the service would, with the code of the service in the
/// message.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

/// A shard as it is at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardInfo {
    /// `shardId-` and twelve digits.
    pub id: String,
    /// The shard this one was split from, or the first of the two it was merged from.
    pub parent: Option<String>,
    /// The second of the two shards this one was merged from.
    pub adjacent_parent: Option<String>,
    /// The first hash key of its range.
    pub starting_hash_key: u128,
    /// The last hash key of its range; it is in the range.
    pub ending_hash_key: u128,
    /// Whether it can be written to: it was neither split nor merged.
    pub open: bool,
    /// How many records can be read from it.
    pub records: usize,
}

impl Server {
    /// Starts a server without streams.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::error::Kind::Io) if there is no port or no thread to be had.
    pub fn start() -> Result<Self> {
        Self::start_on(0)
    }

    /// As [`Server::start`], on a port of the caller's choice.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::error::Kind::Io) if the port is taken.
    pub fn start_on(port: u16) -> Result<Self> {
        let failed = |error| Error::io("starting a Kinesis server on 127.0.0.1", error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::new(Shared::new());
        let serving = Arc::clone(&shared);
        let serve = move || {
            runtime.block_on(async {
                if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                    http::serve(listener, serving, stopped).await;
                }
            });
        };
        let thread = std::thread::Builder::new().name("kinesis-server".to_owned()).spawn(serve).map_err(failed)?;
        Ok(Self { shared, address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An AWS client for this server: plain HTTP, made-up credentials, short waits between tries.
    #[must_use]
    pub fn client(&self) -> Client {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(Duration::from_secs(10))
            .operation_timeout(Duration::from_secs(60))
            .build();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .endpoint_url(self.endpoint())
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(10)))
            .build();
        Client::from_conf(config)
    }

    /// Creates a stream with `shards` open shards of equal ranges of hash keys; it can be used at once.
    ///
    /// # Errors
    ///
    /// If there is a stream of this name, if the name is not valid, without a shard, or with more than 10,000.
    pub fn create_stream(&self, name: &str, shards: usize) -> Result<()> {
        Ok(self.shared.lock().create(name, shards, false)?)
    }

    /// Deletes a stream with all its records.
    ///
    /// # Errors
    ///
    /// If there is no stream of this name.
    pub fn delete_stream(&self, name: &str) -> Result<()> {
        Ok(self.shared.lock().delete(name)?)
    }

    /// Writes a record that arrives now; gives the id of its shard and its sequence number.
    ///
    /// # Errors
    ///
    /// If there is no such stream.
    pub fn put(&self, stream: &str, partition_key: &str, data: impl Into<Vec<u8>>) -> Result<(String, String)> {
        let now = self.time();
        self.put_at(stream, partition_key, data, now)
    }

    /// As [`Server::put`], with the arrival time in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// If there is no such stream.
    pub fn put_at(&self, stream: &str, key: &str, data: impl Into<Vec<u8>>, arrival: i64) -> Result<(String, String)> {
        self.edit(stream, |stream, now| {
            let shard = stream.route(hash_key(key));
            let sequence = stream.append(shard, key.to_owned(), data.into(), [arrival, now]);
            Ok((shard_id(shard), stream.sequence_number(sequence)))
        })
    }

    /// Writes a record to an open shard of the test's choice, whatever the hash of its partition key; gives its
    /// sequence number.
    ///
    /// # Errors
    ///
    /// If there is no such stream or shard, or if the shard is closed.
    pub fn put_to_shard(&self, stream: &str, shard: &str, key: &str, data: impl Into<Vec<u8>>) -> Result<String> {
        self.edit(stream, |stream, now| {
            let found = stream.shard(shard)?;
            if found.closed.is_some() {
                return Err(Refusal::invalid(format!("Shard {shard} in stream {} is closed", stream.name)));
            }
            let number = found.number;
            let sequence = stream.append(number, key.to_owned(), data.into(), [now; 2]);
            Ok(stream.sequence_number(sequence))
        })
    }

    /// Writes many records, pairs of partition key and data, and gives their number. The fastest way to fill a stream.
    ///
    /// # Errors
    ///
    /// If there is no such stream.
    pub fn put_all<K, D>(&self, stream: &str, records: impl IntoIterator<Item = (K, D)>) -> Result<usize>
    where
        K: Into<String>,
        D: Into<Vec<u8>>,
    {
        self.edit(stream, |stream, now| {
            let mut count = 0;
            for (key, data) in records {
                let key = key.into();
                stream.append(stream.route(hash_key(&key)), key, data.into(), [now; 2]);
                count += 1;
            }
            Ok(count)
        })
    }

    /// Splits an open shard in the middle of its range; gives the ids of the two children, the lower range first.
    ///
    /// # Errors
    ///
    /// If there is no such stream or shard, or if the shard is closed.
    pub fn split(&self, stream: &str, shard: &str) -> Result<[String; 2]> {
        self.edit(stream, |stream, now| {
            let found = stream.shard(shard)?;
            let middle = (found.first_hash + (found.last_hash - found.first_hash) / 2).saturating_add(1);
            stream.split(shard, middle, now).map(|children| children.map(shard_id))
        })
    }

    /// Merges two open shards whose ranges touch; gives the id of the child.
    ///
    /// # Errors
    ///
    /// If there is no such stream or shard, if one is closed, or if their ranges do not touch.
    pub fn merge(&self, stream: &str, shard: &str, adjacent: &str) -> Result<String> {
        self.edit(stream, |stream, now| stream.merge(shard, adjacent, now).map(shard_id))
    }

    /// Splits and merges until `target` shards of equal ranges are open, as UpdateShardCount does.
    ///
    /// # Errors
    ///
    /// If there is no such stream, or if `target` is 0.
    pub fn reshard(&self, stream: &str, target: usize) -> Result<()> {
        self.edit(stream, |stream, now| match target {
            0 => Err(Refusal::invalid("TargetShardCount must be greater than 0.")),
            _ => stream.reshard(target, now),
        })
    }

    /// Removes the oldest records of a shard, at most `count`, as if their retention had passed; gives how many.
    ///
    /// # Errors
    ///
    /// If there is no such stream or shard.
    pub fn trim(&self, stream: &str, shard: &str, count: usize) -> Result<usize> {
        self.edit(stream, |stream, _| {
            let records = &mut stream.shard_mut(shard)?.records;
            Ok(records.drain(..count.min(records.len())).count())
        })
    }

    /// Forgets a closed shard with all its records, as if the retention of the last had passed: it is in no list any
    /// more, and reading it answers `ResourceNotFoundException`.
    ///
    /// # Errors
    ///
    /// If there is no such stream or shard, or if the shard is open.
    pub fn expire_shard(&self, stream: &str, shard: &str) -> Result<()> {
        self.edit(stream, |stream, _| {
            let found = stream.shard_mut(shard)?;
            if found.closed.is_none() {
                return Err(Refusal::invalid(format!("Shard {shard} is open; only closed shards expire")));
            }
            found.expired = true;
            found.records.clear();
            Ok(())
        })
    }

    /// How long a stream keeps its records, in hours, from 1 on; records that are older go at once. Default: 24.
    /// Retention follows the clock of the server, and counts from the time a record was written, whatever the arrival
    /// time it was given.
    ///
    /// # Errors
    ///
    /// If there is no such stream.
    pub fn set_retention(&self, stream: &str, hours: u32) -> Result<()> {
        self.edit(stream, |stream, now| {
            stream.retention_hours = hours.max(1);
            stream.age(now);
            Ok(())
        })
    }

    /// The shards of a stream, open and closed, in the order they were made in.
    ///
    /// # Errors
    ///
    /// If there is no such stream.
    pub fn shards(&self, stream: &str) -> Result<Vec<ShardInfo>> {
        self.edit(stream, |stream, _| {
            Ok(stream.shards.iter().filter(|shard| !shard.expired).map(ShardInfo::of).collect())
        })
    }

    /// The faults of this server, to plan some.
    #[must_use]
    pub fn faults(&self) -> Faults<'_> {
        Faults { shared: &self.shared }
    }

    /// How many calls of an operation, such as `"GetRecords"`, came over HTTP, those that failed included. As
    /// `"SubscribeToShardEvent"` the events of all subscriptions count.
    #[must_use]
    pub fn calls(&self, operation: &str) -> u64 {
        self.shared.lock().log.counts.get(operation).copied().unwrap_or(0)
    }

    /// The calls that came over HTTP, the oldest first; the last 100,000 of them.
    #[must_use]
    pub fn log(&self) -> Vec<Call> {
        self.shared.lock().log.calls.iter().cloned().collect()
    }

    /// Empties [`Server::log`] and sets [`Server::calls`] to 0.
    pub fn clear_log(&self) {
        self.shared.lock().log = Default::default();
    }

    /// Sets the limits; the default is [`Limits::default`].
    pub fn set_limits(&self, limits: Limits) {
        self.shared.lock().limits = limits;
    }

    /// Stops the clock of the server at `now`, milliseconds since 1970. Arrival times, the age of iterators and
    /// `MillisBehindLatest` follow this clock, the rates of [`Limits`] do not.
    pub fn set_time(&self, now: i64) {
        self.shared.lock().clock.set(Some(now));
    }

    /// Moves the clock of the server on, and stops it there.
    pub fn advance(&self, by: Duration) {
        let clock = &mut self.shared.lock().clock;
        let now = clock.now().saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
        clock.set(Some(now));
    }

    /// The time on the clock of the server, milliseconds since 1970.
    #[must_use]
    pub fn time(&self) -> i64 {
        self.shared.lock().clock.now()
    }

    fn edit<T>(&self, stream: &str, edit: impl FnOnce(&mut Stream, i64) -> Result<T, Refusal>) -> Result<T> {
        let state: &mut State = &mut self.shared.lock();
        let now = state.clock.now();
        Ok(edit(state.stream_mut(stream)?, now)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl ShardInfo {
    fn of(shard: &Shard) -> Self {
        Self {
            id: shard_id(shard.number),
            parent: shard.parent.map(shard_id),
            adjacent_parent: shard.adjacent_parent.map(shard_id),
            starting_hash_key: shard.first_hash,
            ending_hash_key: shard.last_hash,
            open: shard.closed.is_none(),
            records: shard.records.len(),
        }
    }
}
