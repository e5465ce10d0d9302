//! How much the server takes and gives.

use std::time::Duration;

/// The limits of the server. The default has the sizes of the service and no rates, so that tests are fast;
/// [`Limits::service`] has the rates as well.
///
/// All rates are per shard. The methods of the server that do not go through HTTP have no limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// GetRecords calls a second. Default: no limit; service: 5.
    pub reads_per_second: Option<u32>,
    /// Bytes that GetRecords gives a second. A larger page is given whole, and the shard refuses to be read until the
    /// time for it has passed. Default: no limit; service: 2 MiB.
    pub read_bytes_per_second: Option<u32>,
    /// GetShardIterator calls a second. Default: no limit; service: 5.
    pub iterators_per_second: Option<u32>,
    /// Records written a second. Default: no limit; service: 1,000.
    pub written_records_per_second: Option<u32>,
    /// Bytes written a second, with partition keys. Default: no limit; service: 1 MiB.
    pub written_bytes_per_second: Option<u32>,
    /// The most records in an answer to GetRecords. Default: 10,000.
    pub page_records: usize,
    /// The most bytes in an answer to GetRecords, data and partition keys. One record is given whatever its size.
    /// Default: 10 MiB.
    pub page_bytes: usize,
    /// The most records in a PutRecords call. Default: 500.
    pub request_records: usize,
    /// The most bytes in a PutRecords call, data and partition keys. Default: 10 MiB.
    pub request_bytes: usize,
    /// How long a shard iterator and a `NextToken` can be used, on the clock of the server. Default: 300 s.
    pub iterator_life: Duration,
    /// How long a subscription lasts, on the clock of the server. Default: 300 s.
    pub subscription_life: Duration,
    /// For how long after a subscription was begun the consumer cannot have another to the same shard, on the clock of
    /// the server. Default: no time; service: 5 s.
    pub resubscription_gap: Duration,
    /// After how long without a record a subscription sends an event without one. Default: 20 ms; service: 5 s.
    pub heartbeat: Duration,
    /// Bytes that a subscription is sent a second. Default: no limit; service: 2 MiB.
    pub pushed_bytes_per_second: Option<u32>,
    /// The most consumers of a stream. Default: 20.
    pub consumers: usize,
    /// How long a stream or consumer is `CREATING`, `UPDATING` or `DELETING`, on the clock of the server. A new one cannot be used
    /// meanwhile; an update has its effect at its beginning. Default: no time; service: some seconds.
    pub transition: Duration,
}

const MIB: u32 = 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            reads_per_second: None,
            read_bytes_per_second: None,
            iterators_per_second: None,
            written_records_per_second: None,
            written_bytes_per_second: None,
            page_records: 10_000,
            page_bytes: 10 * MIB as usize,
            request_records: 500,
            request_bytes: 10 * MIB as usize,
            iterator_life: Duration::from_secs(300),
            subscription_life: Duration::from_secs(300),
            resubscription_gap: Duration::ZERO,
            heartbeat: Duration::from_millis(20),
            pushed_bytes_per_second: None,
            consumers: 20,
            transition: Duration::ZERO,
        }
    }
}

impl Limits {
    /// The limits of the service, rates included: what a consumer has to live with.
    #[must_use]
    pub fn service() -> Self {
        Self {
            reads_per_second: Some(5),
            read_bytes_per_second: Some(2 * MIB),
            iterators_per_second: Some(5),
            written_records_per_second: Some(1_000),
            written_bytes_per_second: Some(MIB),
            resubscription_gap: Duration::from_secs(5),
            heartbeat: Duration::from_secs(5),
            pushed_bytes_per_second: Some(2 * MIB),
            ..Self::default()
        }
    }
}

/// A token bucket that holds one second of its rate and is full at first.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    used: f64,
    at: Duration,
}

impl Bucket {
    /// Whether `amount` more can be taken at `now`; takes nothing.
    pub(super) fn admits(&mut self, rate: Option<u32>, now: Duration, amount: usize) -> bool {
        let Some(rate) = rate else { return true };
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.used = (self.used - passed * f64::from(rate)).max(0.0);
        self.at = now;
        self.used + amount as f64 <= f64::from(rate)
    }

    /// Takes `amount`, even if it is more than there is.
    pub(super) fn take(&mut self, amount: usize) {
        self.used += amount as f64;
    }
}

/// The buckets of a shard, one for each rate in [`Limits`].
#[derive(Debug, Default)]
pub(super) struct Buckets {
    pub(super) reads: Bucket,
    pub(super) read_bytes: Bucket,
    pub(super) iterators: Bucket,
    pub(super) written_records: Bucket,
    pub(super) written_bytes: Bucket,
}
