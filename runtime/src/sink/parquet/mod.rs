//! `parquet("out/readings")`: files of columns that DuckDB, Polars, pandas and Spark read, exactly once.
//!
//! Each worker writes its rows of an epoch to files below the stage folder, a sibling of the output; they move to their
//! names in one step when the epoch is committed. A reader of the output never sees a part of a file, nor rows of an epoch
//! that did not happen. `partition_by` puts rows into folders in the Hive layout, `date=2026-01-02/country=DE/`.
//!
//! * `path`: values as names of folders, and names of files.
//! * `partition`: which rows of a batch go where.
//! * `file`: one file under construction.
//! * `writer`: one worker's files.

#[cfg(feature = "parquet")]
mod descriptors;
#[cfg(feature = "parquet")]
mod file;
#[cfg(feature = "parquet")]
mod partition;
mod path;
#[cfg(all(test, feature = "parquet"))]
mod tests;
#[cfg(feature = "parquet")]
mod writer;

use std::path::PathBuf;

use arrow::datatypes::SchemaRef;

use super::{Accepts, Append, Connected, Sink, SinkDescription};
use crate::Result;
use crate::error::{Error, Kind};
use crate::setting::{Columns, Setting};
use crate::store::{ObjectOptions, Place, object_options};

/// Files must be movable and readable: the most bytes [`Parquet::max_file_size`] takes.
const MAX_FILE_SIZE: u64 = 1 << 30;
/// The most rows [`Parquet::row_group_rows`] takes.
const MAX_ROW_GROUP_ROWS: usize = 1 << 24;

/// Parquet files in the folder `path`, which is made when it is not there, or in an object store:
/// `parquet("s3://bucket/readings", region = "eu-west-1")`. See [`Location`](crate::store::Location) for the URLs and the
/// features they need.
///
/// Needs the feature `parquet` of millstream. Options are methods of [`Parquet`]; in a pipeline they are written
/// `parquet("out/readings", partition_by = [date], compression = zstd)`.
///
/// ```
/// # #[cfg(feature = "parquet")] {
/// use millstream::sink::{Sink, parquet};
/// let sink = parquet("out/readings").partition_by(&["date"]).compression(parquet::zstd_level(3));
/// assert!(sink.describe().exactly_once);
/// # }
/// ```
pub fn parquet<P: Folder>(path: P) -> Parquet {
    Parquet {
        path: path.into(),
        partition_by: &[],
        compression: zstd,
        max_file_size: 512 << 20,
        row_group_rows: 1 << 20,
        max_partitions: 1_000,
        max_open: 256,
        objects: ObjectOptions::default(),
    }
}

/// What [`parquet()`] takes: `&str`, `String` and paths, also those that are URLs, if the feature `parquet` is enabled.
#[cfg_attr(
    feature = "parquet",
    diagnostic::on_unimplemented(
        message = "`parquet` cannot write to a `{Self}`",
        note = "give a path or a URL, such as `parquet(\"out/readings\")`"
    )
)]
#[cfg_attr(
    not(feature = "parquet"),
    diagnostic::on_unimplemented(
        message = "the sink `parquet` needs the feature `parquet` of millstream",
        label = "`parquet` is not in this build",
        note = "write `millstream = {{ version = \"0.1\", features = [\"parquet\"] }}` in Cargo.toml"
    )
)]
pub trait Folder: Into<PathBuf> {}

#[cfg(feature = "parquet")]
#[diagnostic::do_not_recommend]
impl<P: Into<PathBuf>> Folder for P {}

/// How the pages of a file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard of a level from 1 (fast) to 22 (small).
    Zstd(u8),
    /// Not at all.
    Uncompressed,
}

/// `compression = zstd`: Zstandard, level 1. The default.
#[allow(non_upper_case_globals)]
pub const zstd: Compression = Compression::Zstd(1);

/// `compression = uncompressed`: larger files, less work.
#[allow(non_upper_case_globals)]
pub const uncompressed: Compression = Compression::Uncompressed;

/// `compression = parquet::zstd_level(9)`: Zstandard of a level from 1 (fast) to 22 (small).
#[must_use]
pub const fn zstd_level(level: u8) -> Compression {
    Compression::Zstd(level)
}

/// The sink [`parquet()`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "parquet"), allow(dead_code))]
pub struct Parquet {
    path: PathBuf,
    partition_by: &'static [&'static str],
    compression: Compression,
    max_file_size: u64,
    row_group_rows: usize,
    max_partitions: usize,
    max_open: usize,
    objects: ObjectOptions,
}

impl Parquet {
    object_options!(objects);

