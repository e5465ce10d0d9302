//! A run: records in a file in the order of their ids, with an index and a filter in memory.
//!
//! A record is its id (16 bytes), its time (8), the length of its bytes (4), and these. Blocks of some records are read at once, and
//! each ends with its checksum.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use xxhash_rust::xxh3::xxh3_64;

use crate::Result;
use crate::error::{Error, Kind};
use crate::state::scratch::{Scratch, failed};

/// Bytes of a block before it ends.
const BLOCK: usize = 8 << 10;
/// Bytes that are written, or read in order, at once.
const STREAM: usize = 128 << 10;
/// Bytes of a record before its own.
const HEAD: usize = 28;
/// Bytes of a block's checksum.
const SUM: usize = 8;

/// A record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'r> {
    pub(crate) id: u128,
    pub(crate) time: i64,
    pub(crate) bytes: &'r [u8],
}

impl<'r> Record<'r> {
    /// The record at the beginning of `block`, and the length of all of it.
    fn read(block: &'r [u8]) -> Option<(Self, usize)> {
        let (id, rest) = block.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        let (len, rest) = rest.split_first_chunk()?;
        let bytes = rest.get(..u32::from_le_bytes(*len) as usize)?;
        Some((Self { id: u128::from_le_bytes(*id), time: i64::from_le_bytes(*time), bytes }, HEAD + bytes.len()))
    }
}

/// A file of records; it goes with this.
#[derive(Debug)]
pub(super) struct Run {
    path: PathBuf,
    pub(super) records: usize,
    /// The latest time of a record.
    pub(super) latest: i64,
    /// The first id of each block.
    ids: Vec<u128>,
    /// Where each block ends.
    ends: Vec<u64>,
    filter: Filter,
}

impl Drop for Run {
    fn drop(&mut self) {
        // What stays goes with the folder.
        fs::remove_file(&self.path).ok();
    }
}

impl Run {
    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>()
            + self.path.capacity()
            + self.ids.capacity() * size_of::<u128>()
            + self.ends.capacity() * 8
            + self.filter.0.capacity() * 64
    }

    /// Bytes on disk.
    pub(super) fn disk(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Where a block begins.
    fn begin(&self, block: usize) -> u64 {
        block.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0)
    }

    /// The last block that begins with `id` or before it.
    fn block_of(&self, id: u128) -> usize {
        self.ids.partition_point(|first| *first <= id).saturating_sub(1)
    }

    fn open(&self) -> Result<File> {
        File::open(&self.path).map_err(|error| self.io("opening", &error))
    }

    /// Reads the next block of `file`, which is at its beginning.
    fn block(&self, block: usize, file: &mut impl Read, into: &mut Vec<u8>) -> Result<()> {
        let end = self.ends.get(block).copied().unwrap_or(0);
        into.resize((end - self.begin(block)) as usize, 0);
        file.read_exact(into).map_err(|error| self.io("reading", &error))?;
        let at = into.len().saturating_sub(SUM);
        if xxh3_64(into.get(..at).unwrap_or_default()).to_le_bytes()[..] != into[at..] {
            return Err(self.corrupt());
        }
        into.truncate(at);
        Ok(())
    }

    /// Gives the records that have one of `ids`, which are in order; the filter has let them through for the most part.
    pub(super) fn find(&self, ids: &mut dyn Iterator<Item = u128>, found: &mut dyn FnMut(Record<'_>)) -> Result<()> {
        let (mut file, mut bytes, mut at) = (None, Vec::new(), usize::MAX);
        for id in ids.filter(|id| self.filter.may_have(*id)) {
            let block = self.block_of(id);
            if block != at {
                let file = match &mut file {
                    Some(file) => file,
                    none => none.insert(self.open()?),
                };
                file.seek(SeekFrom::Start(self.begin(block))).map_err(|error| self.io("reading", &error))?;
                self.block(block, file, &mut bytes)?;
                at = block;
            }
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (record, len) = Record::read(rest).ok_or_else(|| self.corrupt())?;
                if record.id == id {
                    found(record);
                }
                if record.id >= id {
                    break;
                }
                rest = &rest[len..];
            }
        }
        Ok(())
    }

    fn io(&self, doing: &str, error: &std::io::Error) -> Error {
        failed(doing, &self.path, error)
    }

    fn corrupt(&self) -> Error {
        Error::new(Kind::Io, format!("the file `{}` of spilled state is not as it was written", self.path.display()))
            .help(
                "its disk may be failing: give `.spill(..)` another one, and start again; the checkpoint has all state",
            )
    }
}

/// Reads the records of a run in order.
pub(super) struct Cursor<'r> {
    run: &'r Run,
    file: BufReader<File>,
    bytes: Vec<u8>,
    /// The block after the one at hand.
    next: usize,
    /// Where in the block the record at hand begins and ends.
    at: (usize, usize),
    /// The id of the record at hand; `None` after the last.
    pub(super) id: Option<u128>,
}

