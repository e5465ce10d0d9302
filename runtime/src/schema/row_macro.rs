//! `row!`: a row of columns whose types are inferred.

/// Makes a generic struct of columns a [`Row`](crate::schema::Row): declares its builders and writes them.
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
            fn schema() -> $crate::__private::arrow::datatypes::SchemaRef {
                use $crate::__private::arrow::datatypes::{Field, Fields};
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
            fn finish(&mut self) -> ::std::vec::Vec<$crate::__private::arrow::array::ArrayRef> {
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
