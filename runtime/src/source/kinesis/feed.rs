//! Epochs out of the pages of all shards.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::Client;
use super::consumer::Consumer;
use super::kpl;
use super::lister::{self, persist};
use super::options::Kinesis;
use super::position::{Origin, Position};
use super::reader::{Context, Counters, Event, Reader, lost, recreated};
use super::record::{Packer, arrival, belonging};
use super::shards::{Shard, Shards, State};
use crate::Result;
use crate::error::{Error, Kind};
use crate::source::{BoxFuture, Chunk, ChunkSender, Feed, Fetched, Limits, PartitionState, Resume};
use crate::time::Timestamp;

/// A chunk holds no more bytes than this, however large its page; its places have 32 bits.
const CHUNK: usize = 64 << 20;
/// For so long the children of a shard that was drained are looked for at the shortest interval.
const CHILDREN_EXPECTED: Duration = Duration::from_secs(60);

pub(super) struct KinesisFeed {
    context: Arc<Context>,
    stream: Arc<str>,
    origin: Origin,
    shards: Shards,
    events: UnboundedReceiver<Event>,
    sender: UnboundedSender<Event>,
    poke: Arc<Notify>,
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

/// Opens the stream and lists its shards.
pub(super) async fn open(options: &Kinesis, resume: Resume) -> Result<KinesisFeed> {
    options.check()?;
    let now = crate::clock::now();
    let seed = now.micros() as u64;
    let client = Client::new(options).await?;
    let tuning = options.tuning;
    let summary = persist(&client, &tuning, seed, |client| Box::pin(client.describe())).await?;
    if let Some(identity) = resume.identity.as_ref().filter(|identity| !identity.is_null()) {
        if identity.get("stream_arn") != summary.identity().get("stream_arn") {
            let known = identity.get("stream_arn").and_then(Value::as_str).unwrap_or("another stream");
            return Err(Error::new(Kind::Config, format!("the checkpoint is of {known}, and not of {}", summary.arn))
                .help("give each stream a checkpoint of its own"));
        }
        if *identity != summary.identity() {
            return Err(recreated(&client.stream));
        }
    }
    let origin = match resume.starts.as_ref().and_then(Value::as_str) {
        Some(start) => Origin::try_from(start.to_owned())?,
        None => options.start.resolve(now)?,
    };
    let consumer = match options.consumer_mode.0 {
        true => {
            let name = options.consumer(resume.pipeline.as_deref())?;
            Some(Consumer::open(&client, &tuning, seed, &summary.arn, name).await?)
        }
        false => None,
    };
    let room = usize::try_from(options.fetch_buffer_size).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
    let context = Arc::new(Context {
        options: options.clone(),
        summary,
        room: Arc::new(Semaphore::new(room)),
        counters: Counters::default(),
        consumer,
        closed: Mutex::default(),
        client,
    });
    let (sender, events) = unbounded_channel();
    let mut feed = KinesisFeed {
        stream: context.client.stream.as_str().into(),
        context,
        origin,
        shards: Shards::default(),
        events,
        sender,
        poke: Arc::new(Notify::new()),
        tasks: JoinSet::new(),
        seed,
        turn: 0,
        present: None,
        broken: false,
    };
    feed.restore(resume.partitions).await?;
    let lister = lister::run(Arc::clone(&feed.context), Arc::clone(&feed.poke), feed.sender.clone(), !seed);
    feed.tasks.spawn(lister);
    Ok(feed)
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
    /// The shards of a checkpoint and those the service lists.
    async fn restore(&mut self, partitions: BTreeMap<String, PartitionState>) -> Result<()> {
        let first = partitions.is_empty();
        for (id, state) in partitions {
            let position =
                if state.drained { Position::default() } else { Position::parse(&state.to, &self.stream, &id)? };
            self.shards.resume(&id, position, state.drained, state.parents);
        }
        let (asked, context) = (Instant::now(), Arc::clone(&self.context));
        let tuning = &context.options.tuning;
        let list = persist(&context.client, tuning, self.seed, |client| Box::pin(client.list())).await?;
        // Shards that came after the first start are children, and begin at their beginning.
        let origin = if first { self.origin } else { Origin::TrimHorizon };
        self.update(list, origin, asked)
    }

    fn update(&mut self, list: Vec<super::shards::Listed>, origin: Origin, asked: Instant) -> Result<()> {
        self.context.note_closed(&list);
        for number in self.shards.update(list, origin, asked) {
            if let Some(shard) = self.shards.get_mut(number) {
                let last = shard.position.sequence_number.as_deref();
                lost(&self.context, &shard.id, last, "the shard is not there any more")?;
                shard.drain(asked);
            }
        }
        Ok(())
    }

    fn absorb(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Page(number, page) => {
                if page.ended {
                    self.poke.notify_one();
                }
                if let Some(shard) = self.shards.get_mut(number) {
                    shard.pages.push_back(page);
                }
            }
            Event::Listed(list, asked, permit) => {
                self.update(list, Origin::TrimHorizon, asked)?;
                drop(permit);
                self.look_for_children();
            }
            Event::Failed(error) => return Err(error),
        }
        Ok(())
    }

