//! The open source: a connection, or the pause before the next one.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep_until, timeout_at};

use super::{Socket, SocketMeta};
use crate::error::{Error, Kind};
use crate::source::{BoxFuture, Chunk, ChunkSender, Feed, Fetched, Limits, PartitionProgress, Resume, order_of};
use crate::{Result, clock};

/// The partition's id.
const ID: &str = "socket";
/// Bytes that are read at once.
const STEP: usize = 64 << 10;
/// Pauses between attempts to connect.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);
/// When nothing comes for so long, what was there has been read.
const QUIET: Duration = Duration::from_millis(100);

pub(super) struct SocketFeed {
    socket: Socket,
    listener: Option<TcpListener>,
    stream: Option<(TcpStream, Arc<str>)>,
    /// The pause before the next attempt, and when that is.
    pause: Duration,
    retry: Instant,
    /// What has been read and not been given.
    buffer: Vec<u8>,
    /// How far the buffer is known to have no line's end.
    seen: usize,
    /// Whether the connection was closed in good order, so that what is left of it is a line.
    closed: bool,
    peer: Arc<str>,
    next: u64,
    stopping: bool,
}

impl SocketFeed {
    pub(super) async fn open(socket: Socket, resume: &Resume) -> Result<Self> {
        let next = resume.partitions.get(ID).and_then(|state| state.to.as_u64()).unwrap_or(0);
        let listener = if socket.listen {
            let listener = TcpListener::bind(&*socket.address).await.map_err(|error| {
                Error::new(Kind::Unavailable, format!("cannot listen at `{}`: {error}", socket.address))
                    .caused_by(error)
                    .help("choose an address of this host, as `127.0.0.1:9999`, that no other program listens at")
            })?;
            Some(listener)
        } else {
            None
        };
        let now = clock::monotonic();
        let mut feed = Self {
            socket,
            listener,
            stream: None,
            pause: SHORTEST,
            retry: now,
            buffer: Vec::new(),
            seen: 0,
            closed: false,
            peer: "".into(),
            next,
            stopping: false,
        };
        if feed.listener.is_none() {
            feed.first(now + feed.socket.timeout).await?;
        }
        Ok(feed)
    }

    /// The first connection, so that a wrong address fails the start rather than a run that waits for ever.
    async fn first(&mut self, until: Instant) -> Result<()> {
        let mut last = None;
        while self.stream.is_none() {
            match timeout_at(until.into(), self.connect()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => last = Some(error),
                Err(_) => {
                    let address = &self.socket.address;
                    let why = last.map_or_else(|| "no answer".to_owned(), |error| error.to_string());
                    let message = format!("cannot connect to `{address}` within {:?}: {why}", self.socket.timeout);
                    return Err(Error::new(Kind::Unavailable, message).help(
                        "start what listens there (such as `nc -lk 9999`), or wait for others with `listen = true`",
                    ));
                }
            }
        }
        Ok(())
    }

    /// One attempt, after its pause. Nothing is lost when it is broken off.
    async fn connect(&mut self) -> io::Result<()> {
        sleep_until(self.retry.into()).await;
        let connected = match &self.listener {
            Some(listener) => listener.accept().await.map(|(stream, _)| stream),
            None => TcpStream::connect(&*self.socket.address).await,
        };
        match connected.and_then(|stream| Ok((stream.peer_addr()?, stream))) {
            Ok((peer, stream)) => {
                self.pause = SHORTEST;
                self.peer = peer.to_string().into();
                self.stream = Some((stream, Arc::clone(&self.peer)));
                Ok(())
            }
            Err(error) => {
                self.retry = clock::monotonic() + self.pause;
                self.pause = (self.pause * 2).min(LONGEST);
                Err(error)
            }
        }
    }

