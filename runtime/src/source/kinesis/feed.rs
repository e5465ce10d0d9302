//! Epochs out of the pages of all shards.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::LARGEST_PAGE;
use super::options::Kinesis;
use super::position::Origin;
use super::reader::{Event, Reader};
use super::record::{Packer, arrival, belonging};
use super::shards::{Shard, State};
use super::streams::{self, Stream};
use super::{kpl, lister, report};
use crate::Result;
use crate::error::{Error, Kind};
use crate::source::{BoxFuture, Chunk, ChunkSender, Feed, Fetched, Limits, Resume};
use crate::time::Timestamp;

/// A chunk holds no more bytes than this, however large its page; its places have 32 bits.
const CHUNK: usize = 64 << 20;
/// For so long the children of a shard that was drained are looked for at the shortest interval.
const CHILDREN_EXPECTED: Duration = Duration::from_secs(60);

pub(super) struct KinesisFeed {
    pub(super) streams: Vec<Stream>,
    events: UnboundedReceiver<Event>,
    sender: UnboundedSender<Event>,
    /// The readers and the lister; they end when this is dropped.
    tasks: JoinSet<()>,
    seed: u64,
    /// The shard that comes first in the next round.
    turn: u32,
    /// The time after which nothing is wanted, if there is one: on the clock of arrivals and on ours.
    present: Option<(Timestamp, Instant)>,
    /// A fetch has begun and not ended.
    broken: bool,
}

/// Opens the streams and lists their shards.
pub(super) async fn open(options: &Kinesis, mut resume: Resume) -> Result<KinesisFeed> {
    let now = crate::clock::now();
    let seed = now.micros() as u64;
    let streams = streams::open(options, &mut resume, now, seed).await?;
    let (sender, events) = unbounded_channel();
    let mut tasks = JoinSet::new();
    for (number, stream) in streams.iter().enumerate() {
        let poke = (number, Arc::clone(&stream.poke));
        tasks.spawn(lister::run(Arc::clone(&stream.context), poke, sender.clone(), !seed));
    }
    Ok(KinesisFeed { streams, events, sender, tasks, seed, turn: 0, present: None, broken: false })
}

/// What a fetch has taken so far.
struct Epoch {
    bytes: usize,
    rows: u64,
    records: u64,
    /// The most rows of a shard.
    quota: u64,
    /// What [`ChunkSender::send`] said.
    listening: bool,
}

/// How far a round of handing out came.
enum Round {
    Nothing,
    Something,
    Full,
}

