//! What generated code may name besides the public API. Not for users.

pub use ::arrow;
pub use ::bumpalo::Bump as Arena;
pub use ::std;

use crate::Pipeline;
use crate::decode::{Fault, Reader};
use crate::operator::Window;
use crate::schema::{Column, Rows, Stored};
use crate::time::Timestamp;

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

/// A Rust value that a pipeline keeps: `{threshold}`.
#[diagnostic::on_unimplemented(
    message = "a value of type `{Self}` cannot be kept in a pipeline",
    label = "this is a `{Self}`",
    note = "a pipeline keeps its values and gives every worker a clone: they must be `Clone + Send + Sync + 'static`, so own it or put it into an `Arc`"
)]
pub trait Capture: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> Capture for T {}

/// Keeps a Rust value.
pub fn capture<T: Capture>(value: T) -> T {
    value
}

/// The items of `explode`.
#[inline]
pub fn explode<I: IntoIterator>(items: I) -> I::IntoIter {
    items.into_iter()
}

/// The items of `explode outer`: a row without items has one that is null.
#[inline]
pub fn explode_outer<I: IntoIterator>(items: I) -> impl Iterator<Item = Option<I::Item>> {
    let mut items = items.into_iter();
    let first = items.next();
    std::iter::once(first).chain(items.map(Some))
}

/// The event time of a group: the last instant of its window, as no window that covers it is late then.
#[inline]
#[must_use]
pub fn window_time(window: Window) -> Timestamp {
    window.end.saturating_add_micros(-1)
}

/// A value that is never there, to check a type against.
#[inline]
#[must_use]
pub fn nothing<T>() -> Option<T> {
    None
}

/// Checks that a column of the row is what a field of a declared struct needs.
#[inline]
pub fn fits<'a, T: Stored>(_field: &'a T, _column: T::View<'a>) {}

/// The row of a pipeline whose text is wrong.
#[derive(Clone, Copy)]
pub struct Empty {}

crate::row!(EmptyBuilders, Empty {});

/// The value of a pipeline whose text is wrong: it is never run, as the text does not compile.
pub fn broken() -> Pipeline {
    crate::pipeline::from(crate::source::memory(Vec::<Vec<u8>>::new()))
        .undecoded()
        .rows(|_, _, _: &mut Rows<EmptyBuilders>| {})
        .sink(crate::sink::collect())
}

/// The tokens of a stage that was left out, where an editor finds them.
#[doc(hidden)]
#[macro_export]
macro_rules! __editor {
    ($($tokens:tt)*) => { { $($tokens)* } };
}
pub use crate::__editor as editor;
