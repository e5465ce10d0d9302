//! Reading lines of one file from a position on.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;

use super::Options;
use super::packing::{Packing, Stream};
use super::position::Position;
use crate::Result;
use crate::error::{Error, Kind};
use crate::source::{Buffers, Spare};

/// Bytes that are read at once.
const STEP: usize = 256 << 10;

/// A file and the place in it.
pub(super) struct Cursor {
    pub(super) path: Arc<str>,
    pub(super) at: Position,
    pub(super) packing: Packing,
    pub(super) state: State,
    open: Option<Open>,
    /// Whether to read only up to the length the file has when opened, and that length.
    bounded: bool,
    bound: Option<u64>,
}

/// How far a file has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// There may be more.
    Reading,
    /// At the end of a file that may grow; what follows the position is no complete line.
    CaughtUp,
    /// At the end of a file that will not grow.
    Ended,
}

struct Open {
    stream: Stream,
    /// What has been read and, from `start` on, not been given.
    buffer: Vec<u8>,
    start: usize,
    /// For the lines that are found next.
    spans: Vec<(u32, u32)>,
    eof: bool,
}

/// How much to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want {
    /// The lines end with the first that reaches this many bytes. It is counted from the position, not from what happens
    /// to be buffered, so that lines are cut alike in every run.
    pub(super) bytes: usize,
    /// At most so many lines; not 0.
    pub(super) rows: u64,
    /// Whether the file will not grow, so that a last line without a line end is one.
    pub(super) last: bool,
}

/// Consecutive lines.
pub(super) struct Lines {
    pub(super) data: Vec<u8>,
    pub(super) spans: Vec<(u32, u32)>,
    /// Where `data` begins in the text.
    pub(super) offset: u64,
}

impl Cursor {
    pub(super) fn new(path: &str, at: Position, options: &Options) -> Self {
        let state = if at.done { State::Ended } else { State::Reading };
        Self {
            path: path.into(),
            packing: Packing::of(path, options.compression),
            at,
            state,
            open: None,
            bounded: false,
            bound: None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Closes the file; reading goes on at the position and opens it again.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Reads on only up to the length that the file has when it is opened the next time, which may be now.
    pub(super) fn bound(&mut self) {
        self.close();
        self.bounded = true;
    }

    /// Reads lines into buffers of `spare`; `None` at the end, when [`Self::state`] has changed. Blocks.
    pub(super) fn read(&mut self, options: &Options, want: Want, spare: &Spare) -> Result<Option<Lines>> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => match self.reopen(options, spare)? {
                Some(open) => open,
                None => {
                    self.end();
                    return Ok(None);
                }
            },
        };
        let mut spans = std::mem::take(&mut open.spans);
        let split = open.split(&self.path, self.at.offset, options, want, &mut spans)?;
        let (consumed, rest) = (split.cut - open.start, open.buffer.len() - split.cut);
        let lines = if spans.is_empty() {
            open.spans = spans;
            None
        } else {
            Some(Lines { data: open.give(split.cut, spare), spans, offset: self.at.offset })
        };
        self.at.offset += consumed as u64;
        if self.bound.is_some_and(|bound| self.at.offset >= bound && !want.last) {
            self.state = State::CaughtUp;
            spare.give(open.buffer, open.spans);
            return Ok(lines);
        }
        // What is left after a limit may be more lines, for the next time.
        if !open.eof || (split.limited && rest > 0) {
            self.open = Some(open);
            return Ok(lines);
        }
        spare.give(open.buffer, open.spans);
        if !self.packing.packed() {
            let len = self.at.offset + rest as u64;
            if len < self.at.len {
                return Err(self.at.shrunk(&self.path, len));
            }
            self.at.len = len;
        }
        if want.last {
            self.end();
        } else {
            self.state = State::CaughtUp;
        }
        Ok(lines)
    }

    /// The file will not grow, and has been read.
    fn end(&mut self) {
        self.at.done = true;
        self.state = State::Ended;
        self.open = None;
    }

