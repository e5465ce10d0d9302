use crate::error::{Error, Kind, Result};

/// The parts of a path of a store; refuses what could leave its root.
pub(super) fn parts(path: &str) -> Result<Vec<&str>> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    path.split('/')
        .map(|part| match part {
            "" | "." | ".." => Err(refuse(path)),
            part if part.contains('\0') => Err(refuse(path)),
            part => Ok(part),
        })
        .collect()
}

fn refuse(path: &str) -> Error {
    Error::new(Kind::Internal, format!("`{}` is not a path inside a store", path.escape_debug()))
        .help("every part of it has to be a plain name; encode names that come from data")
}

/// `dir/name`, where the root is `""`.
#[must_use]
pub fn join(dir: &str, name: &str) -> String {
    match (dir, name) {
        ("", name) => name.to_owned(),
        (dir, "") => dir.to_owned(),
        (dir, name) => format!("{dir}/{name}"),
    }
}

/// The directory of a path; the root is `""`.
#[must_use]
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// Makes any text one plain part of a path: every byte outside `[A-Za-z0-9_.-]` is percent-encoded, and so are `.` and
/// `..` as a whole and an empty text.
#[must_use]
pub fn safe_part(text: &str) -> String {
    match text {
        "" => return "%".to_owned(),
        "." => return "%2E".to_owned(),
        ".." => return "%2E%2E".to_owned(),
        _ => {}
    }
    let mut part = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' => part.push(byte as char),
            other => part.push_str(&format!("%{other:02X}")),
        }
    }
    if part.len() > 128 {
        // A name must fit the file system; two long names with one beginning still differ in the hash.
        part.truncate(100);
        part.push_str(&format!("-{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes())));
    }
    part
}
