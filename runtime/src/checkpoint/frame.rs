//! The frame around a log slot, by which a torn or altered file is known.
//!
//! ```text
//! "MSLG"  u16 kind  u16 format  u32 header_len  header (JSON)
//! blocks: u32 len   u32 crc32c(len, payload, block number)   payload (at most 1 MiB)
//! footer: u64 records  u64 bytes  u32 crc32c of all block crcs  u8[16] xxh3-128 of everything before  "GLSM"
//! ```
//!
//! All numbers are little-endian. The payload is JSON and not compressed, so that `strings` shows what a slot says.
//! The reader is strict: every byte of the file is either checked against a sum or compared with a constant.

use xxhash_rust::xxh3::xxh3_128;

const MAGIC: &[u8; 4] = b"MSLG";
const END: &[u8; 4] = b"GLSM";
/// The version of the frame and of the records in it.
pub const FORMAT: u16 = 1;
const BLOCK: usize = 1 << 20;
const FOOTER: usize = 8 + 8 + 4 + 16 + 4;
const FRONT: usize = 4 + 2 + 2 + 4;

/// A verified frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The kind of record.
    pub kind: u16,
    /// The JSON header.
    pub header: &'a [u8],
    /// The blocks in one piece.
    pub payload: Vec<u8>,
}

/// Why bytes are not a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// Written by a version of millstream that this one does not know.
    Format(u16),
    /// Torn or altered, and how that shows.
    Corrupt(String),
}

impl From<&str> for Fault {
    fn from(text: &str) -> Self {
        Self::Corrupt(text.to_owned())
    }
}

/// Puts a record into a frame.
#[must_use]
pub fn encode(kind: u16, header: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FRONT + header.len() + payload.len() + FOOTER + 64);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&kind.to_le_bytes());
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&size(header.len()).to_le_bytes());
    bytes.extend_from_slice(header);
    let mut sums = 0;
    for (number, block) in (0_u32..).zip(payload.chunks(BLOCK)) {
        let sum = block_sum(number, block);
        sums = crc32c::crc32c_append(sums, &sum.to_le_bytes());
        bytes.extend_from_slice(&size(block.len()).to_le_bytes());
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes.extend_from_slice(block);
    }
    bytes.extend_from_slice(&1_u64.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&sums.to_le_bytes());
    let hash = xxh3_128(&bytes);
    bytes.extend_from_slice(&hash.to_le_bytes());
    bytes.extend_from_slice(END);
    bytes
}

/// Takes a record out of its frame.
///
/// # Errors
///
/// If a single byte is missing, added or altered.
pub fn decode(bytes: &[u8]) -> Result<Frame<'_>, Fault> {
    let mut front = Reader(bytes);
    if front.take(4)? != MAGIC {
        return Err("it does not begin as a log slot".into());
    }
    let kind = front.u16()?;
    let format = front.u16()?;
    let (body, end) = bytes.split_at_checked(bytes.len().saturating_sub(20)).ok_or("it is too short")?;
    let mut end = Reader(end);
    if end.take(16)? != xxh3_128(body).to_le_bytes() {
        return Err("its xxh3 does not fit its content".into());
    }
    if end.take(4)? != END {
        return Err("it does not end as a log slot".into());
    }
    // Only now: a number that was altered is not a version.
    if format != FORMAT {
        return Err(Fault::Format(format));
    }
    let (body, footer) = body.split_at_checked(body.len().saturating_sub(FOOTER - 20)).ok_or("it is too short")?;
    let mut footer = Reader(footer);
    let (records, total, sums) = (footer.u64()?, footer.u64()?, footer.u32()?);
    let mut rest = Reader(body.get(FRONT - 4..).ok_or("it is too short")?);
    let header_len = rest.u32()?;
    let header = rest.take(header_len as usize)?;
    let (mut payload, mut found) = (Vec::new(), 0);
    for number in 0_u32.. {
        if rest.0.is_empty() {
            break;
        }
        let len = rest.u32()? as usize;
        let sum = rest.u32()?;
        let block = rest.take(len)?;
        if len > BLOCK || block_sum(number, block) != sum {
            return Err(Fault::Corrupt(format!("block {number} does not fit its checksum")));
        }
        found = crc32c::crc32c_append(found, &sum.to_le_bytes());
        payload.extend_from_slice(block);
    }
    if records != 1 || total != payload.len() as u64 || found != sums {
        return Err("its footer does not fit its blocks".into());
    }
    Ok(Frame { kind, header, payload })
}

fn block_sum(number: u32, block: &[u8]) -> u32 {
    let sum = crc32c::crc32c(&size(block.len()).to_le_bytes());
    let sum = crc32c::crc32c_append(sum, block);
    crc32c::crc32c_append(sum, &number.to_le_bytes())
}

/// A length in the frame. Headers and blocks are far below the limit; a longer one would not decode.
fn size(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or("it is too short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.take(N)?.try_into().map_err(|_| "it is too short".into())
    }

    fn u16(&mut self) -> Result<u16, Fault> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        Ok(u64::from_le_bytes(self.array()?))
    }
}
