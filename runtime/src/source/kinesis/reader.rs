//! The reader of one shard: a task that fetches page after page and hands them to the feed.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::types::Record;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::client::{At, Class, Client, LARGEST_PAGE, Summary, Trouble};
use super::consumer::Consumer;
use super::options::Kinesis;
use super::pace::{Backoff, Pace};
use super::position::{Origin, compare};
use super::quiet::{Quiet, polled};
use super::shards::Listed;
use crate::Result;
use crate::error::{Error, Kind};
use crate::mutant::{self, Mutant};
use crate::source::order_of;

/// What readers and the lister tell the feed.
pub(super) enum Event {
    /// More of a shard.
    Page(u32, Page),
    /// All shards there are of the stream with this number, as of a call that began at the time. The permit allows the
    /// next list.
    Listed(usize, Vec<Listed>, Instant, OwnedSemaphorePermit),
    /// The source cannot go on.
    Failed(Error),
}

/// An answer to GetRecords.
pub(super) struct Page {
    pub(super) records: VecDeque<Record>,
    pub(super) behind: u64,
    /// Whether the shard has no more.
    pub(super) ended: bool,
    /// When it was asked for.
    pub(super) asked: Instant,
    pub(super) answered: Instant,
    /// The same in seconds since 1970.
    pub(super) asked_unix: i64,
    /// Room in the buffer, as many bytes as the records have, given back when the page has been handed out.
    pub(super) room: Option<OwnedSemaphorePermit>,
    /// The shard's right to have a page.
    pub(super) _slot: Option<OwnedSemaphorePermit>,
}

impl Page {
    /// The end of a shard that is gone with what was not read of it, when the policy is to go on.
    pub(super) fn end() -> Self {
        let now = Instant::now();
        Self {
            records: VecDeque::new(),
            behind: 0,
            ended: true,
            asked: now,
            answered: now,
            asked_unix: unix_time(),
            room: None,
            _slot: None,
        }
    }
}

/// What a reader tells of its shard besides pages: figures for the progress document, counted since the last fetch has told
/// them.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) throttles: AtomicU64,
    pub(super) expired_iterators: AtomicU64,
    /// Whether the last answer said that nothing is left.
    pub(super) quiet: Quiet,
}

/// What all readers of a stream share.
pub(super) struct Context {
    pub(super) client: Client,
    pub(super) options: Kinesis,
    pub(super) summary: Summary,
    pub(super) room: Arc<Semaphore>,
    /// With enhanced fan-out.
    pub(super) consumer: Option<Consumer>,
    /// The shards that the last list says are closed; only with enhanced fan-out.
    pub(super) closed: Mutex<HashSet<String>>,
}

/// Pages of a shard in memory: one that is handed out while the next is fetched.
pub(super) const PAGES: usize = 2;

/// Whether a page of the shard waits to be handed out, besides the one that the reader has a slot for.
///
/// Then one that only says that nothing is left is not sent: it would take the place of the records that come next, and
/// the shard would not be asked until somebody wants records. It is asked all the time, so that it is known whether it
/// is silent.
pub(super) fn waits(slots: &Semaphore) -> bool {
    slots.available_permits() + 1 < PAGES
}

/// After so many answers in a row that there is no such stream or shard, it is believed.
const CERTAIN: u32 = 3;
/// Seconds without a call after which records may have been lost meanwhile.
const LONG_PAUSE: i64 = 3_600;

/// Seconds since 1970.
pub(super) fn unix_time() -> i64 {
    crate::clock::now().secs()
}

impl Context {
    /// Bytes that a call may take in the buffer until its answer is known.
    pub(super) fn share(&self) -> u32 {
        LARGEST_PAGE as u32
    }

    /// Takes from a list which shards are closed, for the readers of subscriptions.
    pub(super) fn note_closed(&self, list: &[Listed]) {
        if self.consumer.is_some() {
            let closed = list.iter().filter(|shard| shard.closed).map(|shard| shard.id.clone()).collect();
            *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = closed;
        }
    }

    pub(super) fn is_closed(&self, shard: &str) -> bool {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).contains(shard)
    }

    /// `stream s`, for errors.
    pub(super) fn place(&self) -> String {
        format!("stream {}", self.client.stream)
    }

    /// An error unless the stream is still the one that was opened. Calls that fail say nothing.
    async fn verify(&self) -> Result<Option<Trouble>> {
        match self.client.describe().await {
            Ok(summary) if summary.identity() == self.summary.identity() => Ok(None),
            Ok(_) => Err(recreated(&self.client.stream)),
            Err(trouble) => Ok(Some(trouble)),
        }
    }
}