    /// Reads once more, or connects. Nothing is lost when it is broken off.
    async fn more(&mut self) {
        let Some((stream, peer)) = &mut self.stream else {
            if let Err(error) = self.connect().await {
                tracing::warn!(address = self.socket.address, pause = ?self.pause, %error, "cannot connect");
            }
            return;
        };
        self.buffer.reserve(STEP);
        match stream.read_buf(&mut self.buffer).await {
            Ok(0) => self.closed = true,
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(peer = &**peer, %error, "the connection broke");
                // The last line may be cut anywhere.
                let whole = memchr::memrchr(b'\n', &self.buffer).map_or(0, |end| end + 1);
                self.buffer.truncate(whole);
                self.seen = 0;
            }
        }
        self.stream = None;
        // One that hangs up at once is not called again in a tight loop.
        self.retry = clock::monotonic() + if self.listener.is_some() { Duration::ZERO } else { self.pause };
    }

    /// The complete lines that are at hand, at most `rows`.
    fn take(&mut self, rows: u64) -> Result<Option<Chunk>> {
        let (mut spans, mut from) = (Vec::new(), 0);
        for end in memchr::memchr_iter(b'\n', self.buffer.get(self.seen..).unwrap_or(&[])) {
            if spans.len() as u64 >= rows {
                break;
            }
            let end = self.seen + end;
            let line = self.buffer.get(from..end).unwrap_or(&[]);
            let len = line.strip_suffix(b"\r").unwrap_or(line).len();
            self.check(len, spans.len())?;
            spans.push((from as u32, (from + len) as u32));
            from = end + 1;
        }
        let limited = spans.len() as u64 >= rows;
        if !limited {
            let rest = self.buffer.len() - from;
            // One more than the longest line may be the CR of its end.
            self.check(rest.saturating_sub(1), spans.len())?;
            if self.closed {
                if rest > 0 {
                    self.check(rest, spans.len())?;
                    spans.push((from as u32, self.buffer.len() as u32));
                    from = self.buffer.len();
                }
                self.closed = false;
            }
        }
        let rest = self.buffer.get(from..).unwrap_or(&[]).to_vec();
        self.seen = if limited { 0 } else { rest.len() };
        if spans.is_empty() {
            return Ok(None);
        }
        let mut data = std::mem::replace(&mut self.buffer, rest);
        data.truncate(from);
        let first = self.next;
        self.next += spans.len() as u64;
        let meta = Box::new(SocketMeta { peer: Arc::clone(&self.peer) });
        Ok(Some(Chunk { partition: 0, data, spans, meta, end: json!(self.next), order: order_of(ID), first }))
    }

    fn check(&self, len: usize, lines: usize) -> Result<()> {
        if len <= self.socket.max_line {
            return Ok(());
        }
        let number = self.next + lines as u64;
        let message = format!("line {number} from `{}` is longer than {} bytes", self.peer, self.socket.max_line);
        Err(Error::new(Kind::Data, message).help(
            "if it is meant to be, allow more with `max_line = ..`; if not, what is sent there is not text by lines",
        ))
    }

    async fn read(&mut self, limits: &Limits, out: &mut ChunkSender) -> Result<Fetched> {
        let (from, mut rows, mut bytes, mut exhausted) = (self.next, limits.rows.unwrap_or(u64::MAX), 0, false);
        while rows > 0 && bytes < limits.bytes {
            if let Some(chunk) = self.take(rows)? {
                rows -= (chunk.len() as u64).min(rows);
                bytes += chunk.data.len();
                if !out.send(chunk).await {
                    break;
                }
                continue;
            }
            let now = clock::monotonic();
            let mut until = limits.until;
            if self.stopping || (limits.eager && bytes > 0) {
                until = until.min(now + if self.stopping { QUIET } else { Duration::from_millis(1) });
            }
            if now >= limits.until || timeout_at(until.into(), self.more()).await.is_err() {
                exhausted = self.stopping;
                break;
            }
        }
        let progress = PartitionProgress {
            partition: 0,
            id: ID.to_owned(),
            from: json!(from),
            to: json!(self.next),
            drained: false,
            idle: false,
            ms_behind: None,
            parents: Vec::new(),
            hash_range: None,
        };
        Ok(Fetched { partitions: vec![progress], exhausted, ..Fetched::default() })
    }
}

impl Feed for SocketFeed {
    fn fetch<'a>(&'a mut self, limits: &'a Limits, out: &'a mut ChunkSender) -> BoxFuture<'a, Result<Fetched>> {
        Box::pin(self.read(limits, out))
    }

    fn stop_at_present(&mut self) {
        self.stopping = true;
    }
}