    /// Opens the file at the position; `None` when it is gone and nothing of it is missing.
    fn reopen(&mut self, options: &Options, spare: &Spare) -> Result<Option<Open>> {
        let (path, packed) = (&*self.path, self.packing.packed());
        let mut file = match fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return self.at.gone(path, packed).map(|()| None),
            Err(error) => return Err(Error::io(format!("opening `{path}`"), error)),
        };
        self.at.look(path, &mut file, packed)?;
        if self.bounded && !packed {
            self.bound.get_or_insert(self.at.len);
        }
        match Stream::open(path, file, self.packing, self.at.offset, options)? {
            Some(stream) => {
                let Buffers { data: buffer, spans } = spare.take();
                Ok(Some(Open { stream, buffer, start: 0, spans, eof: false }))
            }
            None => Err(self.at.shrunk(path, self.at.len)),
        }
    }
}

/// Where lines were cut.
struct Split {
    /// The end of the last line, in the buffer.
    cut: usize,
    /// Whether a limit was reached rather than the end of the file.
    limited: bool,
}

impl Open {
    /// Finds lines from `start` on, reading as far as needed. Spans count from `start`, which is at byte `offset` of the
    /// text.
    fn split(
        &mut self,
        path: &str,
        offset: u64,
        options: &Options,
        want: Want,
        spans: &mut Vec<(u32, u32)>,
    ) -> Result<Split> {
        // `from` is where the line begins, `seen` how far it is known to have no end.
        let (mut from, mut seen) = (self.start, self.start);
        loop {
            for at in memchr::memchr_iter(b'\n', self.buffer.get(seen..).unwrap_or(&[])) {
                let end = seen + at;
                let line = self.buffer.get(from..end).unwrap_or(&[]);
                let len = line.strip_suffix(b"\r").unwrap_or(line).len();
                if len > options.max_line {
                    return Err(too_long(path, offset + (from - self.start) as u64, options));
                }
                let start = from - self.start;
                spans.push((start as u32, (start + len) as u32));
                from = end + 1;
                if spans.len() as u64 >= want.rows || from - self.start >= want.bytes {
                    // Looking ahead tells the end of the file from a limit that is reached just there.
                    if from == self.buffer.len() && !self.eof {
                        self.fill(path, STEP)?;
                    }
                    return Ok(Split { cut: from, limited: true });
                }
            }
            seen = self.buffer.len();
            let rest = seen - from;
            // One more than the longest line may be the CR of its end.
            if rest > options.max_line + 1 || (self.eof && rest > options.max_line) {
                return Err(too_long(path, offset + (from - self.start) as u64, options));
            }
            if self.eof {
                if want.last && rest > 0 {
                    spans.push(((from - self.start) as u32, (seen - self.start) as u32));
                    from = seen;
                }
                return Ok(Split { cut: from, limited: false });
            }
            if self.start > 0 {
                self.buffer.drain(..self.start);
                (from, seen) = (from - self.start, seen - self.start);
                self.start = 0;
            }
            if self.buffer.is_empty() && want.rows == u64::MAX {
                self.buffer.reserve_exact(room(want.bytes).min(8 * STEP));
            }
            self.fill(path, STEP)?;
        }
    }

    fn fill(&mut self, path: &str, bytes: usize) -> Result<()> {
        self.eof = !self.stream.fill(path, &mut self.buffer, bytes)?;
        Ok(())
    }

    /// The bytes from `start` to `cut`, which becomes the start. The buffer itself is given away when little is left in
    /// it; otherwise the bytes are copied, once.
    fn give(&mut self, cut: usize, spare: &Spare) -> Vec<u8> {
        let Buffers { data: mut next, spans } = spare.take();
        self.spans = spans;
        let rest = self.buffer.get(cut..).unwrap_or(&[]);
        if self.start == 0 && rest.len() <= cut.min(STEP) {
            // The next chunk will be as long, and is not to move while it grows.
            next.reserve_exact(room(cut));
            next.extend_from_slice(rest);
            let mut data = std::mem::replace(&mut self.buffer, next);
            data.truncate(cut);
            return data;
        }
        next.extend_from_slice(self.buffer.get(self.start..cut).unwrap_or(&[]));
        self.start = cut;
        next
    }
}

/// The room for so many bytes of lines and what is read beyond them: some more, as lines are not all of one length, and a
/// buffer that is full doubles.
fn room(bytes: usize) -> usize {
    (bytes / STEP).saturating_add(2).saturating_mul(STEP)
}

#[cold]
fn too_long(path: &str, offset: u64, options: &Options) -> Error {
    let message = format!("the line at byte {offset} of `{path}` is longer than {} bytes", options.max_line);
    Error::new(Kind::Data, message).help(
        "if it is meant to be, allow more with `max_line = ..`; if the file is not text by lines, it is the wrong format",
    )
}
