//! The reader of one shard that the service pushes to: one subscription after the other.
//!
//! A subscription ends after five minutes, or whenever the service likes; the next one goes on where the last event said.
//! Across restarts the place is the one that polling has, the last record that was handed out.

use std::collections::VecDeque;
use std::sync::Arc;

use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::types::{Record, SubscribeToShardEventStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, timeout};

use super::client::{At, Class, Trouble};
use super::consumer::Consumer;
use super::position::{Origin, compare};
use super::quiet::pushed;
use super::reader::{Event, PAGES, Page, Reader, size, unix_time, waits};
use crate::Result;

/// The service says in an event that a shard has ended. Other servers may not: a shard that is closed has ended after so
/// many events in a row that say that nothing is left of it.
const LONG_QUIET: u32 = 10;

/// Why a subscription is over.
enum Over {
    /// Its time has come, or it fell silent.
    Time,
    /// The shard has no more, or nobody listens.
    Shard,
    Failed(Trouble),
}

impl Reader {
    /// Reads until the shard has ended or the source cannot go on.
    pub(super) async fn follow(&mut self, events: &UnboundedSender<Event>, consumer: &Consumer) -> Result<()> {
        let slots = Arc::new(Semaphore::new(PAGES));
        loop {
            self.pace.wait().await;
            let over = match self.subscribe(consumer).await {
                Ok(subscription) => self.listen(consumer, subscription, &slots, events).await,
                Err(trouble) => Over::Failed(trouble),
            };
            let trouble = match over {
                Over::Time => continue,
                Over::Shard => return Ok(()),
                Over::Failed(trouble) => trouble,
            };
            self.counters.quiet.doubt();
            // What the last event said is for convenience; the last record is the truth.
            if trouble.class == Class::Invalid && self.continuation.take().is_some() {
                continue;
            }
            if trouble.class == Class::Missing {
                match consumer.renew(&self.context.client).await {
                    Ok(false) => {}
                    Ok(true) => {
                        // The service takes a while to show a consumer that was registered anew.
                        tokio::time::sleep(self.backoff.next()).await;
                        continue;
                    }
                    Err(trouble) => tracing::debug!(%trouble, "looking for the consumer failed"),
                }
            }
            if !self.goes_on(&trouble, events).await? {
                return Ok(());
            }
        }
    }

    async fn subscribe(&mut self, consumer: &Consumer) -> Result<SubscribeToShardOutput, Trouble> {
        if self.is_doubtful() {
            self.continuation = None;
        }
        (self.checking, self.silent) = (false, false);
        let at = match (&self.continuation, &self.last) {
            _ if self.from_oldest => At::Origin(Origin::TrimHorizon),
            // AT, since a server may mean the record that comes next; what is known is dropped.
            (Some(number), _) => At::Sequence(number),
            // The record itself has to come again, or others after it are lost as well.
            (None, Some(last)) if self.is_doubtful() => {
                self.checking = true;
                At::Sequence(last)
            }
            (None, Some(last)) => At::After(last),
            (None, None) => At::Origin(self.origin),
        };
        let context = &self.context;
        context.client.subscribe(consumer, &self.shard, at, context.options.tuning.attempt).await
    }

    /// Hands on what a subscription brings, until it is over.
    async fn listen(
        &mut self,
        consumer: &Consumer,
        mut subscription: SubscribeToShardOutput,
        slots: &Arc<Semaphore>,
        events: &UnboundedSender<Event>,
    ) -> Over {
        let context = Arc::clone(&self.context);
        let tuning = &context.options.tuning;
        let (mut asked, mut asked_unix) = (Instant::now(), unix_time());
        // Events in a row that say that nothing is left of a shard that is closed.
        let mut quiet = 0;
        loop {
            // What is not taken from the connection is not sent: two events of a shard wait, and one is on its way.
            let Ok(slot) = Arc::clone(slots).acquire_owned().await else { return Over::Shard };
            let event = match timeout(tuning.silence, subscription.event_stream.recv()).await {
                Ok(Ok(Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)))) => event,
                Ok(Ok(Some(_))) => continue,
                Ok(Ok(None)) | Err(_) => return Over::Time,
                Ok(Err(error)) => {
                    let mut trouble = Trouble::new("SubscribeToShard", &error).on(&consumer.arn().into());
                    // Where it began was accepted.
                    if trouble.class == Class::Invalid {
                        trouble.class = Class::Transient;
                    }
                    return Over::Failed(trouble);
                }
            };
            let answered = Instant::now();
            let behind = u64::try_from(event.millis_behind_latest).unwrap_or(0);
            let (mut records, number) = (VecDeque::from(event.records), event.continuation_sequence_number);
            // Some servers name the children in every event of a closed shard: while records come, more may come.
            let named = event.child_shards.is_some_and(|children| !children.is_empty());
            let tip = records.is_empty() && behind == 0;
            quiet = if tip && context.is_closed(&self.shard) { quiet + 1 } else { 0 };
            let ended = number.is_empty() || (named && records.is_empty()) || quiet >= LONG_QUIET;
            match self.check(records.front(), behind > 0 && !ended, ended) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(trouble) => return Over::Failed(trouble),
            }
            self.success();
            // Said before there is room: records that wait for it are no silence.
            let silent = tip && !ended;
            self.note(silent, asked, pushed());
            self.continuation = Some(number).filter(|number| !number.is_empty());
            self.from_oldest = false;
            if tip {
                self.caught_up = Some(asked_unix);
            }
            if !silent || !waits(slots) {
                let bytes = records.iter().map(size).sum::<usize>().clamp(1, context.share() as usize);
                let Ok(room) = Arc::clone(&context.room).acquire_many_owned(bytes as u32).await else {
                    return Over::Shard;
                };
                self.drop_known(&mut records);
                if let Some(record) = records.back() {
                    self.last = Some(record.sequence_number.clone());
                }
                let (room, _slot) = (Some(room), Some(slot));
                let page = Page { records, behind, ended, asked, answered, asked_unix, room, _slot };
                if events.send(Event::Page(self.number, page)).is_err() || ended {
                    return Over::Shard;
                }
            }
            // What comes next was sent after this.
            (asked, asked_unix) = (answered, unix_time());
        }
    }

    /// Whether the last record is still there, when that was in doubt and the subscription began with it; `false` as long
    /// as that is not known.
    fn check(&mut self, first: Option<&Record>, more: bool, ended: bool) -> Result<bool, Trouble> {
        let Some(last) = self.last.as_deref().filter(|_| self.checking) else { return Ok(true) };
        let there = match first {
            Some(record) => compare(&record.sequence_number, last).is_le(),
            // It may be in the next event; one without records alone is no proof.
            None if more || !(std::mem::replace(&mut self.silent, true) || ended) => return Ok(false),
            None => false,
        };
        if !there && !self.nothing_lost() {
            return Err(Trouble::lost(format!("the record {last} is not there any more")));
        }
        self.checking = false;
        self.trust();
        Ok(true)
    }
}
