//! Which fields of a schema a pipeline uses, worked out while it is compiled.
//!
//! `pipeline!` writes down the names its expressions mention as data; the derived decoder asks [`uses`] for each field in
//! a constant. Names that are no fields are harmless, so the macro needs to know no type.

use std::marker::PhantomData;

use super::StreamSchema;

/// The fields a pipeline uses.
///
/// ```
/// use millstream::schema::Projection;
/// struct Used;
/// impl Projection for Used {
///     const NAMES: &'static [&'static str] = &["device_id", "location.lat"];
///     const REST: bool = false;
/// }
/// ```
pub trait Projection: Send + Sync + 'static {
    /// Paths of used fields, nested ones joined by `.`; a path uses everything below it.
    const NAMES: &'static [&'static str];
    /// Whether every field is used, because the whole row goes to a sink or a user's function.
    const REST: bool;
    /// Fields that are not part of that rest: they were dropped or replaced, and are used only if they are named.
    const EXCEPT: &'static [&'static str] = &[];
    /// Whether the field marked `#[stream(event_time)]` is used without being named.
    const EVENT_TIME: bool = false;
    /// The field that this projection looks inside of; `None` at the top.
    const PATH: Option<&'static Path> = None;
}

/// A field inside of another.
pub struct Path {
    /// The field's name.
    pub name: &'static str,
    /// What it is inside of.
    pub parent: Option<&'static Path>,
}

/// Every field is used.
pub struct All;

impl Projection for All {
    const NAMES: &'static [&'static str] = &[];
    const REST: bool = true;
}

/// What projection `P` uses inside of field number `FIELD` of schema `S`.
pub struct Inside<P, S, const FIELD: usize>(PhantomData<fn() -> (P, S)>);

impl<P: Projection, S: StreamSchema, const FIELD: usize> Projection for Inside<P, S, FIELD> {
    const NAMES: &'static [&'static str] = P::NAMES;
    const REST: bool = P::REST;
    const EXCEPT: &'static [&'static str] = P::EXCEPT;
    const PATH: Option<&'static Path> = Some(&Path { name: S::FIELDS[FIELD], parent: P::PATH });
}

/// Whether projection `P` uses field number `field` of schema `S`.
#[must_use]
pub const fn uses<P: Projection, S: StreamSchema>(field: usize) -> bool {
    let name = S::FIELDS[field];
    if P::REST && !is_except::<P>(name) {
        return true;
    }
    if P::EVENT_TIME
        && P::PATH.is_none()
        && let Some(event_time) = S::EVENT_TIME
        && same(event_time.as_bytes(), 0, event_time.len(), name)
    {
        return true;
    }
    let path = Path { name, parent: P::PATH };
    let mut index = 0;
    while index < P::NAMES.len() {
        if overlaps(P::NAMES[index], &path) {
            return true;
        }
        index += 1;
    }
    false
}

/// Whether the field, or the one of the whole row that it is inside of, is excepted from the rest.
const fn is_except<P: Projection>(name: &str) -> bool {
    let (mut root, mut at) = (name, P::PATH);
    while let Some(path) = at {
        root = path.name;
        at = path.parent;
    }
    let mut index = 0;
    while index < P::EXCEPT.len() {
        if same(P::EXCEPT[index].as_bytes(), 0, P::EXCEPT[index].len(), root) {
            return true;
        }
        index += 1;
    }
    false
}

/// Whether the dotted `used` names `path`, something above it or something below it.
const fn overlaps(used: &str, path: &Path) -> bool {
    let used = used.as_bytes();
    // The segments of `path` from the top are compared with those of `used` until one of the two ends.
    let depth = depth(path);
    let (mut start, mut level) = (0, 0);
    while level < depth {
        let mut end = start;
        while end < used.len() && used[end] != b'.' {
            end += 1;
        }
        if !same(used, start, end, segment(path, depth - 1 - level)) {
            return false;
        }
        if end >= used.len() {
            return true;
        }
        start = end + 1;
        level += 1;
    }
    true
}

const fn depth(path: &Path) -> usize {
    let (mut depth, mut at) = (1, path.parent);
    while let Some(parent) = at {
        depth += 1;
        at = parent.parent;
    }
    depth
}

/// The name `up` levels above the last segment of `path`.
const fn segment(path: &Path, up: usize) -> &'static str {
    let (mut name, mut at, mut left) = (path.name, path.parent, up);
    while left > 0 {
        match at {
            Some(parent) => {
                name = parent.name;
                at = parent.parent;
            }
            None => return "",
        }
        left -= 1;
    }
    name
}

const fn same(text: &[u8], start: usize, end: usize, other: &str) -> bool {
    let other = other.as_bytes();
    if end - start != other.len() {
        return false;
    }
    let mut index = 0;
    while index < other.len() {
        if text[start + index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}
