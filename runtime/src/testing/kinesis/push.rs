//! A subscription: event after event, as frames of an event stream.

use super::consumers::Begin;
use super::faults::Fault;
use super::http::Format;
use super::limits::Bucket;
use super::model::{Record, Sequence, shard_id};
use super::records::{self, page};
use super::refusal::Refusal;
use super::state::{Shared, State};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How often a shard without news is looked at.
const LOOK: Duration = Duration::from_millis(3);
/// The most bytes of records in an event, unless the first record alone has more.
const EVENT_BYTES: usize = 1024 * 1024;
/// What faults of single events are planned for.
const EVENT: &str = "SubscribeToShardEvent";

pub(super) struct Subscription {
    shared: Arc<Shared>,
    begin: Begin,
    format: Format,
    /// What was said last about where to go on.
    continuation: Option<Sequence>,
    paid: Bucket,
    said: Duration,
    /// The last event should have been the end, and was not.
    lingers: bool,
    state: Progress,
}

#[derive(PartialEq, Eq)]
enum Progress {
    New,
    Going,
    Ended,
}

/// The next thing to send.
pub(super) enum Pushed {
    Frame(Vec<u8>),
    /// Half of the frame, and then the connection is cut.
    Half(Vec<u8>),
    Cut,
    End,
}

/// What a look at the shard comes to.
enum Look {
    Nothing,
    Event(Vec<u8>, Option<Fault>),
    Exception(Refusal),
    End,
}

impl Subscription {
    pub(super) fn new(shared: Arc<Shared>, begin: Begin, format: Format) -> Self {
        let (continuation, paid) = (None, Bucket::default());
        Self { shared, begin, format, continuation, paid, said: Duration::ZERO, lingers: false, state: Progress::New }
    }

    /// Waits for the next thing to send.
    pub(super) async fn next(&mut self) -> Pushed {
        match self.state {
            Progress::New => {
                self.state = Progress::Going;
                return Pushed::Frame(frame("event", "initial-response", self.format, b"{}".to_vec()));
            }
            Progress::Going => {}
            Progress::Ended => return Pushed::End,
        }
        loop {
            let shared = Arc::clone(&self.shared);
            let look = self.look(&mut shared.lock());
            match look {
                Look::Nothing => tokio::time::sleep(LOOK).await,
                Look::End => return Pushed::End,
                Look::Exception(refusal) => {
                    self.state = Progress::Ended;
                    return Pushed::Frame(frame("exception", &refusal.code, self.format, refusal.body()));
                }
                Look::Event(event, fault) => {
                    let frame = frame("event", EVENT, self.format, event);
                    match fault {
                        Some(Fault::CutConnection) => return Pushed::Cut,
                        Some(Fault::CutAnswer) => return Pushed::Half(frame),
                        Some(Fault::Delay(time) | Fault::Slow(time)) => tokio::time::sleep(time).await,
                        _ => {}
                    }
                    return Pushed::Frame(frame);
                }
            }
        }
    }

