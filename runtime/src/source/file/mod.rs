//! `file("in/*.json")`: lines of files.
//!
//! The path is a file, a folder, or a pattern with `*`, `?` and `**`. A folder stands for the files directly in it;
//! `in/**` also takes those below. Names that begin with `.` or `_` are left out of folders and patterns, as Spark does,
//! unless the pattern spells that character itself. A record is a line without its end, LF or CRLF; empty lines are
//! records, too.
//!
//! By default files are read once, up to the end, and a last line without a line end counts. With
//! [`follow`](File::follow) the source keeps looking for new files and for what is appended to those it knows, and an
//! incomplete last line waits for its end. Followed files must only grow; rotate by beginning a file with a new name. A
//! compressed file is expected to be complete when it appears: write it under a hidden name and rename it.
//!
//! A partition of the checkpoint is a file, and its id is the path as given: a relative path stays relative, so the
//! program has to be started in the same folder. Its position is an offset in bytes of the decompressed text, together
//! with a checksum of the file's first 4 KiB, so that a file that was cut or replaced is noticed. The checkpoint has one
//! entry for each file that is in the folder, or it would be read again, and for those that were read and are gone until
//! they are older than [`max_file_age`](File::max_file_age): take files away that have been read, and it stays small.

mod cursor;
mod feed;
mod glob;
mod lane;
mod packing;
mod past;
mod position;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{BoxFuture, Chunk, Description, Feed, Place, Record, Resume, Source};
use crate::Result;
use crate::error::{Error, Kind};
use crate::setting::Setting;

/// Lines of files: one file, a folder, or a pattern with `*`, `?` and `**`.
///
/// ```
/// use std::time::Duration;
/// use millstream::source::file;
/// let source = file("in/*.json").follow(Duration::from_secs(5)).max_line(1 << 20);
/// ```
pub fn file(path: impl Into<String>) -> File {
    File {
        options: Arc::new(Options {
            path: path.into(),
            follow: None,
            order: Order::Together,
            compression: Compression::Auto,
            max_line: MAX_LINE,
            max_ratio: MAX_RATIO,
            max_file_age: MAX_FILE_AGE,
            chunk: CHUNK,
        }),
    }
}

/// Bytes of a line, unless set.
const MAX_LINE: usize = 10 << 20;
/// The largest length a line can be allowed to have, as a chunk counts in 32 bits.
const LONGEST_LINE: usize = 1 << 30;
/// How many times larger than its file a text may become, unless set.
const MAX_RATIO: u32 = 100;
/// How long a file that was read and is gone is remembered, unless set.
const MAX_FILE_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Bytes of one partition that are read before it is the next one's turn.
const CHUNK: usize = 1 << 20;

/// How files are put into partitions; see [`File::order`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Every file is a partition of its own, and all are read side by side.
    Together,
    /// All files are one partition, read in the order of their names.
    OneAfterAnother,
}

/// Every file is a partition of its own, and all are read side by side; one that has not been read yet holds the
/// watermark. The default.
#[allow(non_upper_case_globals)]
pub const together: Order = Order::Together;

/// All files are one partition, read in the order of their names, such as logs that are named by date.
#[allow(non_upper_case_globals)]
pub const one_after_another: Order = Order::OneAfterAnother;

/// How files are compressed; see [`File::compression`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// By the name: `.gz` is gzip, `.zst` is zstd, everything else is plain.
    Auto,
    /// Plain text, whatever the name.
    None,
    /// gzip, also of several members, whatever the name.
    Gzip,
    /// zstd, also of several frames, whatever the name.
    Zstd,
}

/// By the name: `.gz` is gzip, `.zst` is zstd, everything else is plain. The default.
#[allow(non_upper_case_globals)]
pub const auto: Compression = Compression::Auto;

/// Plain text, whatever the name.
#[allow(non_upper_case_globals)]
pub const none: Compression = Compression::None;

/// gzip, whatever the name; needs the feature `gzip`.
#[cfg(feature = "gzip")]
#[allow(non_upper_case_globals)]
pub const gzip: Compression = Compression::Gzip;
#[cfg(not(feature = "gzip"))]
#[allow(non_upper_case_globals, missing_docs)]
#[doc(hidden)]
pub const gzip: NeedsTheFeatureGzip = NeedsTheFeatureGzip;

/// zstd, whatever the name; needs the feature `zstd`.
#[cfg(feature = "zstd")]
#[allow(non_upper_case_globals)]
pub const zstd: Compression = Compression::Zstd;
#[cfg(not(feature = "zstd"))]
#[allow(non_upper_case_globals, missing_docs)]
#[doc(hidden)]
pub const zstd: NeedsTheFeatureZstd = NeedsTheFeatureZstd;

/// What [`gzip`] is in a build without that feature: no value of any option.
#[cfg(not(feature = "gzip"))]
#[doc(hidden)]
pub struct NeedsTheFeatureGzip;

/// What [`zstd`] is in a build without that feature.
#[cfg(not(feature = "zstd"))]
#[doc(hidden)]
pub struct NeedsTheFeatureZstd;

/// The source [`file()`].
#[derive(Debug, Clone)]
pub struct File {
    options: Arc<Options>,
}

#[derive(Debug, Clone)]
struct Options {
    path: String,
    follow: Option<Duration>,
    order: Order,
    compression: Compression,
    max_line: usize,
    max_ratio: u32,
    max_file_age: Duration,
    chunk: usize,
}

impl File {
    /// Keeps looking for new files and appended lines at this interval, at least 10 ms. Default: files are read once, and
    /// the source ends.
    #[must_use]
    pub fn follow(self, interval: impl Setting<Duration>) -> Self {
        let interval = interval.given().map(|interval| interval.max(Duration::from_millis(10)));
        self.with(|options| options.follow = interval)
    }

