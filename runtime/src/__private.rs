//! What generated code may name besides the public API. Not for users.

pub use ::arrow;
pub use ::bumpalo::Bump as Arena;
pub use ::std;

use crate::decode::{Fault, Reader};
use crate::schema::Column;

/// The value of a field after its object was read: what was found, nothing when unused, or what a missing field means.
///
/// # Errors
/// The field is missing and must not be.
#[inline]
pub fn field<'a, R: Reader<'a>, T: Column>(
    reader: &R,
    found: Option<T::View<'a>>,
    used: bool,
    name: &'static str,
) -> Result<T::View<'a>, Fault> {
    match found {
        Some(value) => Ok(value),
        None if !used => Ok(T::unread()),
        None => T::missing().ok_or_else(|| reader.missing(name)),
    }
}