impl KinesisFeed {
    fn absorb(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Page(number, page) => {
                let ended = page.ended;
                if let Some(shard) = streams::shard_of(&mut self.streams, number) {
                    shard.pages.push_back(page);
                }
                if ended && let Some(stream) = self.streams.get(streams::stream_of(number)) {
                    stream.poke.notify_one();
                }
            }
            Event::Listed(stream, list, asked, permit) => {
                if let Some(stream) = self.streams.get_mut(stream) {
                    stream.update(list, Origin::TrimHorizon, asked)?;
                }
                drop(permit);
                self.look_for_children();
            }
            Event::Failed(error) => return Err(error),
        }
        Ok(())
    }

    /// Those that are not drained.
    fn shards(&self) -> impl Iterator<Item = &Shard> {
        self.streams.iter().flat_map(|stream| stream.shards.active().map(|(_, shard)| shard))
    }

    /// Asks for a list if a shard has ended whose children are not known.
    fn look_for_children(&self) {
        let Some(since) = Instant::now().checked_sub(CHILDREN_EXPECTED) else { return };
        for stream in self.streams.iter().filter(|stream| stream.shards.orphaned(since)) {
            stream.poke.notify_one();
        }
    }

    /// Starts the readers of the shards whose turn has come.
    fn start_readers(&mut self) {
        for stream in &mut self.streams {
            for number in stream.shards.ready() {
                let partition = stream.partition(number);
                let seen = stream.shards.inherited(number);
                if let Some(shard) = stream.shards.get_mut(number) {
                    shard.state = State::Reading;
                    shard.active = Instant::now();
                    shard.position.seen.inherit(&seen);
                    let reader = Reader::new(Arc::clone(&stream.context), (partition, shard), self.seed);
                    self.tasks.spawn(reader.run(self.sender.clone()));
                }
            }
        }
    }

    /// Whether a shard waits that can be read.
    fn is_any_ready(&self) -> bool {
        self.streams.iter().any(|stream| !stream.shards.ready().is_empty())
    }

    /// The partitions that have pages, beginning with the one whose turn it is.
    fn in_turn(&self) -> Vec<u32> {
        let partitions = |stream: &Stream| {
            let full = stream.shards.active().filter(|(_, shard)| !shard.pages.is_empty());
            full.map(|(number, _)| stream.partition(number)).collect()
        };
        let mut all: Vec<u32> = self.streams.iter().flat_map::<Vec<u32>, _>(partitions).collect();
        let first = all.partition_point(|number| *number < self.turn);
        all.rotate_left(first);
        all
    }

    /// The arrival time after which records wait for slower shards, if there is such a time.
    fn horizon(&self) -> Option<Timestamp> {
        let skew = self.streams.first()?.context.options.max_shard_skew?;
        let fronts = self.shards().filter(|shard| shard.is_open()).map(Shard::front);
        let slowest = fronts.filter_map(|front| front.time()).min()?;
        // A reader that found no room for its page would wait for ever.
        let room = self.streams.first().map_or(0, |stream| stream.context.room.available_permits());
        (room >= LARGEST_PAGE).then_some(slowest + skew)
    }

    /// Hands out one page of each shard that has one.
    async fn round(&mut self, limits: &Limits, epoch: &mut Epoch, out: &mut ChunkSender) -> Round {
        let (mut round, horizon) = (Round::Nothing, self.horizon());
        for number in self.in_turn() {
            let Some(stream) = self.streams.get(streams::stream_of(number)) else { continue };
            let name = Arc::clone(&stream.name);
            let shard = streams::shard_of(&mut self.streams, number).filter(|shard| shard.is_open());
            let Some(shard) = shard else { continue };
            let waits = horizon.is_some_and(|horizon| shard.front().time().is_some_and(|front| front > horizon));
            if shard.taken >= epoch.quota || waits {
                continue;
            }
            self.turn = number + 1;
            let before = (epoch.records, shard.pages.len());
            let Some(chunk) = hand_out(&name, number, shard, limits, epoch, self.present) else {
                if epoch.is_full(limits) {
                    return Round::Full;
                }
                if before != (epoch.records, shard.pages.len()) || !shard.is_open() {
                    round = Round::Something;
                }
                continue;
            };
            round = Round::Something;
            epoch.listening = out.send(chunk).await;
            if !epoch.listening || epoch.is_full(limits) {
                return Round::Full;
            }
        }
        round
    }

    /// Whether nothing more can come in this fetch, however long it waits.
    fn is_settled(&self, epoch: &Epoch) -> bool {
        // A page that waits now is one that does not fit any more.
        let gives = |shard: &Shard| shard.is_open() && shard.taken < epoch.quota && shard.pages.is_empty();
        if self.shards().any(gives) {
            return false;
        }
        let stopped_by_quota = self.shards().any(Shard::is_open);
        stopped_by_quota || self.is_any_ready() || self.is_exhausted()
    }

    /// Whether all that was there when the present was declared has been handed out.
    pub(super) fn is_exhausted(&self) -> bool {
        let ended = |stream: &Stream| {
            stream.shards.iter().all(|(_, shard)| match shard.state {
                State::Drained => stream.shards.children_listed(shard),
                State::Reading => shard.done,
                State::Waiting => true,
            })
        };
        self.present.is_some() && !self.is_any_ready() && self.streams.iter().all(ended)
    }

    async fn collect(&mut self, limits: &Limits, out: &mut ChunkSender) -> Result<()> {
        self.start_readers();
        let mut open = 0;
        for stream in &mut self.streams {
            for (_, shard) in stream.shards.iter_mut() {
                (shard.taken, shard.bytes) = (0, 0);
                open += u64::from(shard.is_open());
            }
        }
        let quota = limits.rows.map_or(u64::MAX, |rows| rows.div_ceil(open.max(1)).max(1));
        let mut epoch = Epoch { bytes: 0, rows: 0, records: 0, quota, listening: true };
        let until = Instant::from_std(limits.until);
        let mut asleep = false;
        loop {
            while let Ok(event) = self.events.try_recv() {
                self.absorb(event)?;
            }
            match self.round(limits, &mut epoch, out).await {
                Round::Full => break,
                Round::Something if Instant::now() < until => {
                    // Readers share the thread.
                    tokio::task::yield_now().await;
                    continue;
                }
                Round::Something => break,
                Round::Nothing => {}
            }
            if asleep || self.is_settled(&epoch) || (limits.eager && epoch.records > 0) {
                break;
            }
            tokio::select! {
                event = self.events.recv() => {
                    if let Some(event) = event {
                        self.absorb(event)?;
                    }
                }
                Some(ended) = self.tasks.join_next() => {
                    if ended.is_err_and(|error| error.is_panic()) {
                        let message = format!("a reader of {} panicked", self.place());
                        return Err(Error::new(Kind::Internal, message).help("this is a bug in millstream"));
                    }
                }
                () = tokio::time::sleep_until(until) => asleep = true,
            }
        }
        Ok(())
    }

    /// `stream s`, for errors.
    fn place(&self) -> String {
        self.streams.iter().map(|stream| stream.context.place()).collect::<Vec<_>>().join(", ")
    }
}

impl Epoch {
    fn is_full(&self, limits: &Limits) -> bool {
        (self.records > 0 && self.bytes >= limits.bytes) || limits.rows.is_some_and(|rows| self.rows >= rows)
    }
}