/// The stream is another one than that of the checkpoint.
pub(super) fn recreated(stream: &str) -> Error {
    Error::new(Kind::Config, format!("the stream {stream} was deleted and created again"))
        .help("its records are others than the checkpoint knows; start with a new checkpoint")
}

pub(super) struct Reader {
    pub(super) context: Arc<Context>,
    pub(super) number: u32,
    pub(super) shard: Arc<str>,
    pub(super) counters: Arc<Counters>,
    pub(super) origin: Origin,
    /// The last record that was fetched.
    pub(super) last: Option<String>,
    /// Where the last event of a subscription says to go on.
    pub(super) continuation: Option<String>,
    /// A subscription has to begin with the oldest record, as the last one is not known any more.
    pub(super) from_oldest: bool,
    /// A subscription has begun with the last record, to see whether it is still there.
    pub(super) checking: bool,
    /// It has sent an event without a record, at the tip of the shard.
    pub(super) silent: bool,
    /// The last time at which nothing was left to read, in seconds since 1970.
    pub(super) caught_up: Option<i64>,
    /// Whether to check that the last record is still there before going on after it.
    probe: bool,
    iterator: Option<String>,
    pub(super) pace: Pace,
    pub(super) backoff: Backoff,
    /// Since when all calls have failed.
    failing: Option<Instant>,
    /// The last success in seconds since 1970; on the clock of the day, which goes on while the machine sleeps.
    succeeded: Option<i64>,
    missing: u32,
    expired: u32,
}

/// How a reader goes on after a failure.
enum Then {
    Again,
    Wait,
    Leave,
}

impl Reader {
    pub(super) fn new(context: Arc<Context>, (number, shard): (u32, &super::shards::Shard), seed: u64) -> Self {
        let options = &context.options;
        Self {
            number,
            shard: Arc::clone(&shard.id),
            counters: Arc::clone(&shard.counters),
            origin: shard.position.start.unwrap_or(Origin::TrimHorizon),
            last: shard.position.sequence_number.clone(),
            continuation: None,
            from_oldest: false,
            checking: false,
            silent: false,
            caught_up: shard.position.caught_up,
            probe: shard.resumed,
            iterator: None,
            pace: match &context.consumer {
                // A consumer may subscribe to a shard once a second.
                Some(_) if !options.aws.is_local() => Pace::new(Duration::from_secs(1), f64::INFINITY),
                _ => Pace::new(options.min_fetch_period, options.max_fetch_rate * f64::from(1 << 20)),
            },
            backoff: Backoff::new(options.tuning.backoff, seed ^ u64::from(order_of(&shard.id))),
            failing: None,
            succeeded: None,
            missing: 0,
            expired: 0,
            context,
        }
    }

    /// Reads until the shard has ended or the source cannot go on.
    pub(super) async fn run(mut self, events: UnboundedSender<Event>) {
        let context = Arc::clone(&self.context);
        let read = match &context.consumer {
            None => self.read(&events).await,
            Some(consumer) => self.follow(&events, consumer).await,
        };
        if let Err(error) = read {
            // Nobody listens when the source is being closed.
            let _ = events.send(Event::Failed(error));
        }
    }

