//! `row!`: a struct of columns that is a row.

/// Makes a struct of columns a [`Row`](crate::schema::Row), so that it can go to a sink as it is: declares its builders and
/// writes them.
///
/// A struct that borrows, such as the record of a source or the row of a format, names the owned types of its columns:
///
/// ```
/// # use millstream::schema::RowBuilder;
/// #[derive(Clone, Copy)]
/// struct Mail<'a> { to: &'a str, data: &'a [u8], size: Option<u64> }
/// millstream::row!(MailBuilders, Mail<'_> { to: String, data: Vec<u8>, size: Option<u64> });
///
/// let columns = MailBuilders::schema();
/// assert_eq!(columns.field(0).to_string(), r#"Field { "to": Utf8 }"#);
/// ```
///
/// The types of a generic one are inferred from its values:
///
/// ```
/// # use millstream::schema::RowBuilder;
/// #[derive(Clone, Copy)]
/// struct Out<A, B> { device_id: A, n: B }
/// millstream::row!(OutBuilders, Out { device_id: A, n: B });
///
/// fn schema_of_row<R: millstream::schema::Row>(_: R) -> String {
///     R::Builders::schema().fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ")
/// }
/// assert_eq!(schema_of_row(Out { device_id: "a", n: 1 }), "device_id, n");
/// ```
#[macro_export]
macro_rules! row {
    ($builders:ident, $row:ident<'_> { $($name:ident: $type:ty),* $(,)? }) => {
        #[doc = ::std::concat!("The builders of the columns of [`", ::std::stringify!($row), "`].")]
        #[derive(Default)]
        pub struct $builders {
            $($name: <$type as $crate::schema::Stored>::Builder,)*
            len: usize,
        }

        impl $crate::schema::RowBuilder for $builders {
            fn schema() -> $crate::schema::arrow::SchemaRef {
                $crate::schema::row::schema_of(::std::vec![$(
                    $crate::schema::fields::arrow_field::<$type>($crate::schema::row::plain_name(::std::stringify!($name)))
                ),*].into())
            }
            fn len(&self) -> usize {
                self.len
            }
            #[inline]
            fn bulk(&self) -> usize {
                0 $(+ $crate::schema::Builder::bulk(&self.$name))*
            }
            fn finish(&mut self) -> ::std::vec::Vec<$crate::schema::arrow::ArrayRef> {
                self.len = 0;
                ::std::vec![$($crate::schema::Builder::finish(&mut self.$name, ::std::option::Option::None)),*]
            }
        }

        impl $crate::schema::Row for $row<'_> {
            type Builders = $builders;
            #[inline]
            fn push(self, builders: &mut $builders) {
                builders.len += 1;
                $(<$type as $crate::schema::Stored>::push(self.$name, &mut builders.$name);)*
            }
        }
    };
    ($builders:ident, $row:ident { $($name:ident: $param:ident),* $(,)? }) => {
        #[doc(hidden)]
        #[allow(unreachable_pub)]
        pub struct $builders<$($param: $crate::schema::Stored),*> {
            $($name: <$param as $crate::schema::Stored>::Builder,)*
            len: usize,
        }

        impl<$($param: $crate::schema::Stored),*> ::std::default::Default for $builders<$($param),*> {
            fn default() -> Self {
                Self { $($name: ::std::default::Default::default(),)* len: 0 }
            }
        }

        impl<$($param: $crate::schema::Stored),*> $crate::schema::RowBuilder for $builders<$($param),*> {
            fn schema() -> $crate::schema::arrow::SchemaRef {
                use $crate::schema::arrow::{Field, Fields};
                let fields: ::std::vec::Vec<Field> = ::std::vec![$(Field::new(
                    $crate::schema::row::plain_name(::std::stringify!($name)),
                    <$param as $crate::schema::Stored>::data_type(),
                    <$param as $crate::schema::Stored>::NULLABLE,
                )),*];
                $crate::schema::row::schema_of(Fields::from(fields))
            }
            fn len(&self) -> usize {
                self.len
            }
            #[inline]
            fn bulk(&self) -> usize {
                0 $(+ $crate::schema::Builder::bulk(&self.$name))*
            }
            fn finish(&mut self) -> ::std::vec::Vec<$crate::schema::arrow::ArrayRef> {
                self.len = 0;
                ::std::vec![$($crate::schema::Builder::finish(&mut self.$name, ::std::option::Option::None)),*]
            }
        }

        impl<$($param: $crate::schema::Cell),*> $crate::schema::Row for $row<$($param),*> {
            type Builders = $builders<$(<$param as $crate::schema::Cell>::Column),*>;
            #[inline]
            fn push(self, builders: &mut Self::Builders) {
                builders.len += 1;
                $($crate::schema::Cell::put(self.$name, &mut builders.$name);)*
            }
        }
    };
}