impl<'r> Cursor<'r> {
    /// At the first record with `from` or a later id.
    pub(super) fn new(run: &'r Run, from: u128) -> Result<Self> {
        let mut file = run.open()?;
        let next = run.block_of(from);
        file.seek(SeekFrom::Start(run.begin(next))).map_err(|error| run.io("reading", &error))?;
        let file = BufReader::with_capacity(STREAM, file);
        let mut cursor = Self { run, file, bytes: Vec::new(), next, at: (0, 0), id: None };
        cursor.advance()?;
        while cursor.id.is_some_and(|id| id < from) {
            cursor.advance()?;
        }
        Ok(cursor)
    }

    /// Goes to the next record.
    pub(super) fn advance(&mut self) -> Result<()> {
        self.at.0 = self.at.1;
        if self.at.0 == self.bytes.len() {
            if self.next == self.run.ends.len() {
                self.id = None;
                return Ok(());
            }
            self.run.block(self.next, &mut self.file, &mut self.bytes)?;
            self.next += 1;
            self.at.0 = 0;
        }
        let (record, len) = Record::read(&self.bytes[self.at.0..]).ok_or_else(|| self.run.corrupt())?;
        self.id = Some(record.id);
        self.at.1 = self.at.0 + len;
        Ok(())
    }

    /// The record at hand.
    pub(super) fn record(&self) -> Option<Record<'_>> {
        self.id.and_then(|_| Record::read(&self.bytes[self.at.0..])).map(|(record, _)| record)
    }
}

/// Writes a run.
pub(crate) struct Writing {
    run: Run,
    file: BufWriter<File>,
    block: Vec<u8>,
    end: u64,
}

impl Writing {
    /// Begins a file; `filtered` is how many records the filter is made for, 0 if none is looked for by its id.
    pub(super) fn new(scratch: &Scratch, filtered: usize) -> Result<Self> {
        let (path, file) = scratch.create()?;
        let filter = Filter::of(filtered);
        let run = Run { path, records: 0, latest: i64::MIN, ids: Vec::new(), ends: Vec::new(), filter };
        Ok(Self { run, file: BufWriter::with_capacity(STREAM, file), block: Vec::new(), end: 0 })
    }

    /// Appends a record; ids only grow.
    pub(crate) fn push(&mut self, record: Record<'_>) -> Result<()> {
        let Record { id, time, bytes } = record;
        let len = u32::try_from(bytes.len()).map_err(|_| {
            Error::new(Kind::Data, "the state of a group is more than 4 GiB").help("keep less in it: collect less")
        })?;
        if self.block.is_empty() {
            self.run.ids.push(id);
        }
        self.block.extend_from_slice(&id.to_le_bytes());
        self.block.extend_from_slice(&time.to_le_bytes());
        self.block.extend_from_slice(&len.to_le_bytes());
        self.block.extend_from_slice(bytes);
        self.run.filter.add(id);
        self.run.records += 1;
        self.run.latest = self.run.latest.max(time);
        if self.block.len() >= BLOCK { self.cut() } else { Ok(()) }
    }

    /// Ends a block.
    fn cut(&mut self) -> Result<()> {
        let sum = xxh3_64(&self.block).to_le_bytes();
        self.block.extend_from_slice(&sum);
        self.file.write_all(&self.block).map_err(|error| self.run.io("writing", &error))?;
        self.end += self.block.len() as u64;
        self.run.ends.push(self.end);
        self.block.clear();
        Ok(())
    }

    /// Ends the file.
    pub(super) fn finish(mut self) -> Result<Run> {
        if !self.block.is_empty() {
            self.cut()?;
        }
        self.file.flush().map_err(|error| self.run.io("writing", &error))?;
        self.run.ids.shrink_to_fit();
        self.run.ends.shrink_to_fit();
        Ok(self.run)
    }
}

/// A Bloom filter with eight bits for each id, of which an id has six, all in one line of the cache: one in fifty of the ids that
/// are not there seems to be.
#[derive(Debug)]
struct Filter(Vec<[u64; 8]>);

impl Filter {
    fn of(ids: usize) -> Self {
        Self(vec![[0; 8]; ids.div_ceil(64)])
    }

    /// The line of an id, and its bits in that line; `None` if there is no filter.
    fn line(&self, id: u128) -> Option<(usize, [u64; 8])> {
        let line = ((u128::from(id as u64) * self.0.len() as u128) >> 64) as usize;
        let (mut mask, mut left) = ([0_u64; 8], (id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..6 {
            mask[(left >> 6 & 7) as usize] |= 1 << (left & 63);
            left >>= 9;
        }
        (!self.0.is_empty()).then_some((line, mask))
    }

    fn add(&mut self, id: u128) {
        if let Some((line, mask)) = self.line(id)
            && let Some(line) = self.0.get_mut(line)
        {
            line.iter_mut().zip(mask).for_each(|(bits, mask)| *bits |= mask);
        }
    }

    fn may_have(&self, id: u128) -> bool {
        let Some((line, mask)) = self.line(id) else { return true };
        self.0.get(line).is_none_or(|line| line.iter().zip(mask).all(|(bits, mask)| bits & mask == mask))
    }
}