    async fn read(&mut self, events: &UnboundedSender<Event>) -> Result<()> {
        let slots = Arc::new(Semaphore::new(PAGES));
        let context = Arc::clone(&self.context);
        let period = context.options.min_fetch_period;
        let mut before = None;
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return Ok(()) };
            self.pace.wait().await;
            let Ok(mut room) = Arc::clone(&context.room).acquire_many_owned(context.share()).await else {
                return Ok(());
            };
            let (asked, asked_unix) = (Instant::now(), unix_time());
            let interval = before.replace(asked).map_or(period, |before: Instant| asked - before);
            match self.page().await {
                Ok(mut answer) => {
                    let answered = Instant::now();
                    let bytes = answer.records.iter().map(size).sum();
                    self.pace.took(bytes);
                    // The rest of the room is for others.
                    let rest = (context.share() as usize).saturating_sub(bytes.max(1));
                    drop(room.split(rest));
                    let mut records = VecDeque::from(std::mem::take(&mut answer.records));
                    self.drop_known(&mut records);
                    if let Some(record) = records.back() {
                        self.last = Some(record.sequence_number.clone());
                    }
                    let ended = answer.next_shard_iterator.is_none();
                    let behind = u64::try_from(answer.millis_behind_latest.unwrap_or(0)).unwrap_or(0);
                    let tip = behind == 0 && records.is_empty();
                    if tip {
                        self.caught_up = Some(asked_unix);
                    }
                    self.iterator = answer.next_shard_iterator;
                    let silent = tip && !ended;
                    self.note(silent, asked, polled(interval, period));
                    if silent && waits(&slots) {
                        continue;
                    }
                    let page = Page {
                        records,
                        behind,
                        ended,
                        asked,
                        answered,
                        asked_unix,
                        room: Some(room),
                        _slot: Some(slot),
                    };
                    if events.send(Event::Page(self.number, page)).is_err() || ended {
                        return Ok(());
                    }
                }
                Err(trouble) => {
                    drop((slot, room));
                    if !self.goes_on(&trouble, events).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The next page, from a new iterator if need be.
    async fn page(&mut self) -> Result<GetRecordsOutput, Trouble> {
        let iterator = match self.iterator.take() {
            Some(iterator) => iterator,
            None => self.begin().await?,
        };
        let answer = self.context.client.records(&iterator, self.context.options.max_records_per_fetch).await;
        match &answer {
            Ok(_) => self.success(),
            Err(trouble) if matches!(trouble.class, Class::Expired | Class::Invalid | Class::Missing) => {}
            Err(_) => self.iterator = Some(iterator),
        }
        answer
    }

    /// Says whether nothing is left, by an answer to what was asked at this time.
    pub(super) fn note(&self, silent: bool, asked: Instant, believed: Duration) {
        if silent {
            self.counters.quiet.prove(asked, believed, self.last.as_deref());
        } else {
            self.counters.quiet.doubt();
        }
    }

    pub(super) fn success(&mut self) {
        self.backoff.reset();
        self.failing = None;
        self.succeeded = Some(unix_time());
        (self.missing, self.expired) = (0, 0);
    }

    /// An iterator after the last record, or at the start if there is none.
    async fn begin(&mut self) -> Result<String, Trouble> {
        let client = &self.context.client;
        let Some(last) = self.last.clone() else {
            return client.iterator(&self.shard, At::Origin(self.origin)).await;
        };
        // The service says nothing when records after the last one were lost: it goes on with what is left.
        if self.is_doubtful() {
            if !self.is_there(&last).await? && !self.nothing_lost() {
                let message = format!("the record {last} is not there any more");
                return Err(Trouble::lost(message));
            }
            self.trust();
        }
        self.context.client.iterator(&self.shard, At::After(&last)).await
    }

    /// Whether records may have been lost since the last one.
    pub(super) fn is_doubtful(&self) -> bool {
        self.probe || self.succeeded.is_some_and(|at| unix_time() - at > LONG_PAUSE)
    }

    /// The last record is followed by the next one, as far as we know.
    pub(super) fn trust(&mut self) {
        (self.probe, self.succeeded) = (false, Some(unix_time()));
    }

    /// Whether the record with this sequence number can still be read.
    async fn is_there(&mut self, last: &str) -> Result<bool, Trouble> {
        let context = Arc::clone(&self.context);
        let mut iterator = context.client.iterator(&self.shard, At::Sequence(last)).await?;
        loop {
            self.pace.wait().await;
            let answer = context.client.records(&iterator, 1).await?;
            if let Some(record) = answer.records.first() {
                return Ok(compare(&record.sequence_number, last).is_le());
            }
            match answer.next_shard_iterator {
                Some(next) if answer.millis_behind_latest.unwrap_or(0) > 0 => iterator = next,
                _ => return Ok(false),
            }
        }
    }

    /// Whether all that is gone was read: at a time from which on the stream keeps its records, nothing was left.
    pub(super) fn nothing_lost(&self) -> bool {
        // An hour for the clocks of others and for the service, which removes a little early.
        let kept = i64::try_from(self.context.summary.retention.as_secs()).unwrap_or(i64::MAX) - 3_600;
        self.caught_up.is_some_and(|time| time > unix_time().saturating_sub(kept))
    }

    /// Records that were handed out before are not handed out again, whatever the service does.
    pub(super) fn drop_known(&self, records: &mut VecDeque<Record>) {
        if let Some(last) = self.last.as_ref().filter(|_| !mutant::is(Mutant::ResumeAt)) {
            while records.front().is_some_and(|record| compare(&record.sequence_number, last).is_le()) {
                records.pop_front();
            }
        }
    }

    /// `shard shardId-000000000000 of stream s`, for errors.
    fn place(&self) -> String {
        format!("shard {} of {}", self.shard, self.context.place())
    }

    /// Does what is to be done about a call that failed; whether there is something left to read.
    pub(super) async fn goes_on(&mut self, trouble: &Trouble, events: &UnboundedSender<Event>) -> Result<bool> {
        match self.judge(trouble).await? {
            Then::Again => {}
            Then::Wait => tokio::time::sleep(self.backoff.next()).await,
            Then::Leave => {
                let _ = events.send(Event::Page(self.number, Page::end()));
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn judge(&mut self, trouble: &Trouble) -> Result<Then> {
        let counters = &self.counters;
        counters.quiet.doubt();
        tracing::debug!(shard = %self.shard, %trouble, "a call to Kinesis failed");
        match trouble.class {
            Class::Expired => {
                counters.expired_iterators.fetch_add(1, Relaxed);
                self.expired += 1;
                // A new iterator that is too old at once is no reason to hurry.
                return Ok(if self.expired > 2 { Then::Wait } else { Then::Again });
            }
            Class::Throttled => {
                counters.throttles.fetch_add(1, Relaxed);
                // The service answers: however long it does so, it is not away.
                self.failing = None;
                return Ok(Then::Wait);
            }
            Class::Missing => {
                self.missing += 1;
                let whole = self.context.verify().await?;
                if self.missing >= CERTAIN {
                    match whole {
                        None => return self.lost("the shard is not there any more"),
                        Some(trouble) if trouble.class == Class::Missing => {
                            return Err(trouble.error(&self.context.place()));
                        }
                        Some(_) => {}
                    }
                }
            }
            Class::Lost => {
                self.trust();
                self.lost(&trouble.to_string())?;
                return Ok(Then::Again);
            }
            Class::Invalid if self.last.is_some() && trouble.is_about_start() => {
                self.context.verify().await?;
                if !self.nothing_lost() {
                    self.lost(&trouble.to_string())?;
                }
                // What is left of the shard: all of it comes after the last record, or is dropped.
                if self.context.consumer.is_some() {
                    (self.from_oldest, self.probe) = (true, false);
                    return Ok(Then::Again);
                }
                match self.context.client.iterator(&self.shard, At::Origin(Origin::TrimHorizon)).await {
                    Ok(iterator) => (self.iterator, self.probe) = (Some(iterator), false),
                    Err(_) => return Ok(Then::Wait),
                }
                return Ok(Then::Again);
            }
            Class::Denied | Class::Untrusted if self.succeeded.is_none() => return Err(trouble.error(&self.place())),
            Class::Denied | Class::Untrusted | Class::Transient | Class::Invalid | Class::Busy => {}
        }
        if self.failing.get_or_insert_with(Instant::now).elapsed() > self.context.options.tuning.patience {
            return Err(trouble.error(&self.place()));
        }
        Ok(Then::Wait)
    }

    /// Records of the shard are gone that were not read.
    fn lost(&self, what: &str) -> Result<Then> {
        lost(&self.context, &self.shard, self.last.as_deref(), what).map(|()| Then::Leave)
    }
}

/// Stops, or says that records are lost, as the option `on_data_loss` wants.
pub(super) fn lost(context: &Context, shard: &str, last: Option<&str>, what: &str) -> Result<()> {
    let (place, after) = (context.place(), last.unwrap_or("its beginning"));
    if context.options.on_data_loss.0 {
        tracing::warn!(shard, after, what, "records of {place} are lost");
        return Ok(());
    }
    let hours = context.summary.retention.as_secs() / 3_600;
    let message = format!("shard {shard} of {place}: records after {after} may be lost: {what}");
    Err(Error::new(Kind::DataLoss, message).help(format!(
        "the stream keeps records for {hours} hours; to go on with what is left set `on_data_loss = skip`"
    )))
}

/// The bytes of a record that count.
pub(super) fn size(record: &Record) -> usize {
    record.data.as_ref().len() + record.partition_key().map_or(0, str::len)
}
