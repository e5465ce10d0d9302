//! Which values an expression may give a column.

use bumpalo::Bump;

use super::column::Stored;

/// A view that can be written to a column: `&str`, `f64`, `Option<Timestamp>`, a nested view.
#[diagnostic::on_unimplemented(
    message = "a value of type `{Self}` cannot be a column",
    label = "this is a `{Self}`",
    note = "columns are bool, integers, floats, &str, &[u8], Timestamp, Date, Duration, Decimal, Option of these, slices, and views of schemas; a length is `items.len() as u64`"
)]
pub trait Cell: Copy {
    /// The owned type of the column.
    type Column: Stored;
    /// Appends to an Arrow array under construction.
    fn put(self, builder: &mut <Self::Column as Stored>::Builder);
    /// Appends the items of a list.
    #[doc(hidden)]
    #[inline]
    fn list_put(list: &[Self], items: &mut <Self::Column as Stored>::Builder) {
        for item in list {
            item.put(items);
        }
    }
}

/// A value that an expression of `select` may have. Owned text and lists move to the arena of the chunk, so that every
/// column is `Copy`; everything else stays what it is.
#[diagnostic::on_unimplemented(
    message = "a value of type `{Self}` cannot be a column",
    label = "this is a `{Self}`",
    note = "columns are bool, integers, floats, &str, String, &[u8], Timestamp, Date, Duration, Decimal, Option of these, slices, and views of schemas; a length is `items.len() as u64`"
)]
pub trait Value<'a> {
    /// The column's view.
    type View: Copy;
    /// Gives the view, which lives as long as the arena.
    fn settle(self, arena: &'a Bump) -> Self::View;
}

/// A value that can be a column although it is only borrowed, as what a table or an iterator gives: `&String` becomes
/// `&str`, a view is copied.
#[diagnostic::on_unimplemented(
    message = "a value of type `&{Self}` cannot be a column",
    label = "this is a `&{Self}`",
    note = "columns are bool, integers, floats, &str, String, &[u8], Timestamp, Date, Option of these, slices, and views of schemas; a length is `items.len() as u64`"
)]
pub trait Lend<'b> {
    /// The column's view.
    type View: Copy;
    /// Gives the view.
    fn lend(&'b self) -> Self::View;
}

/// Implements [`Value`] for types that are views already.
macro_rules! value_is_view {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::schema::cell::Lend<'_> for $type {
            type View = $type;
            #[inline]
            fn lend(&self) -> $type { *self }
        }
        impl<'a> $crate::schema::cell::Value<'a> for $type {
            type View = $type;
            #[inline]
            fn settle(self, _arena: &'a ::bumpalo::Bump) -> $type { self }
        }
    )*};
}
pub(crate) use value_is_view;

impl<'a> Value<'a> for String {
    type View = &'a str;
    #[inline]
    fn settle(self, arena: &'a Bump) -> &'a str {
        arena.alloc_str(&self)
    }
}

impl<'a, 'b: 'a> Value<'a> for &'b str {
    type View = &'a str;
    #[inline]
    fn settle(self, _arena: &'a Bump) -> &'a str {
        self
    }
}

impl<'a, 'b: 'a, T: 'a> Value<'a> for &'b [T] {
    type View = &'a [T];
    #[inline]
    fn settle(self, _arena: &'a Bump) -> &'a [T] {
        self
    }
}

impl<'a, T: Copy + 'a> Value<'a> for Vec<T> {
    type View = &'a [T];
    #[inline]
    fn settle(self, arena: &'a Bump) -> &'a [T] {
        arena.alloc_slice_copy(&self)
    }
}

impl<'a, 'b, V: Lend<'b>> Value<'a> for &'b V {
    type View = V::View;
    #[inline]
    fn settle(self, _arena: &'a Bump) -> V::View {
        self.lend()
    }
}

impl<'b> Lend<'b> for String {
    type View = &'b str;
    #[inline]
    fn lend(&'b self) -> &'b str {
        self
    }
}

impl<'t> Lend<'_> for &'t str {
    type View = &'t str;
    #[inline]
    fn lend(&self) -> &'t str {
        self
    }
}

impl<'t, T> Lend<'_> for &'t [T] {
    type View = &'t [T];
    #[inline]
    fn lend(&self) -> &'t [T] {
        self
    }
}

impl<'b, T: 'b> Lend<'b> for Vec<T> {
    type View = &'b [T];
    #[inline]
    fn lend(&'b self) -> &'b [T] {
        self
    }
}

impl<'t, V: Lend<'t>> Lend<'_> for &'t V {
    type View = V::View;
    #[inline]
    fn lend(&self) -> V::View {
        (*self).lend()
    }
}

impl<'b, V: Lend<'b>> Lend<'b> for Option<V> {
    type View = Option<V::View>;
    #[inline]
    fn lend(&'b self) -> Self::View {
        self.as_ref().map(V::lend)
    }
}

impl<'a, V: Value<'a>> Value<'a> for Option<V> {
    type View = Option<V::View>;
    #[inline]
    fn settle(self, arena: &'a Bump) -> Self::View {
        self.map(|value| value.settle(arena))
    }
}