    fn look(&mut self, state: &mut State) -> Look {
        let (now, uptime, limits) = (state.clock.now(), state.clock.uptime(), state.limits.clone());
        if now >= self.begin.until {
            return Look::End;
        }
        let Begin { stream: name, stamp, shard, consumer, number, .. } = &self.begin;
        let id = shard_id(*shard);
        let gone = |what: &str| Look::Exception(Refusal::not_found(what));
        let Some(stream) = state.streams.get(name).filter(|stream| stream.stamp == *stamp && stream.exists()) else {
            return gone("The stream was deleted.");
        };
        match stream.consumers.iter().find(|known| known.arn == *consumer) {
            None => return gone("The consumer was deregistered."),
            Some(known) if !known.serves(*shard, *number) => {
                let message = format!("Another subscription of the consumer to shard {id} has taken over.");
                return Look::Exception(Refusal::new("ResourceInUseException", message));
            }
            Some(_) => {}
        }
        let Ok(found) = stream.shard(&id) else { return gone("The shard is not there any more.") };
        if !self.paid.admits(limits.pushed_bytes_per_second, uptime, 0) {
            return Look::Nothing;
        }
        let first = found.find(self.begin.from);
        let quiet = first == found.records.len();
        let heard = uptime.saturating_sub(self.said) < limits.heartbeat;
        if quiet && heard && (found.closed.is_none() || self.lingers) {
            return Look::Nothing;
        }
        state.log.count(EVENT);
        let fault = state.next_fault(EVENT, Some(&id));
        if let Some(refusal) = fault.as_ref().and_then(|fault| fault.refusal(Some(&id))) {
            return Look::Exception(refusal);
        }
        // Nothing was changed since.
        let Some(stream) = state.streams.get(name) else { return Look::End };
        let Ok(found) = stream.shard(&id) else { return Look::End };
        let most = if fault == Some(Fault::EmptyPage) { 0 } else { limits.page_records };
        let records: Vec<&Record> = page(found, first, most, limits.page_bytes.min(EVENT_BYTES));
        let last = records.last().map(|record| record.sequence);
        let pending = found.records.get(first + records.len());
        let late = fault == Some(Fault::NoEnd) || (fault == Some(Fault::LateEnd) && !records.is_empty());
        let drained = pending.is_none() && found.closed.is_some() && !late;
        let here = || match pending {
            // Everything up to now is read, and all that comes is later.
            None => Some(found.closed.map_or_else(|| stream.present(found), |closed| closed.end)),
            Some(_) => None,
        };
        self.continuation = last.or_else(here).or(self.continuation);
        let next = self.continuation.unwrap_or(self.begin.from.max(found.start));
        let named = drained && fault != Some(Fault::NoChildShards);
        let rest = json!({
            "ContinuationSequenceNumber": (!drained).then(|| stream.sequence_number(next)),
            "MillisBehindLatest": records::behind(now, &records, pending),
            "ChildShards": named.then(|| records::children(stream, found)),
        });
        let event = records::answer(stream, &records, &rest);
        self.paid.take(records.iter().map(|record| record.size()).sum());
        if let Some(last) = last {
            self.begin.from = last + 1;
        }
        self.said = uptime;
        self.lingers = fault == Some(Fault::NoEnd);
        if drained {
            self.state = Progress::Ended;
        }
        Look::Event(event, fault)
    }
}

/// A message of an event stream: lengths, headers, payload, each part with its checksum.
fn frame(kind: &str, name: &str, format: Format, payload: Vec<u8>) -> Vec<u8> {
    let payload = format.write(payload);
    let mut headers = Vec::new();
    let type_header = if kind == "exception" { ":exception-type" } else { ":event-type" };
    for (header, value) in [(":message-type", kind), (type_header, name), (":content-type", format.content_type())] {
        headers.push(header.len() as u8);
        headers.extend(header.bytes());
        // Seven is the type of texts.
        headers.push(7);
        headers.extend((value.len() as u16).to_be_bytes());
        headers.extend(value.bytes());
    }
    let length = 16 + headers.len() + payload.len();
    let mut frame = Vec::with_capacity(length);
    frame.extend((length as u32).to_be_bytes());
    frame.extend((headers.len() as u32).to_be_bytes());
    frame.extend(crc32(&frame).to_be_bytes());
    frame.extend(headers);
    frame.extend(payload);
    frame.extend(crc32(&frame).to_be_bytes());
    frame
}

/// The checksum of Ethernet and gzip.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        let index = (crc as u8 ^ byte) as usize;
        TABLE.get(index).copied().unwrap_or_default() ^ (crc >> 8)
    })
}

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let (mut value, mut bit) = (index as u32, 0);
        while bit < 8 {
            value = if value & 1 == 1 { 0xEDB8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum() {
        assert_eq!(super::crc32(b"123456789"), 0xCBF4_3926);
    }
}