/// A chunk of the first page of a shard, as much as the limits allow; none if it has no user record.
fn hand_out(
    stream: &Arc<str>,
    partition: u32,
    shard: &mut Shard,
    limits: &Limits,
    epoch: &mut Epoch,
    present: Option<(Timestamp, Instant)>,
) -> Option<Chunk> {
    let mut page = shard.pages.pop_front()?;
    if page.records.is_empty() {
        shard.behind = Some(page.behind);
        let caught_up = page.behind == 0;
        let late = present.is_some_and(|(_, at)| page.asked >= at);
        shard.ends_seen = if caught_up && late { shard.ends_seen + 1 } else { 0 };
        // Some servers say once that nothing is left when there is.
        shard.done = shard.ends_seen >= 2;
        if caught_up && shard.position.sequence_number.is_some() {
            let hour = page.asked_unix.div_euclid(3_600) * 3_600;
            if shard.position.caught_up.is_none_or(|known| known < hour) {
                shard.position.caught_up = Some(hour);
            }
        }
    }
    let first = shard.position.n;
    let rows_left = limits.rows.unwrap_or(u64::MAX);
    let bytes = page.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits).min(CHUNK);
    let mut packer = Packer::new(stream, &shard.id, page.records.len(), bytes);
    while let Some(record) = page.records.front() {
        if present.is_some_and(|(time, _)| arrival(record) > time) {
            shard.done = true;
            break;
        }
        let aggregate = kpl::open(record.data.as_ref());
        let repeated = aggregate.as_ref().map_or(0, |aggregate| shard.position.seen.repeated(aggregate));
        let rows = aggregate.as_ref().map_or(1, |aggregate| belonging(aggregate, shard.range, repeated) as u64);
        // An aggregate that is larger than any share has to go as a whole at some time: when it is the first.
        let over = shard.taken + rows > epoch.quota && shard.taken > 0;
        let over_all = epoch.rows + rows > rows_left && epoch.rows > 0 && !(shard.taken == 0 && rows > epoch.quota);
        let full = epoch.bytes >= limits.bytes && epoch.records > 0;
        if over || over_all || full || packer.len() >= CHUNK {
            break;
        }
        match &aggregate {
            Some(aggregate) => {
                packer.aggregate(record, aggregate, shard.range, repeated);
                shard.position.seen.took(aggregate, shard.position.n);
            }
            None => packer.plain(record),
        }
        epoch.bytes += record.data.as_ref().len();
        shard.bytes += record.data.as_ref().len() as u64;
        (epoch.rows, epoch.records) = (epoch.rows + rows, epoch.records + 1);
        (shard.taken, shard.position.n) = (shard.taken + rows, shard.position.n + rows);
        if let Some(record) = page.records.pop_front() {
            shard.reached = Some(arrival(&record));
            shard.position.sequence_number = Some(record.sequence_number);
            shard.position.start = None;
        }
        shard.ends_seen = 0;
    }
    let ended = (page.ended && page.records.is_empty()).then_some(page.answered);
    if page.records.is_empty() {
        shard.behind = Some(page.behind);
    } else {
        shard.pages.push_front(page);
    }
    let (data, spans, meta) = packer.finish();
    let end = shard.position.value();
    if !spans.is_empty() {
        shard.active = Instant::now();
    }
    if let Some(ended) = ended {
        shard.drain(ended);
    }
    let order = shard.order;
    (!spans.is_empty()).then(|| Chunk { partition, data, spans, meta: Box::new(meta), end, order, first })
}

impl Feed for KinesisFeed {
    fn fetch<'a>(&'a mut self, limits: &'a Limits, out: &'a mut ChunkSender) -> BoxFuture<'a, Result<Fetched>> {
        Box::pin(async move {
            if std::mem::replace(&mut self.broken, true) {
                let message = format!("a fetch of {} was given up half way", self.place());
                return Err(Error::new(Kind::Internal, message).help("open the source again"));
            }
            self.look_for_children();
            self.collect(limits, out).await?;
            self.broken = false;
            Ok(report::of(self))
        })
    }

    fn identity(&self) -> Value {
        streams::joined(&self.streams, Stream::identity)
    }

    fn starts(&self) -> Value {
        streams::joined(&self.streams, Stream::starts)
    }

    fn since(&self) -> Option<Timestamp> {
        self.streams.iter().filter_map(Stream::since).min()
    }

    fn longest(&self) -> Option<Duration> {
        self.streams.first().and_then(|stream| stream.context.options.max_fetch_duration)
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.tasks.shutdown().await;
            for context in self.streams.iter().map(|stream| &stream.context) {
                if let Some(consumer) = &context.consumer
                    && context.options.require_consumer_deregistration
                    && let Err(trouble) = context.client.deregister(consumer).await
                {
                    tracing::warn!(%trouble, "the consumer of {} stays registered", context.place());
                }
            }
        })
    }

    fn stop_at_present(&mut self) {
        self.present.get_or_insert((crate::clock::now(), Instant::now()));
        // Children that have come by now are those of shards that end before now.
        for stream in &self.streams {
            stream.poke.notify_one();
        }
    }
}
