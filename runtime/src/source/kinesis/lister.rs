//! The task that lists the shards of a stream: now and then, and soon when one has ended.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::client::{Class, Client, Trouble};
use super::options::Tuning;
use super::pace::Backoff;
use super::reader::{Context, Event};
use crate::Result;
use crate::source::BoxFuture;

/// Lists until the feed is gone or the source cannot go on; at once whenever `poke` is notified.
pub(super) async fn run(
    context: Arc<Context>,
    (stream, poke): (usize, Arc<Notify>),
    events: UnboundedSender<Event>,
    seed: u64,
) {
    let tuning = &context.options.tuning;
    let mut backoff = Backoff::new(tuning.backoff, seed);
    // One list at a time waits for the feed, which may be away for long.
    let slots = Arc::new(Semaphore::new(1));
    let (mut asked, mut failing, mut missing) = (Instant::now(), None::<Instant>, 0);
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        tokio::select! {
            () = poke.notified() => {}
            () = tokio::time::sleep(tuning.refresh) => {}
        }
        tokio::time::sleep_until(asked + context.options.shard_fetch_interval).await;
        let mut slot = Some(slot);
        while let Some(permit) = slot.take() {
            asked = Instant::now();
            let trouble = match context.client.list().await {
                Ok(list) => {
                    (failing, missing) = (None, 0);
                    backoff.reset();
                    if events.send(Event::Listed(stream, list, asked, permit)).is_err() {
                        return;
                    }
                    continue;
                }
                Err(trouble) => trouble,
            };
            tracing::debug!(%trouble, "listing the shards failed");
            match trouble.class {
                // The service answers: however long it does so, it is not away.
                Class::Throttled => failing = None,
                Class::Missing => missing += 1,
                _ => {}
            }
            if missing > 4 || failing.get_or_insert_with(Instant::now).elapsed() > tuning.patience {
                let _ = events.send(Event::Failed(trouble.error(&context.place())));
                return;
            }
            // The service had no answer: the next call waits longer.
            tokio::time::sleep(backoff.next()).await;
            slot = Some(permit);
        }
    }
}

/// Makes one of the first calls, again and again for a while if there is hope.
pub(super) async fn persist<'a, T>(
    client: &'a Client,
    tuning: &Tuning,
    seed: u64,
    call: impl Fn(&'a Client) -> BoxFuture<'a, Result<T, Trouble>> + Send,
) -> Result<T> {
    let (start, mut backoff) = (Instant::now(), Backoff::new(tuning.backoff, seed));
    loop {
        let trouble = match call(client).await {
            Ok(answer) => return Ok(answer),
            Err(trouble) => trouble,
        };
        let hopeless = matches!(trouble.class, Class::Denied | Class::Untrusted | Class::Missing | Class::Invalid);
        if hopeless || start.elapsed() > tuning.start_patience {
            return Err(trouble.error(&format!("stream {}", client.stream)));
        }
        tracing::debug!(%trouble, "a first call to Kinesis failed");
        // The wait grows with each answer that is none.
        tokio::time::sleep(backoff.next()).await;
    }
}
