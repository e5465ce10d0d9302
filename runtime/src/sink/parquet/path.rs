//! Values as names of folders, and names of files.

use std::fmt::Write as _;
use std::path::Path;

use crate::Result;
use crate::error::{Error, Kind};
use crate::store::{Location, ObjectOptions, Place};

/// The folder of rows whose value is null.
#[cfg_attr(not(feature = "parquet"), allow(dead_code))]
pub(super) const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The most bytes of an encoded value in a name. File systems take 255 for the whole of `column=value`.
#[cfg_attr(not(feature = "parquet"), allow(dead_code))]
pub(super) const MAX_VALUE: usize = 128;

/// The folder that a user names: a path of the local disk, or a URL.
pub(super) fn place(root: &Path, options: &ObjectOptions) -> Result<Place> {
    let text = root.to_string_lossy();
    if text.is_empty() {
        return Err(Error::new(Kind::Config, "the path of sink parquet is empty").help("give a folder, such as `out`"));
    }
    if Location::is_url(&text) {
        let location = Location::at(text).with(options.clone());
        location.check()?;
        return Ok(Place::Object(location));
    }
    if *options != ObjectOptions::default() {
        return Err(Error::new(Kind::Config, format!("sink parquet `{text}`: options of an object store are given"))
            .help("leave them out for a local folder, or write a URL such as `s3://bucket/readings`"));
    }
    Ok(Place::Local(root.to_owned()))
}

/// Appends a value as a part of a path that no reader or file system takes for anything else, and that readers decode.
///
/// Every byte outside of `[A-Za-z0-9_.-]` is percent-encoded, and so are the dots of `.` and `..`. What would be longer
/// than [`MAX_VALUE`] is cut and ends in `~` and a hash; `~` is otherwise encoded, so that no other value has this name.
#[cfg_attr(not(feature = "parquet"), allow(dead_code))]
pub(super) fn encode(value: &str, out: &mut String) {
    let start = out.len();
    let dots = value == "." || value == "..";
    // `~` and 32 digits of the hash.
    let (room, mut cut) = (MAX_VALUE - 33, None);
    for char in value.chars() {
        let before = out.len();
        let plain = match char {
            '.' => !dots,
            _ => char.is_ascii_alphanumeric() || matches!(char, '_' | '-'),
        };
        if plain {
            out.push(char);
        } else {
            let mut bytes = [0; 4];
            for byte in char.encode_utf8(&mut bytes).bytes() {
                // Writing to a String does not fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
        // Cut between characters only: what readers decode must be valid UTF-8.
        if cut.is_none() && out.len() - start > room {
            cut = Some(before);
        }
        if out.len() - start > MAX_VALUE {
            out.truncate(cut.unwrap_or(before));
            let _ = write!(out, "~{:032x}", xxhash_rust::xxh3::xxh3_128(value.as_bytes()));
            return;
        }
    }
}

/// The name of a file: the epoch, the worker, its number within the two, and six digits that differ between stage
/// folders, so that runs on other checkpoints do not meet in one output.
#[cfg_attr(not(feature = "parquet"), allow(dead_code))]
pub(super) fn file_name(epoch: u64, worker: usize, sequence: usize, stage: &str, generation: u64) -> String {
    let seed = xxhash_rust::xxh3::xxh3_64_with_seed(stage.as_bytes(), generation);
    let nonce = seed & 0xff_ffff;
    format!("e{epoch:010}-w{worker:03}-{sequence:03}-{nonce:06x}.parquet")
}
