//! The bytes of a file, decompressed where it is compressed.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Compression, Options};
use crate::Result;
use crate::error::{Error, Kind};

/// Bytes of text from which on the ratio to the compressed bytes is checked.
const TRUSTED: u64 = 64 << 20;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    pub(super) fn of(path: &str, compression: Compression) -> Self {
        let ends = |end: &str| path.len() >= end.len() && path.to_ascii_lowercase().ends_with(end);
        match compression {
            Compression::None => Self::Plain,
            Compression::Gzip => Self::Gzip,
            Compression::Zstd => Self::Zstd,
            Compression::Auto if ends(".gz") => Self::Gzip,
            Compression::Auto if ends(".zst") => Self::Zstd,
            Compression::Auto => Self::Plain,
        }
    }

    pub(super) fn packed(self) -> bool {
        self != Self::Plain
    }

    /// Whether this build can read it.
    pub(super) fn check(self, path: &str) -> Result<()> {
        let feature = match self {
            Self::Gzip if cfg!(not(feature = "gzip")) => "gzip",
            Self::Zstd if cfg!(not(feature = "zstd")) => "zstd",
            _ => return Ok(()),
        };
        let message = format!("`{path}` is compressed with {feature}, which this program was built without");
        Err(Error::new(Kind::Config, message).help(format!(
            "add the feature: `millstream = {{ version = \"..\", features = [\"{feature}\"] }}`; if the file is plain \
             text, write `compression = none`"
        )))
    }
}

/// The bytes of a file from a place on.
pub(super) struct Stream {
    bytes: Box<dyn Read + Send>,
    packing: Packing,
    /// Compressed bytes that have gone in, and bytes of text that came out.
    taken: Arc<AtomicU64>,
    given: u64,
    ratio: u32,
}

impl Stream {
    /// The text of `file` from byte `offset` on. A compressed one is decoded from its start, and what comes before is
    /// thrown away; `None` when there is less than that.
    pub(super) fn open(
        path: &str,
        mut file: fs::File,
        packing: Packing,
        offset: u64,
        options: &Options,
    ) -> Result<Option<Self>> {
        packing.check(path)?;
        if packing == Packing::Plain {
            let seeking = |error| Error::io(format!("reading `{path}` at byte {offset}"), error);
            file.seek(SeekFrom::Start(offset)).map_err(seeking)?;
        }
        let taken = Arc::new(AtomicU64::new(0));
        let bytes = decoder(path, file, packing, &taken)?;
        let mut stream = Self { bytes, packing, taken, given: 0, ratio: options.max_ratio };
        if packing.packed() {
            let (mut left, mut waste) = (offset, Vec::new());
            while left > 0 {
                waste.clear();
                let step = usize::try_from(left).unwrap_or(usize::MAX).min(1 << 18);
                let more = stream.fill(path, &mut waste, step)?;
                left = left.saturating_sub(waste.len() as u64);
                if !more && left > 0 {
                    return Ok(None);
                }
            }
        }
        Ok(Some(stream))
    }

    /// Appends up to `count` bytes to `buffer`; fewer only at the end of the file, and then says `false`.
    pub(super) fn fill(&mut self, path: &str, buffer: &mut Vec<u8>, count: usize) -> Result<bool> {
        buffer.reserve(count);
        match (&mut self.bytes).take(count as u64).read_to_end(buffer) {
            Ok(read) => {
                self.given += read as u64;
                self.guard(path)?;
                Ok(read == count)
            }
            Err(error) => Err(self.explain(path, error)),
        }
    }

    fn guard(&self, path: &str) -> Result<()> {
        let taken = self.taken.load(Ordering::Relaxed);
        if self.packing.packed() && self.given > TRUSTED && self.given / u64::from(self.ratio) > taken {
            let message = format!(
                "`{path}` has become {} bytes of text out of {taken} compressed ones, more than {} times as many",
                self.given, self.ratio
            );
            return Err(Error::new(Kind::Data, message).help(
                "if the file is not a decompression bomb, allow more with `max_ratio = ..`; otherwise take it away",
            ));
        }
        Ok(())
    }

    /// What a decoder says is about the data; what the operating system says is about the disk.
    fn explain(&self, path: &str, error: io::Error) -> Error {
        if !self.packing.packed() || error.raw_os_error().is_some() {
            return Error::io(format!("reading `{path}`"), error);
        }
        let message = format!("`{path}` cannot be decompressed after byte {} of its text: {error}", self.given);
        Error::new(Kind::Data, message).caused_by(error).help(
            "the file is damaged or was not complete; write compressed files under a name that begins with `.` and \
             rename them when they are complete",
        )
    }
}

/// Counts the compressed bytes.
struct Counted {
    file: fs::File,
    taken: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.taken.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

fn decoder(path: &str, file: fs::File, packing: Packing, taken: &Arc<AtomicU64>) -> Result<Box<dyn Read + Send>> {
    let counted = Counted { file, taken: Arc::clone(taken) };
    match packing {
        Packing::Plain => Ok(Box::new(counted.file)),
        #[cfg(feature = "gzip")]
        Packing::Gzip => Ok(Box::new(flate2::read::MultiGzDecoder::new(counted))),
        #[cfg(feature = "zstd")]
        Packing::Zstd => match zstd::stream::read::Decoder::new(counted) {
            Ok(decoder) => Ok(Box::new(decoder)),
            Err(error) => Err(Error::io(format!("reading `{path}`"), error)),
        },
        #[cfg(not(all(feature = "gzip", feature = "zstd")))]
        _ => Err(Error::new(Kind::Internal, format!("`{path}` is compressed, and its feature was not checked"))),
    }
}
