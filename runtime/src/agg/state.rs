//! Accumulators as columns of state.

use crate::Result;
use crate::error::{Error, Kind};

/// Declares an accumulator: a struct whose fields are [`Stored`](crate::schema::Stored), itself stored as an Arrow struct
/// of them. `heap` is a function that gives the bytes of its text and lists, where looking at every item would take long.
macro_rules! accumulator {
    (
        $(#[$doc:meta])* $name:ident<$($param:ident: $bound:path),*>
        { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? }
        $(heap $heap:expr)?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name<$($param: $bound),*> {
            $($(#[$field_doc])* pub(crate) $field: $type,)*
            #[allow(dead_code)]
            pub(crate) marker: ::std::marker::PhantomData<fn() -> ($($param,)*)>,
        }

        impl<$($param: $bound),*> Default for $name<$($param),*> {
            fn default() -> Self {
                Self { $($field: ::std::default::Default::default(),)* marker: ::std::marker::PhantomData }
            }
        }

        const _: () = {
            use ::arrow::array::{Array, ArrayRef, StructArray};
            use ::arrow::datatypes::{DataType, Field, Fields};
            use $crate::schema::{Builder, Stored};

            /// The builder of the accumulator's column.
            pub struct Build<$($param: $bound),*> {
                $($field: <$type as Stored>::Builder,)*
                marker: ::std::marker::PhantomData<fn() -> ($($param,)*)>,
            }

            impl<$($param: $bound),*> Default for Build<$($param),*> {
                fn default() -> Self {
                    Self { $($field: ::std::default::Default::default(),)* marker: ::std::marker::PhantomData }
                }
            }

            impl<$($param: $bound),*> Build<$($param),*> {
                fn fields() -> Fields {
                    Fields::from(vec![$(Field::new(
                        stringify!($field), <$type as Stored>::data_type(), <$type as Stored>::NULLABLE,
                    )),*])
                }
            }

            impl<$($param: $bound),*> Builder for Build<$($param),*> {
                fn push_placeholder(&mut self) {
                    $(self.$field.push_placeholder();)*
                }
                #[allow(unreachable_code)]
                fn len(&self) -> usize {
                    $(return self.$field.len();)*
                    0
                }
                fn bulk(&self) -> usize {
                    0 $(+ self.$field.bulk())*
                }
                fn finish(&mut self, nulls: Option<::arrow::buffer::NullBuffer>) -> ArrayRef {
                    let columns: Vec<ArrayRef> = vec![$(self.$field.finish(None)),*];
                    ::std::sync::Arc::new(StructArray::new(Self::fields(), columns, nulls))
                }
            }

            impl<$($param: $bound),*> Stored for $name<$($param),*> {
                type View<'a> = &'a Self;
                type Builder = Build<$($param),*>;
                fn data_type() -> DataType {
                    DataType::Struct(Build::<$($param),*>::fields())
                }
                fn view<'a>(&'a self, _arena: &'a ::bumpalo::Bump) -> &'a Self {
                    self
                }
                fn own(view: &Self) -> Self {
                    Self { $($field: view.$field.clone(),)* marker: ::std::marker::PhantomData }
                }
                fn push(view: &Self, builder: &mut Self::Builder) {
                    $(view.$field.push_owned(&mut builder.$field);)*
                }
                #[inline]
                fn heap(&self) -> usize {
                    $crate::agg::state::accumulator!(@heap self, [$($field)*] $(, $heap)?)
                }
                fn load(array: &dyn Array, row: usize) -> Option<Self> {
                    let array = array.as_any().downcast_ref::<StructArray>()?;
                    Some(Self {
                        $($field: <$type as Stored>::load(array.column_by_name(stringify!($field))?.as_ref(), row)?,)*
                        marker: ::std::marker::PhantomData,
                    })
                }
            }
        };
    };
    (@heap $self:ident, [$($field:ident)*]) => { 0 $(+ $self.$field.heap())* };
    (@heap $self:ident, [$($field:ident)*], $heap:expr) => { $heap($self) };
}
pub(crate) use accumulator;

/// Whether an aggregate's result may be null: as its input is.
pub trait Nullness: Send + Sync + Clone + std::fmt::Debug + 'static {
    /// The result of type `T`, or an option of it.
    type Of<T: Copy>: Copy;
    /// That of two inputs: null when one of them is.
    type Or<N: Nullness>: Nullness;
    /// Gives the result.
    ///
    /// # Errors
    /// There is none and there must be.
    fn wrap<T: Copy>(value: Option<T>) -> Result<Self::Of<T>>;
}

/// The input is never null, so neither is the result.
#[derive(Debug, Clone)]
pub struct Required;

/// The input may be null; the result is null when nothing else came.
#[derive(Debug, Clone)]
pub struct Nullable;

impl Nullness for Required {
    type Of<T: Copy> = T;
    type Or<N: Nullness> = N;
    fn wrap<T: Copy>(value: Option<T>) -> Result<T> {
        value.ok_or_else(|| {
            Error::new(Kind::Internal, "an aggregate has no value though its input is never null")
                .help("its state may have been written by another version; start with a fresh checkpoint")
        })
    }
}

impl Nullness for Nullable {
    type Of<T: Copy> = Option<T>;
    type Or<N: Nullness> = Nullable;
    fn wrap<T: Copy>(value: Option<T>) -> Result<Option<T>> {
        Ok(value)
    }
}