    /// Whether files are read side by side ([`together`], the default) or as one partition in the order of their names
    /// ([`one_after_another`]). In the latter a file is done as soon as its end is reached and there is a later one; a
    /// file that appears with an earlier name is an error.
    #[must_use]
    pub fn order(self, order: impl Setting<Order>) -> Self {
        self.with(|options| options.order = order.given().unwrap_or(together))
    }

    /// How files are compressed: [`auto`] (the default, by the name), [`none`], [`gzip`] or [`zstd`](const@zstd).
    #[must_use]
    pub fn compression(self, compression: impl Setting<Compression>) -> Self {
        self.with(|options| options.compression = compression.given().unwrap_or(auto))
    }

    /// The longest line in bytes, without its end; a longer one stops the run. Default 10 MiB, at most 1 GiB.
    #[must_use]
    pub fn max_line(self, bytes: impl Setting<usize>) -> Self {
        self.with(|options| options.max_line = bytes.given().unwrap_or(MAX_LINE).clamp(1, LONGEST_LINE))
    }

    /// How many times larger than its compressed file a text may become, checked from 64 MiB of text on, so that a
    /// crafted file does not keep the run busy for ever. Default 100.
    #[must_use]
    pub fn max_ratio(self, ratio: impl Setting<u32>) -> Self {
        self.with(|options| options.max_ratio = ratio.given().unwrap_or(MAX_RATIO).max(1))
    }

    /// How long a followed file that has been read and is no longer in the folder is remembered: until it was last
    /// changed longer ago than this, as seen from the youngest file. Default 7 days.
    ///
    /// The checkpoint forgets it then, so that it does not grow for ever. No file is read twice for that: a file that
    /// appears and is as old as one that was forgotten ends the run with an error, as it may be one of them. So this has to
    /// be longer than files take to appear in the folder after their last change. Files that stay in the folder are
    /// remembered, however old, and so is all with the order [`one_after_another`], which needs no entry for a file.
    #[must_use]
    pub fn max_file_age(self, age: impl Setting<Duration>) -> Self {
        self.with(|options| options.max_file_age = age.given().unwrap_or(MAX_FILE_AGE))
    }

    #[cfg(test)]
    fn chunk(self, bytes: usize) -> Self {
        self.with(|options| options.chunk = bytes)
    }

    fn with(mut self, set: impl FnOnce(&mut Options)) -> Self {
        set(Arc::make_mut(&mut self.options));
        self
    }
}

impl Options {
    fn word(&self) -> &'static str {
        match self.order {
            Order::Together => "together",
            Order::OneAfterAnother => "one_after_another",
        }
    }

    /// What a checkpoint is bound to: with another path or order its positions would mean other files.
    fn identity(&self) -> Value {
        json!({"path": self.path, "order": self.word(), "compression": format!("{:?}", self.compression).to_lowercase()})
    }

    fn check_identity(&self, before: Option<&Value>) -> Result<()> {
        let (Some(Value::Object(before)), now) = (before, self.identity()) else { return Ok(()) };
        for (option, was) in before {
            let is = now.get(option).unwrap_or(&Value::Null);
            if is != was {
                let message = format!("the checkpoint was written with {option} = {was} of `file`, and now it is {is}");
                return Err(Error::new(Kind::Config, message)
                    .help(format!("write {option} = {was} again, or begin a new checkpoint with `.checkpoint(..)`")));
            }
        }
        Ok(())
    }
}

/// A line of a file.
#[derive(Debug, Clone, Copy)]
pub struct FileRecord<'a> {
    /// The line, without its end.
    pub data: &'a [u8],
    /// The file's path, as the pattern was given.
    pub path: &'a str,
    /// Where the line begins: bytes from the start of the (decompressed) file.
    pub offset: u64,
}

crate::row!(FileBuilders, FileRecord<'_> { data: Vec<u8>, path: String, offset: u64 });

impl<'a> Record<'a> for FileRecord<'a> {
    fn place(&self) -> Place {
        Place {
            source: self.path.to_owned(),
            partition: self.path.to_owned(),
            position: format!("line at byte {}", self.offset),
            arrival: None,
        }
    }
}

/// What a chunk of lines knows of its file.
#[derive(Debug)]
pub struct FileMeta {
    path: Arc<str>,
    /// Where the first byte of the chunk's data is in the file.
    offset: u64,
}

impl Source for File {
    type Record<'a> = FileRecord<'a>;
    type Meta = FileMeta;

    #[inline]
    fn record<'a>(chunk: &'a Chunk, meta: &'a FileMeta, index: usize) -> FileRecord<'a> {
        let start = chunk.spans.get(index).map_or(0, |&(start, _)| start);
        FileRecord { data: chunk.payload(index), path: &meta.path, offset: meta.offset + u64::from(start) }
    }

    fn describe(&self) -> Description {
        let mut options = vec![("order", self.options.word().to_owned())];
        if let Some(interval) = self.options.follow {
            options.push(("follow", format!("{interval:?}")));
        }
        Description {
            kind: "file",
            target: self.options.path.clone(),
            options,
            replayable: true,
            finite: self.options.follow.is_none(),
        }
    }

    fn test_meta(&self, _records: usize) -> Option<FileMeta> {
        Some(FileMeta { path: self.options.path.as_str().into(), offset: 0 })
    }

    fn open(&self, resume: Resume) -> BoxFuture<'_, Result<Box<dyn Feed>>> {
        let options = Arc::clone(&self.options);
        Box::pin(async move { Ok(Box::new(feed::FileFeed::open(options, resume).await?) as Box<dyn Feed>) })
    }
}
