//! `socket("127.0.0.1:9999")`: lines over TCP, for trying things out; needs the feature `socket`.
//!
//! A record is a line without its end, LF or CRLF. The source connects, and connects again with growing pauses when the
//! connection is lost; with [`listen`](Socket::listen) it waits for others to connect, one at a time. Lines that are sent
//! while nobody reads wait in the buffers of the operating system, which hold the sender back.
//!
//! What was read cannot be read again: after a failure the lines of the epochs that were not committed are lost, so no
//! pipeline from a socket is exactly once. With a checkpoint, or a sink that writes files, it starts only if
//! [`allow_loss_on_restart`](crate::Pipeline::allow_loss_on_restart) says that this is known. A line whose connection is closed before its end is a record all the same; one
//! whose connection breaks is left out.

mod feed;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use super::{BoxFuture, Chunk, Description, Feed, Place, Record, Resume, Source};
use crate::Result;
use crate::setting::Setting;

/// Lines over TCP from `address`, such as `127.0.0.1:9999` or `host:9999`.
///
/// ```
/// let source = millstream::source::socket("127.0.0.1:9999").max_line(1 << 16);
/// ```
pub fn socket(address: impl Into<String>) -> Socket {
    Socket { address: address.into(), listen: false, max_line: MAX_LINE, timeout: TIMEOUT }
}

/// Bytes of a line, unless set.
const MAX_LINE: usize = 1 << 20;
/// How long the first connection may take, unless set.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The source [`socket()`].
#[derive(Debug, Clone)]
pub struct Socket {
    address: String,
    listen: bool,
    max_line: usize,
    timeout: Duration,
}

impl Socket {
    /// Waits for others to connect to the address, one at a time, instead of connecting to it. There is neither
    /// encryption nor a password: an address others can reach takes lines from everybody. Default `false`.
    #[must_use]
    pub fn listen(mut self, listen: impl Setting<bool>) -> Self {
        self.listen = listen.given().unwrap_or(false);
        self
    }

    /// The longest line in bytes, without its end; a longer one stops the run. Default 1 MiB, at most 1 GiB.
    #[must_use]
    pub fn max_line(mut self, bytes: impl Setting<usize>) -> Self {
        self.max_line = bytes.given().unwrap_or(MAX_LINE).clamp(1, 1 << 30);
        self
    }

    /// How long to try the first connection before the start fails. Later ones are tried for ever. Default 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: impl Setting<Duration>) -> Self {
        self.timeout = timeout.given().unwrap_or(TIMEOUT);
        self
    }
}

/// A line from a socket.
#[derive(Debug, Clone, Copy)]
pub struct SocketRecord<'a> {
    /// The line, without its end.
    pub data: &'a [u8],
    /// The address it came from, with the port.
    pub peer: &'a str,
    /// Its number, from 0, over all connections and starts.
    pub index: u64,
}

crate::row!(SocketBuilders, SocketRecord<'_> { data: Vec<u8>, peer: String, index: u64 });

impl<'a> Record<'a> for SocketRecord<'a> {
    fn place(&self) -> Place {
        Place {
            source: "socket".into(),
            partition: self.peer.to_owned(),
            position: self.index.to_string(),
            arrival: None,
        }
    }
}

/// What a chunk of lines knows of its connection.
#[derive(Debug)]
pub struct SocketMeta {
    peer: Arc<str>,
}

impl Source for Socket {
    type Record<'a> = SocketRecord<'a>;
    type Meta = SocketMeta;

    #[inline]
    fn record<'a>(chunk: &'a Chunk, meta: &'a SocketMeta, index: usize) -> SocketRecord<'a> {
        SocketRecord { data: chunk.payload(index), peer: &meta.peer, index: chunk.first + index as u64 }
    }

    fn describe(&self) -> Description {
        Description {
            kind: "socket",
            target: self.address.clone(),
            options: vec![("listen", self.listen.to_string())],
            replayable: false,
            finite: false,
        }
    }

    fn open(&self, resume: Resume) -> BoxFuture<'_, Result<Box<dyn Feed>>> {
        let socket = self.clone();
        Box::pin(async move { Ok(Box::new(feed::SocketFeed::open(socket, &resume).await?) as Box<dyn Feed>) })
    }
}
