//! A partition: one file, or files one after another.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Value, json};

use super::cursor::{Cursor, State, Want};
use super::position::{Position, Serial, write};
use super::{FileMeta, Options, Order};
use crate::Result;
use crate::error::{Error, Kind};
use crate::source::{Chunk, PartitionProgress, Spare, order_of};

/// A partition of the source.
pub(super) struct Lane {
    pub(super) number: u32,
    pub(super) id: String,
    order: u32,
    /// The file that is read; absent before the first, and while it is being read.
    pub(super) cursor: Option<Cursor>,
    /// The files that come after it.
    pub(super) queue: VecDeque<String>,
    /// How many files came before it, and how many bytes of text they had.
    pub(super) files: u64,
    pub(super) before: u64,
    /// Whether it has been read to its end and has none to come.
    pub(super) drained: bool,
    /// The position before the fetch.
    pub(super) from: Value,
    /// The records of the fetch.
    pub(super) rows: u64,
    /// Whether files are read only up to the lengths they have now.
    bounded: bool,
    /// Whether the file is lent to the thread that reads it.
    lent: bool,
}

impl Lane {
    pub(super) fn new(number: u32, id: &str, cursor: Option<Cursor>) -> Self {
        Self {
            number,
            id: id.to_owned(),
            order: order_of(id),
            cursor,
            queue: VecDeque::new(),
            files: 0,
            before: 0,
            drained: false,
            from: Value::Null,
            rows: 0,
            bounded: false,
            lent: false,
        }
    }

    /// How much text has been read. Lanes that are behind in this come first, in every run alike.
    pub(super) fn read_so_far(&self) -> u64 {
        self.before + self.cursor.as_ref().map_or(0, |cursor| cursor.at.offset)
    }

    /// Whether all that is there has been read, and more may come.
    pub(super) fn caught_up(&self) -> bool {
        let at_end = match &self.cursor {
            Some(cursor) => cursor.state != State::Reading,
            None => true,
        };
        at_end && self.queue.is_empty() && !self.drained
    }

    pub(super) fn packed(&self) -> bool {
        self.cursor.as_ref().is_some_and(|cursor| cursor.packing.packed())
    }

    pub(super) fn is_open(&self) -> bool {
        self.cursor.as_ref().is_some_and(Cursor::is_open)
    }

    /// Where the partition is, for the checkpoint.
    pub(super) fn position(&self, options: &Options) -> Value {
        let at = self.cursor.as_ref().map(|cursor| cursor.at.clone()).unwrap_or_default();
        match options.order {
            // It is not read again, and many commits name it.
            Order::Together if self.drained => json!({"offset": at.offset, "mtime": at.mtime, "done": true}),
            Order::Together => write(&at),
            Order::OneAfterAnother => {
                let file = self.cursor.as_ref().map(|cursor| cursor.path.to_string()).unwrap_or_default();
                write(&Serial { file, files: self.files, before: self.before, at })
            }
        }
    }

    pub(super) fn progress(&self, options: &Options) -> PartitionProgress {
        PartitionProgress {
            partition: self.number,
            id: self.id.clone(),
            from: self.from.clone(),
            to: self.position(options),
            drained: self.drained,
            idle: self.caught_up(),
            ms_behind: None,
            parents: Vec::new(),
            hash_range: None,
        }
    }

    /// The next records in buffers of `spare`, or `None` when there are none for now.
    pub(super) async fn read(
        &mut self,
        options: &Arc<Options>,
        bytes: usize,
        rows: u64,
        spare: &Spare,
    ) -> Result<Option<Chunk>> {
        if self.lent {
            return Err(Error::new(
                Kind::Internal,
                format!("a fetch of `{}` was broken off and then repeated", self.id),
            )
            .help("this is a bug of millstream; starting again from the checkpoint is safe"));
        }
        loop {
            let once = options.follow.is_none();
            match self.cursor.as_mut().map(|cursor| &mut cursor.state) {
                Some(State::Reading) => {}
                Some(state @ State::CaughtUp) if !self.queue.is_empty() => *state = State::Reading,
                Some(State::CaughtUp) => return Ok(None),
                None | Some(State::Ended) => {
                    if !self.advance(options) {
                        return Ok(None);
                    }
                }
            }
            let Some(mut cursor) = self.cursor.take() else { return Ok(None) };
            let last = once || cursor.packing.packed() || !self.queue.is_empty();
            let (want, shared, spare) = (Want { bytes, rows, last }, Arc::clone(options), spare.clone());
            self.lent = true;
            let reading = tokio::task::spawn_blocking(move || {
                let lines = cursor.read(&shared, want, &spare);
                (cursor, lines)
            });
            let (cursor, lines) = reading.await.map_err(|error| {
                Error::new(Kind::Internal, format!("reading a file of `{}` was broken off", self.id)).caused_by(error)
            })?;
            self.lent = false;
            let path = Arc::clone(&cursor.path);
            self.cursor = Some(cursor);
            self.settle(options);
            if let Some(lines) = lines? {
                self.rows += lines.spans.len() as u64;
                return Ok(Some(Chunk {
                    partition: self.number,
                    data: lines.data,
                    spans: lines.spans,
                    end: self.position(options),
                    order: self.order,
                    first: self.before + lines.offset,
                    meta: Box::new(FileMeta { path, offset: lines.offset }),
                }));
            }
        }
    }

    /// Goes on to the next file; `false` when there is none.
    fn advance(&mut self, options: &Options) -> bool {
        let Some(next) = self.queue.pop_front() else {
            self.settle(options);
            return false;
        };
        if let Some(cursor) = &self.cursor {
            self.files += 1;
            self.before += cursor.at.offset;
        }
        self.cursor = Some(Cursor::new(&next, Position::default(), options));
        if self.bounded {
            self.bound();
        }
        true
    }

    /// Binds the file, and those that come after it, to the lengths they have when they are opened next.
    pub(super) fn bound(&mut self) {
        self.bounded = true;
        if let Some(cursor) = &mut self.cursor {
            cursor.bound();
        }
    }

    /// Sees whether the last file has ended for good.
    pub(super) fn settle(&mut self, options: &Options) {
        let ended = self.cursor.as_ref().is_none_or(|cursor| cursor.state == State::Ended);
        let grows = options.follow.is_some() && options.order == Order::OneAfterAnother;
        self.drained |= ended && !grows && self.queue.is_empty();
    }
}
