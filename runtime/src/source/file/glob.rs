//! Which files a path means.

use std::fs;
use std::path::Path;

use super::past::Listed;
use super::position::mtime;
use crate::Result;
use crate::error::{Error, Kind};

/// The files that `path` means, in the order of their names. Empty when there are none yet.
///
/// # Errors
/// The path is of an object store, a folder cannot be read, or a name is not UTF-8.
pub(super) fn list(path: &str) -> Result<Vec<Listed>> {
    check(path)?;
    let mut found = Vec::new();
    match fs::metadata(path) {
        // What exists under just this name is meant, whatever signs the name holds.
        Ok(metadata) if metadata.is_dir() => walk(&format!("{}/", path.trim_end_matches('/')), &["*"], &mut found)?,
        Ok(metadata) if metadata.is_file() => found.push((path.to_owned(), mtime(&metadata))),
        Ok(_) => {
            return Err(Error::new(Kind::Config, format!("`{path}` is neither a file nor a folder"))
                .help("a pipe or device cannot be read again after a failure; write it to a file first"));
        }
        Err(_) if is_pattern(path) => {
            let (root, rest) = if let Some(rest) = path.strip_prefix('/') { ("/", rest) } else { ("", path) };
            let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
            walk(root, &parts, &mut found)?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io(format!("looking for `{path}`"), error)),
    }
    // With several `**` a file can be found in more than one way.
    found.sort_unstable();
    found.dedup_by(|one, other| one.0 == other.0);
    Ok(found)
}

/// Refuses paths that can never work.
pub(super) fn check(path: &str) -> Result<()> {
    if path.is_empty() {
        return Err(
            Error::new(Kind::Config, "the path of `file` is empty").help("write one, such as `file(\"in/*.json\")`")
        );
    }
    if let Some((scheme, rest)) = path.split_once("://") {
        let help = match scheme {
            "file" => format!("write the path itself: `{rest}`"),
            _ => "object stores are not supported yet; copy the files to a local folder and give its path".to_owned(),
        };
        return Err(Error::new(Kind::Config, format!("`file` cannot read `{path}`")).help(help));
    }
    Ok(())
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Adds the files under `prefix` (which is empty or ends in `/`) that match the parts of a pattern.
fn walk(prefix: &str, parts: &[&str], found: &mut Vec<Listed>) -> Result<()> {
    let Some((part, rest)) = parts.split_first() else { return Ok(()) };
    if !is_pattern(part) {
        let path = format!("{prefix}{part}");
        match fs::metadata(&path) {
            Ok(metadata) if rest.is_empty() && metadata.is_file() => found.push((path, mtime(&metadata))),
            Ok(metadata) if metadata.is_dir() => walk(&format!("{path}/"), rest, found)?,
            _ => {}
        }
        return Ok(());
    }
    let deep = *part == "**";
    if deep && !rest.is_empty() {
        walk(prefix, rest, found)?;
    }
    let folder = if prefix.is_empty() { "." } else { prefix };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // A folder that is not there (yet, or any more) has no files.
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(Error::io(format!("reading the folder `{folder}`"), error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| Error::io(format!("reading the folder `{folder}`"), error))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            let message = format!("the file name {name:?} in `{folder}` is not UTF-8");
            return Err(
                Error::new(Kind::Config, message).help("rename the file; its path is its name in the checkpoint")
            );
        };
        if !matches(part, name) {
            continue;
        }
        let path = format!("{prefix}{name}");
        // Links are followed, except downwards by `**`, where they could lead round in a circle.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_dir() {
            if deep {
                let link = fs::symlink_metadata(Path::new(&path)).is_ok_and(|metadata| metadata.is_symlink());
                if !link {
                    walk(&format!("{path}/"), parts, found)?;
                }
            } else if !rest.is_empty() {
                walk(&format!("{path}/"), rest, found)?;
            }
        } else if metadata.is_file() && rest.is_empty() {
            found.push((path, mtime(&metadata)));
        }
    }
    Ok(())
}

/// Whether a name matches a part of a pattern. `*` and `?` never take a leading `.` or `_`.
pub(super) fn matches(part: &str, name: &str) -> bool {
    if name.starts_with(['.', '_']) && part.starts_with(['*', '?']) {
        return false;
    }
    let (part, name): (Vec<char>, Vec<char>) = (part.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where to go on when the rest does not fit: after the last star, with one more character taken by it.
    let mut star = None;
    loop {
        match (part.get(p), name.get(n)) {
            (None, None) => return true,
            (Some('*'), _) => {
                star = Some((p, n));
                p += 1;
            }
            (Some('?'), Some(_)) => (p, n) = (p + 1, n + 1),
            (Some(left), Some(right)) if left == right => (p, n) = (p + 1, n + 1),
            _ => {
                let Some((at, taken)) = star else { return false };
                if taken >= name.len() {
                    return false;
                }
                star = Some((at, taken + 1));
                (p, n) = (at + 1, taken + 1);
            }
        }
    }
}
