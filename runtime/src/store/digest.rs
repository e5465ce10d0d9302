use std::fmt::Write as _;

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

    /// The digest of content that went by in pieces.
    #[must_use]
    pub fn finish(hasher: &xxhash_rust::xxh3::Xxh3, len: u64) -> Self {
        Self { len, xxh3: hex(hasher.digest128()) }
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
