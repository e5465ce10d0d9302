//! Where a partition is, as the checkpoint keeps it.

use std::fs::{self, Metadata};
use std::io::Read;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Result;
use crate::error::{Error, Kind};

/// Bytes at a file's start by which it is known again.
const HEAD: u64 = 4_096;

/// A place in a file and what the file looked like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Bytes of the (decompressed) text that have been read.
    pub(super) offset: u64,
    /// The file's length in bytes, on the disk, when last looked at.
    #[serde(default)]
    pub(super) len: u64,
    /// When it was last changed, in microseconds since 1970, when last looked at.
    #[serde(default)]
    pub(super) mtime: i64,
    /// `LEN:HASH` of its first bytes, LEN at most 4096; absent before it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) head: Option<String>,
    /// Whether the file has been read to its end and is not expected to grow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) done: bool,
}

/// Where a partition of files one after another is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Serial {
    /// The file that is being read.
    pub(super) file: String,
    /// How many files have been read before it.
    pub(super) files: u64,
    /// How many bytes of text they had.
    pub(super) before: u64,
    /// The place in the file.
    #[serde(flatten)]
    pub(super) at: Position,
}

/// Reads a position of the checkpoint.
pub(super) fn parse<T: for<'a> Deserialize<'a>>(id: &str, value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|error| {
        Error::new(Kind::Config, format!("the checkpoint's position of `{id}` is `{value}`: {error}"))
            .help("it is no position of the source `file`; the checkpoint is another pipeline's")
    })
}

/// Writes a position for the checkpoint.
pub(super) fn write<T: Serialize>(position: &T) -> Value {
    // Only maps with keys that are no strings fail, and there are none.
    serde_json::to_value(position).unwrap_or(Value::Null)
}

/// When a file was last changed, in microseconds since 1970; 0 where the file system does not say.
pub(super) fn mtime(metadata: &Metadata) -> i64 {
    let since = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or(0)
}

impl Position {
    /// Whether the file still is the one it was, and has what has been read already; then remembers what it looks like
    /// now. `packed` is whether it is compressed, so that the offset does not count its own bytes.
    pub(super) fn look(&mut self, path: &str, file: &mut fs::File, packed: bool) -> Result<()> {
        let reading = |error| Error::io(format!("reading `{path}`"), error);
        let metadata = file.metadata().map_err(reading)?;
        if !metadata.is_file() {
            return Err(Error::new(Kind::Config, format!("`{path}` is no longer a file"))
                .help("put the file back, or begin a new checkpoint with `.checkpoint(..)`"));
        }
        let (len, before) = (metadata.len(), if packed { self.len } else { self.offset });
        if self.offset > 0 && len < before {
            return Err(self.shrunk(path, len));
        }
        if let Some(head) = self.head.as_deref().filter(|_| self.offset > 0) {
            let known = head.split_once(':').and_then(|(len, _)| len.parse().ok()).unwrap_or(HEAD);
            if digest(file, known).map_err(reading)? != head {
                return Err(self.replaced(path, len));
            }
        }
        self.head = Some(digest(file, len.min(HEAD)).map_err(reading)?);
        self.len = len;
        self.mtime = mtime(&metadata);
        Ok(())
    }

    pub(super) fn shrunk(&self, path: &str, len: u64) -> Error {
        let message = format!("`{path}` has been read up to byte {}, and now it is only {len} bytes long", self.offset);
        loss(message)
    }

    fn replaced(&self, path: &str, len: u64) -> Error {
        let message = format!(
            "`{path}` has been read up to byte {}, and now it is another file ({len} bytes, with another beginning)",
            self.offset
        );
        loss(message)
    }

    /// The file is gone; an error if something in it had not been read.
    pub(super) fn gone(&self, path: &str, packed: bool) -> Result<()> {
        if self.done || (!packed && self.head.is_some() && self.offset == self.len) {
            return Ok(());
        }
        let message =
            format!("`{path}` is gone; it had been read up to byte {} and was {} bytes long", self.offset, self.len);
        Err(loss(message))
    }
}

fn loss(message: String) -> Error {
    Error::new(Kind::DataLoss, message).help(
        "put the file back as it was (files may only grow, and need new names when they are rotated), or begin a new \
         checkpoint with `.checkpoint(..)`, which reads all files again",
    )
}

/// `LEN:HASH` of a file's first `len` bytes. The file is left at its start.
fn digest(file: &mut fs::File, len: u64) -> std::io::Result<String> {
    use std::io::Seek;
    let mut head = Vec::with_capacity(usize::try_from(len.min(HEAD)).unwrap_or(0));
    file.rewind()?;
    file.take(len.min(HEAD)).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(format!("{}:{:016x}", head.len(), xxhash_rust::xxh3::xxh3_64(&head)))
}
