//! Column types of one's own.

use arrow::array::Array;
use arrow::datatypes::DataType;
use bumpalo::Bump;

use super::column::{Column, Stored};
use super::projection::Projection;
use super::{Fault, Reader};

/// A column type of one's own: a struct around a value that is a column. It is written, kept and seen in expressions as
/// that value is, so it can be a key and an aggregate's input wherever that can.
///
/// `#[derive(StreamSchema)]` on a struct like `struct DeviceId(String);` implements it. By hand it can also say which values
/// there are; a record with another one is at fault:
///
/// ```
/// use millstream::prelude::*;
/// use millstream::schema::Newtype;
///
/// /// Two capital letters.
/// #[derive(Debug, Clone, PartialEq)]
/// struct Country(String);
///
/// impl Newtype for Country {
///     type Inner = String;
///     fn new(inner: String) -> Self {
///         Country(inner)
///     }
///     fn inner(&self) -> &String {
///         &self.0
///     }
///     fn check(view: &str) -> Result<(), &'static str> {
///         let letters = view.len() == 2 && view.bytes().all(|byte| byte.is_ascii_uppercase());
///         if letters { Ok(()) } else { Err("a country code such as \"DE\"") }
///     }
/// }
///
/// #[derive(StreamSchema)]
/// struct Order {
///     #[stream(event_time)]
///     ts: Timestamp,
///     country: Country,
/// }
///
/// let pipeline = pipeline! {
///     from memory(["{}"])
///     | decode json as Order else dead_letter(collect())
///     | filter country.starts_with('D')
///     | sink console()
/// };
/// let mut run = pipeline.test();
/// run.push([r#"{"ts":"2026-01-01T00:00:00Z","country":"DE"}"#, r#"{"ts":"2026-01-01T00:00:00Z","country":"D!"}"#])?;
/// assert_eq!(run.end()?.rows::<Order>()?[0].country, Country("DE".to_owned()));
/// assert!(run.dead_letters()[0].error.contains("expected a country code"));
/// # Ok::<(), millstream::Error>(())
/// ```
pub trait Newtype: Sized + Send + Sync + 'static {
    /// The column that it is kept in.
    type Inner: Column;
    /// Puts the struct around its value.
    fn new(inner: Self::Inner) -> Self;
    /// The value.
    fn inner(&self) -> &Self::Inner;
    /// Whether a value that was read is one of this type.
    ///
    /// # Errors
    /// It is not; the text goes after "expected".
    fn check(view: <Self::Inner as Stored>::View<'_>) -> Result<(), &'static str> {
        let _ = view;
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<T: Newtype> Stored for T {
    type View<'a> = <T::Inner as Stored>::View<'a>;
    type Builder = <T::Inner as Stored>::Builder;
    const NULLABLE: bool = T::Inner::NULLABLE;
    fn data_type() -> DataType {
        T::Inner::data_type()
    }
    #[inline]
    fn view<'a>(&'a self, arena: &'a Bump) -> Self::View<'a> {
        self.inner().view(arena)
    }
    #[inline]
    fn own(view: Self::View<'_>) -> Self {
        T::new(T::Inner::own(view))
    }
    #[inline]
    fn push(view: Self::View<'_>, builder: &mut Self::Builder) {
        T::Inner::push(view, builder);
    }
    fn push_owned(&self, builder: &mut Self::Builder) {
        self.inner().push_owned(builder);
    }
    fn load(array: &dyn Array, row: usize) -> Option<Self> {
        T::Inner::load(array, row).map(T::new)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Newtype> Column for T {
    #[inline]
    fn read<'a, R: Reader<'a>, P: Projection>(reader: &mut R) -> Result<Self::View<'a>, Fault> {
        let view = T::Inner::read::<R, P>(reader)?;
        T::check(view).map_err(|expected| reader.unexpected(expected))?;
        Ok(view)
    }
    fn unread<'a>() -> Self::View<'a> {
        T::Inner::unread()
    }
    fn missing<'a>() -> Option<Self::View<'a>> {
        T::Inner::missing()
    }
}
