//! Rust values that a pipeline keeps.

/// A Rust value that a pipeline can keep: `{threshold}`.
#[diagnostic::on_unimplemented(
    message = "a value of type `{Self}` cannot be kept in a pipeline",
    label = "this is a `{Self}`",
    note = "a pipeline keeps its values and gives every worker a clone: they must be `Clone + Send + Sync + 'static`, so own it or put it into an `Arc`"
)]
pub trait Capture: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> Capture for T {}

/// A Rust value that the closures of a pipeline will hold, as it is; what it must be able to do is asked for here, where it
/// is named, not where a closure holds it.
///
/// ```
/// use millstream::pipeline::capture;
/// use std::sync::Arc;
///
/// let allowed = capture(Arc::new(["DE".to_owned(), "FR".to_owned()]));
/// assert_eq!(allowed.len(), 2);
/// ```
pub fn capture<T: Capture>(value: T) -> T {
    value
}

/// A kept value that an expression can take by value for every row.
#[diagnostic::on_unimplemented(
    message = "a value of type `{Self}` would be gone after the first row",
    label = "this is a `{Self}`, taken by value",
    note = "borrow it, as in `&{{value}}` or `{{value}}.as_str()`, or write `{{value}}.clone()`"
)]
pub trait Taken {}

#[diagnostic::do_not_recommend]
impl<T: Copy> Taken for T {}

/// Asks for what a kept value must be able to do where a function or an operator takes it by value.
///
/// ```
/// use millstream::pipeline::taken;
/// let factor = 1.8;
/// taken(&factor);
/// ```
/// ```compile_fail
/// # use millstream::pipeline::taken;
/// let name = String::from("a");
/// taken(&name);
/// ```
pub fn taken<T: Taken>(_value: &T) {}
