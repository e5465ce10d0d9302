//! Column types of one's own.

use super::column::{Column, Stored};

/// A column type of one's own: a struct around a value that is a column. It is written, kept and seen in expressions as
/// that value is, so it can be a key and an aggregate's input wherever that can.
///
/// `#[derive(StreamSchema)]` on a struct like `struct DeviceId(String);` is all that is needed. By hand, with
/// [`newtype!`](crate::newtype) for the rest, it can also say which values there are; a record with another one is at fault:
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
/// millstream::newtype!(Country);
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

/// Makes a [`Newtype`](crate::schema::Newtype) a column.
///
/// No blanket implementation does it, as rustc would then speak of the inner bound wherever a type is no column.
#[macro_export]
macro_rules! newtype {
    ($type:ty $(where $($bound:tt)*)?) => {
        #[automatically_derived]
        impl $crate::schema::Stored for $type $(where $($bound)*)? {
            type View<'a> = <<Self as $crate::schema::Newtype>::Inner as $crate::schema::Stored>::View<'a>;
            type Builder = <<Self as $crate::schema::Newtype>::Inner as $crate::schema::Stored>::Builder;
            const NULLABLE: bool = <<Self as $crate::schema::Newtype>::Inner as $crate::schema::Stored>::NULLABLE;
            fn data_type() -> $crate::schema::arrow::DataType {
                <<Self as $crate::schema::Newtype>::Inner as $crate::schema::Stored>::data_type()
            }
            #[inline]
            fn view<'a>(&'a self, arena: &'a $crate::schema::Arena) -> Self::View<'a> {
                $crate::schema::Stored::view($crate::schema::Newtype::inner(self), arena)
            }
            #[inline]
            fn own(view: Self::View<'_>) -> Self {
                $crate::schema::Newtype::new($crate::schema::Stored::own(view))
            }
            #[inline]
            fn push(view: Self::View<'_>, builder: &mut Self::Builder) {
                <<Self as $crate::schema::Newtype>::Inner as $crate::schema::Stored>::push(view, builder);
            }
            fn push_owned(&self, builder: &mut Self::Builder) {
                $crate::schema::Stored::push_owned($crate::schema::Newtype::inner(self), builder);
            }
            #[inline]
            fn heap(&self) -> usize {
                $crate::schema::Stored::heap($crate::schema::Newtype::inner(self))
            }
            fn load(array: &dyn $crate::schema::arrow::Array, row: usize) -> ::std::option::Option<Self> {
                let inner = $crate::schema::Stored::load(array, row);
                inner.map(<Self as $crate::schema::Newtype>::new)
            }
        }

        #[automatically_derived]
        impl $crate::schema::Column for $type $(where $($bound)*)? {
            #[inline]
            fn read<'a, R: $crate::schema::Reader<'a>, P: $crate::schema::Projection>(
                reader: &mut R,
            ) -> ::std::result::Result<Self::View<'a>, $crate::schema::Fault> {
                let view = <<Self as $crate::schema::Newtype>::Inner as $crate::schema::Column>::read::<R, P>(reader)?;
                match <Self as $crate::schema::Newtype>::check(view) {
                    ::std::result::Result::Ok(()) => ::std::result::Result::Ok(view),
                    ::std::result::Result::Err(expected) => {
                        ::std::result::Result::Err($crate::schema::Reader::unexpected(reader, expected))
                    }
                }
            }
            fn unread<'a>() -> Self::View<'a> {
                <<Self as $crate::schema::Newtype>::Inner as $crate::schema::Column>::unread()
            }
            fn missing<'a>() -> ::std::option::Option<Self::View<'a>> {
                <<Self as $crate::schema::Newtype>::Inner as $crate::schema::Column>::missing()
            }
        }
    };
}