    /// Asks for a list if a shard has ended whose children are not known.
    fn look_for_children(&self) {
        let since = Instant::now().checked_sub(CHILDREN_EXPECTED);
        if since.is_some_and(|since| self.shards.orphaned(since)) {
            self.poke.notify_one();
        }
    }

    /// Starts the readers of the shards whose turn has come.
    fn start_readers(&mut self) {
        for number in self.shards.ready() {
            if let Some(shard) = self.shards.get_mut(number) {
                shard.state = State::Reading;
                shard.active = Instant::now();
                let reader = Reader::new(Arc::clone(&self.context), (number, shard), self.seed);
                self.tasks.spawn(reader.run(self.sender.clone()));
            }
        }
    }

    /// Hands out one page of each shard that has one.
    async fn round(&mut self, limits: &Limits, epoch: &mut Epoch, out: &mut ChunkSender) -> Round {
        let mut round = Round::Nothing;
        for number in self.shards.in_turn(self.turn) {
            let Some(shard) = self.shards.get_mut(number).filter(|shard| shard.is_open()) else { continue };
            if shard.pages.is_empty() || shard.taken >= epoch.quota {
                continue;
            }
            self.turn = number + 1;
            let before = (epoch.records, shard.pages.len());
            let Some(chunk) = hand_out(&self.stream, number, shard, limits, epoch, self.present) else {
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
        if self.shards.iter().any(|(_, shard)| gives(shard)) {
            return false;
        }
        let stopped_by_quota = self.shards.iter().any(|(_, shard)| shard.is_open());
        stopped_by_quota || !self.shards.ready().is_empty() || self.is_exhausted()
    }

    /// Whether all that was there when the present was declared has been handed out.
    fn is_exhausted(&self) -> bool {
        self.present.is_some()
            && self.shards.ready().is_empty()
            && self.shards.iter().all(|(_, shard)| match shard.state {
                State::Drained => self.shards.children_listed(shard),
                State::Reading => shard.done,
                State::Waiting => true,
            })
    }

    async fn collect(&mut self, limits: &Limits, out: &mut ChunkSender) -> Result<Epoch> {
        self.start_readers();
        let mut open = 0;
        for (_, shard) in self.shards.iter_mut() {
            shard.taken = 0;
            open += u64::from(shard.is_open());
        }
        let quota = limits.rows.map_or(u64::MAX, |rows| rows.div_ceil(open.max(1)).max(1));
        let mut epoch = Epoch { bytes: 0, rows: 0, records: 0, quota, listening: true };
        let longest = self.context.options.max_fetch_duration.map(|duration| Instant::now() + duration);
        let until = Instant::from_std(limits.until);
        let until = longest.map_or(until, |longest| longest.min(until));
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
                        let message = format!("a reader of {} panicked", self.context.place());
                        return Err(Error::new(Kind::Internal, message).help("this is a bug in millstream"));
                    }
                }
                () = tokio::time::sleep_until(until) => asleep = true,
            }
        }
        Ok(epoch)
    }

    fn report(&mut self, epoch: &Epoch) -> Fetched {
        let context = &self.context;
        let idle_after = context.options.idle_after;
        let exhausted = self.is_exhausted();
        let mut metrics = BTreeMap::new();
        let behind: Vec<f64> = self
            .shards
            .iter()
            .filter(|(_, shard)| shard.state == State::Reading)
            .filter_map(|(_, shard)| Some(shard.behind? as f64))
            .collect();
        if !behind.is_empty() {
            metrics.insert("avgMsBehindLatest".to_owned(), behind.iter().sum::<f64>() / behind.len() as f64);
            metrics.insert("maxMsBehindLatest".to_owned(), behind.iter().copied().fold(0.0, f64::max));
            metrics.insert("minMsBehindLatest".to_owned(), behind.iter().copied().fold(f64::INFINITY, f64::min));
        }
        let closed = self.shards.iter().filter(|(_, shard)| shard.state == State::Drained).count();
        let counters = &context.counters;
        for (name, figure) in [
            ("numTotalShards", self.shards.iter().count() as f64),
            ("numClosedShards", closed as f64),
            ("numProcessedBytes", epoch.bytes as f64),
            ("numProcessedRecords", epoch.rows as f64),
            ("throttles", counters.throttles.swap(0, Relaxed) as f64),
            ("expiredIterators", counters.expired_iterators.swap(0, Relaxed) as f64),
        ] {
            metrics.insert(name.to_owned(), figure);
        }
        let forgotten = self.shards.forget(context.options.tuning.memory);
        let awaited = self.shards.childless();
        let report = |(number, shard): (u32, &mut Shard)| shard.report(number, idle_after, &awaited);
        let partitions = self.shards.iter_mut().map(report).collect();
        Fetched { partitions, forgotten, exhausted, full: false, metrics }
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
        shard.caught_up = page.behind == 0;
        let late = present.is_some_and(|(_, at)| page.asked >= at);
        shard.ends_seen = if shard.caught_up && late { shard.ends_seen + 1 } else { 0 };
        // Some servers say once that nothing is left when there is.
        shard.done = shard.ends_seen >= 2;
        if shard.caught_up && shard.position.sequence_number.is_some() {
            let hour = page.asked_unix.div_euclid(3_600) * 3_600;
            if shard.position.caught_up.is_none_or(|known| known < hour) {
                shard.position.caught_up = Some(hour);
            }
        }
    }
    let first = shard.position.n;
    let rows_left = limits.rows.unwrap_or(u64::MAX);
    let mut packer = Packer::new(stream, &shard.id, page.records.len());
    while let Some(record) = page.records.front() {
        if present.is_some_and(|(time, _)| arrival(record) > time) {
            shard.done = true;
            break;
        }
        let aggregate = kpl::open(record.data.as_ref());
        let rows = aggregate.as_ref().map_or(1, |aggregate| belonging(aggregate, shard.range) as u64);
        // An aggregate that is larger than any share has to go as a whole at some time: when it is the first.
        let over = shard.taken + rows > epoch.quota && shard.taken > 0;
        let over_all = epoch.rows + rows > rows_left && epoch.rows > 0 && !(shard.taken == 0 && rows > epoch.quota);
        let full = epoch.bytes >= limits.bytes && epoch.records > 0;
        if over || over_all || full || packer.len() >= CHUNK {
            break;
        }
        match &aggregate {
            Some(aggregate) => packer.aggregate(record, aggregate, shard.range),
            None => packer.plain(record),
        }
        epoch.bytes += record.data.as_ref().len();
        (epoch.rows, epoch.records) = (epoch.rows + rows, epoch.records + 1);
        (shard.taken, shard.position.n) = (shard.taken + rows, shard.position.n + rows);
        if let Some(record) = page.records.pop_front() {
            shard.position.sequence_number = Some(record.sequence_number);
            shard.position.start = None;
        }
        (shard.caught_up, shard.ends_seen) = (false, 0);
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
                let message = format!("a fetch of {} was given up half way", self.context.place());
                return Err(Error::new(Kind::Internal, message).help("open the source again"));
            }
            self.look_for_children();
            let epoch = self.collect(limits, out).await?;
            self.broken = false;
            Ok(self.report(&epoch))
        })
    }

    fn identity(&self) -> Value {
        self.context.summary.identity()
    }

    fn starts(&self) -> Value {
        Value::String(self.origin.to_string())
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.tasks.shutdown().await;
            let context = &self.context;
            let Some(consumer) = &context.consumer else { return };
            if context.options.require_consumer_deregistration
                && let Err(trouble) = context.client.deregister(consumer).await
            {
                tracing::warn!(%trouble, "the consumer of {} stays registered", context.place());
            }
        })
    }

    fn stop_at_present(&mut self) {
        self.present.get_or_insert((crate::clock::now(), Instant::now()));
        // Children that have come by now are those of shards that end before now.
        self.poke.notify_one();
    }
}
