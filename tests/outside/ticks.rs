//! `from ticks(600, order = ascending)`: a record for each second, numbered, some of them broken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millstream::Result;
use millstream::error::{Error, Kind};
use millstream::source::{
    BoxFuture, Chunk, ChunkSender, Description, Feed, Fetched, Limits, PartitionProgress, Place, Record, Resume, Source,
};
use serde_json::json;

/// `from ticks(600)`
#[must_use]
pub fn ticks(count: u64) -> Ticks {
    Ticks { count, order: ascending, faults: Faults::default() }
}

/// The source [`ticks`].
pub struct Ticks {
    count: u64,
    order: Order,
    faults: Faults,
}

/// Which tick comes first.
#[derive(Clone, Copy, PartialEq)]
pub struct Order(bool);

/// `order = ascending`
#[allow(non_upper_case_globals)]
pub const ascending: Order = Order(true);
/// `order = descending`
#[allow(non_upper_case_globals)]
pub const descending: Order = Order(false);

impl Ticks {
    /// Which tick comes first.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// What a test does to the source, and sees of it.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// What tick `n` holds; nothing if it is broken.
    #[must_use]
    pub fn content(n: u64) -> Option<(&'static str, f64)> {
        let name = if n.is_multiple_of(3) { "third" } else { "other" };
        (n % 100 != 97).then_some((name, (n * 37 % 101) as f64 / 4.0))
    }
}

/// What a test does to the source, and sees of it.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    fail_at: Option<u64>,
    opened: u64,
    first: u64,
}

impl Faults {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The source fails, once, instead of giving this tick.
    pub fn fail_at(&self, tick: u64) {
        self.seen().fail_at = Some(tick);
    }
    /// How often the source was opened.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.seen().opened
    }
    /// Where the source went on when it was last opened.
    #[must_use]
    pub fn first_of_last_run(&self) -> u64 {
        self.seen().first
    }
}

/// A record: the columns before `decode`, and `record` after it.
#[derive(Clone, Copy)]
pub struct Tick<'a> {
    /// The payload.
    pub data: &'a [u8],
    /// The number.
    pub number: u64,
}
millstream::row!(TickBuilders, Tick<'_> { data: Vec<u8>, number: u64 });

impl<'a> Record<'a> for Tick<'a> {
    fn place(&self) -> Place {
        Place { source: "ticks".into(), partition: "ticks".into(), position: self.number.to_string(), arrival: None }
    }
}

impl Source for Ticks {
    type Record<'a> = Tick<'a>;
    /// The number of each record.
    type Meta = Vec<u64>;

    fn record<'a>(chunk: &'a Chunk, numbers: &'a Vec<u64>, index: usize) -> Tick<'a> {
        Tick { data: chunk.payload(index), number: numbers.get(index).copied().unwrap_or_default() }
    }
    fn describe(&self) -> Description {
        let target = self.count.to_string();
        Description { kind: "ticks", target, options: Vec::new(), replayable: true, finite: true }
    }
    fn open(&self, resume: Resume) -> BoxFuture<'_, Result<Box<dyn Feed>>> {
        let next = resume.partitions.get("ticks").and_then(|state| state.to.as_u64()).unwrap_or(0);
        {
            let mut seen = self.faults.seen();
            seen.opened += 1;
            seen.first = next;
        }
        let feed = Ticking { count: self.count, order: self.order, faults: self.faults.clone(), next };
        Box::pin(async move { Ok(Box::new(feed) as Box<dyn Feed>) })
    }
}

struct Ticking {
    count: u64,
    order: Order,
    faults: Faults,
    next: u64,
}

impl Ticking {
    fn payload(number: u64) -> Vec<u8> {
        match Ticks::content(number) {
            Some((name, value)) => format!("{name};{value};{number}").into_bytes(),
            None => b"broken".to_vec(),
        }
    }
}

impl Feed for Ticking {
    fn fetch<'a>(&'a mut self, limits: &'a Limits, out: &'a mut ChunkSender) -> BoxFuture<'a, Result<Fetched>> {
        Box::pin(async move {
            let before = self.next;
            let rows = limits.rows.unwrap_or(u64::MAX).min(self.count - before);
            let steps = before..before + rows;
            let numbers: Vec<u64> =
                steps.map(|step| if self.order == ascending { step } else { self.count - 1 - step }).collect();
            {
                let mut seen = self.faults.seen();
                if let Some(tick) = seen.fail_at.filter(|tick| numbers.contains(tick)) {
                    seen.fail_at = None;
                    return Err(Error::new(Kind::Unavailable, format!("tick {tick} was lost")));
                }
            }
            let payloads: Vec<_> = numbers.iter().map(|number| Self::payload(*number)).collect();
            self.next += rows;
            if rows > 0 {
                let chunk = Chunk::of(&payloads, before);
                out.send(Chunk { end: json!(self.next), meta: Box::new(numbers), ..chunk }).await;
            }
            let drained = self.next == self.count;
            let progress = PartitionProgress {
                id: "ticks".into(),
                from: json!(before),
                to: json!(self.next),
                drained,
                ..PartitionProgress::default()
            };
            Ok(Fetched { partitions: vec![progress], exhausted: drained, ..Fetched::default() })
        })
    }
}