    /// The columns whose values name folders, outermost first: `date=2026-01-02/country=DE/`. None by default.
    ///
    /// They are text, integers, bool, `Date` or `Timestamp`, and are left out of the files, as readers of the layout
    /// take them from the path. A null is in `__HIVE_DEFAULT_PARTITION__`. Other characters than letters, digits, `_`,
    /// `-` and `.` are percent-encoded, which DuckDB, Polars and pyarrow undo. Of a value longer than 128 bytes there is
    /// the beginning and a hash.
    #[must_use]
    pub fn partition_by(mut self, columns: impl Columns) -> Self {
        self.partition_by = columns.given().unwrap_or(self.partition_by);
        self
    }

    /// How pages are compressed: [`zstd`](const@zstd) (the default), [`zstd_level`] or [`uncompressed`].
    #[must_use]
    pub fn compression(mut self, compression: impl Setting<Compression>) -> Self {
        self.compression = compression.given().unwrap_or(self.compression);
        self
    }

    /// The size in bytes from which on the rows of an epoch go to a new file; 512 MiB by default, 1 GiB at most.
    #[must_use]
    pub fn max_file_size(mut self, bytes: impl Setting<u64>) -> Self {
        self.max_file_size = bytes.given().unwrap_or(self.max_file_size);
        self
    }

    /// The most rows in a row group, which is held in memory until it is full; 1,048,576 by default, 16,777,216 at most.
    /// A row group also ends at 128 MiB, and the largest one of a worker when its row groups together are over 256 MiB.
    #[must_use]
    pub fn row_group_rows(mut self, rows: impl Setting<usize>) -> Self {
        self.row_group_rows = rows.given().unwrap_or(self.row_group_rows);
        self
    }

    /// The most partitions that a worker writes to in one epoch; 1,000 by default. More end the run: each of them is at
    /// least one file per epoch.
    #[must_use]
    pub fn max_partitions(mut self, partitions: impl Setting<usize>) -> Self {
        self.max_partitions = partitions.given().unwrap_or(self.max_partitions);
        self
    }

    /// The most files that a worker has open at once; 256 by default. One more ends the file that was written to least
    /// recently; its partition goes on in a new file. Rows scattered over more partitions than this make many small files.
    #[must_use]
    pub fn max_open(mut self, files: impl Setting<usize>) -> Self {
        self.max_open = files.given().unwrap_or(self.max_open);
        self
    }

    /// Whether the options make sense by themselves.
    fn check(&self) -> Result<()> {
        self.place()?;
        let within = |name: &str, value: u64, most: u64| {
            if (1..=most).contains(&value) {
                return Ok(());
            }
            Err(self.wrong(format!("`{name}` is {value}")).help(format!("give a number from 1 to {most}")))
        };
        if let Compression::Zstd(level) = self.compression {
            within("zstd_level", level.into(), 22)?;
        }
        within("max_file_size", self.max_file_size, MAX_FILE_SIZE)?;
        within("row_group_rows", self.row_group_rows as u64, MAX_ROW_GROUP_ROWS as u64)?;
        within("max_partitions", self.max_partitions as u64, u64::from(u32::MAX))?;
        within("max_open", self.max_open as u64, u64::from(u32::MAX))
    }

    /// Where the files go.
    fn place(&self) -> Result<Place> {
        path::place(&self.path, &self.objects)
    }

    /// An error of the options.
    fn wrong(&self, message: impl std::fmt::Display) -> Error {
        Error::new(Kind::Config, format!("sink parquet `{}`: {message}", self.path.display()))
    }
}

impl Sink for Parquet {
    fn describe(&self) -> SinkDescription {
        let compression = match self.compression {
            Compression::Zstd(level) => format!("zstd({level})"),
            Compression::Uncompressed => "uncompressed".to_owned(),
        };
        let mut options = vec![("compression", compression)];
        if !self.partition_by.is_empty() {
            options.push(("partition_by", self.partition_by.join(", ")));
        }
        SinkDescription { kind: "parquet", target: self.path.display().to_string(), options, exactly_once: true }
    }

    #[cfg(feature = "parquet")]
    fn connect(&self, schema: &SchemaRef) -> Result<Connected> {
        self.check()?;
        Ok(Connected::Staging(std::sync::Arc::new(writer::Files::new(self, schema)?)))
    }

    #[cfg(not(feature = "parquet"))]
    fn connect(&self, _schema: &SchemaRef) -> Result<Connected> {
        self.check()?;
        Err(self.wrong("millstream was built without it").help("enable its feature `parquet` in Cargo.toml"))
    }
}

impl Accepts<Append> for Parquet {}
