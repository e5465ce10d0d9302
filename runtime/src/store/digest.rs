use std::fmt::Write as _;
use std::io::{self, Write};

use xxhash_rust::xxh3::Xxh3;

/// What a record says about the content of a file (rule R8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Bytes.
    pub len: u64,
    /// xxh3-128 of the content, 32 lower-case hex digits.
    pub xxh3: String,
}

impl Digest {
    /// The digest of content that is in memory.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self { len: bytes.len() as u64, xxh3: digest_of(bytes) }
    }

    /// Says how `bytes` differ from what was recorded, or nothing if they do not.
    #[must_use]
    pub fn differs_from(&self, bytes: &[u8]) -> Option<String> {
        if bytes.len() as u64 != self.len {
            return Some(format!("{} bytes, {} recorded", bytes.len(), self.len));
        }
        let found = digest_of(bytes);
        (found != self.xxh3).then(|| format!("xxh3 is {found}, {} recorded", self.xxh3))
    }
}

/// Hashes what is written through it, so that no file is read again only for its hash.
pub struct Hashing<W> {
    to: W,
    hash: Box<Xxh3>,
    len: u64,
}

impl<W: Write> Hashing<W> {
    /// Writes to `to`, which has nothing in it yet.
    pub fn new(to: W) -> Self {
        Self { to, hash: Box::new(Xxh3::new()), len: 0 }
    }

    /// What was written to, and the digest of all that went by.
    pub fn finish(self) -> (W, Digest) {
        let digest = Digest { len: self.len, xxh3: hex(self.hash.digest128()) };
        (self.to, digest)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        // `written` is at most the length, as `Write` has it.
        self.hash.update(bytes.get(..written).unwrap_or(bytes));
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The xxh3-128 of some bytes as 32 lower-case hex digits.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    hex(xxhash_rust::xxh3::xxh3_128(bytes))
}

fn hex(hash: u128) -> String {
    let mut text = String::with_capacity(32);
    // Writing to a string cannot fail.
    let _ = write!(text, "{hash:032x}");
    text
}
