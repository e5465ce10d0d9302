//! Tuples: of keys, of aggregates, of columns. A tuple has at most twelve parts; a longer list is a tuple of tuples, and its
//! columns are those of all its parts one after the other.

use std::hash::Hasher;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use bumpalo::Bump;

use super::input::At;
use super::key::{Key, KeyRef};
use super::short::{Parts, Short};
use crate::Result;
use crate::agg::{Finish, Update};
use crate::schema::{Builder, Stored};

/// The builder of a column of tuples: a struct with the fields `0`, `1`, ..
pub struct TupleBuilder<T> {
    parts: T,
    len: usize,
}

impl<T: Default> Default for TupleBuilder<T> {
    fn default() -> Self {
        Self { parts: T::default(), len: 0 }
    }
}

macro_rules! tuple {
    ($($name:ident $value:ident $index:tt),*) => {
        impl<$($name: Builder),*> Builder for TupleBuilder<($($name,)*)> {
            fn push_placeholder(&mut self) {
                self.len += 1;
                $(self.parts.$index.push_placeholder();)*
            }
            fn len(&self) -> usize {
                self.len
            }
            fn bulk(&self) -> usize {
                0 $(+ self.parts.$index.bulk())*
            }
            fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
                let len = std::mem::take(&mut self.len);
                let arrays: Vec<ArrayRef> = vec![$(self.parts.$index.finish(None)),*];
                let fields: Vec<Field> = arrays
                    .iter()
                    .enumerate()
                    .map(|(index, array)| Field::new(index.to_string(), array.data_type().clone(), true))
                    .collect();
                if arrays.is_empty() {
                    return Arc::new(StructArray::new_empty_fields(len, nulls));
                }
                Arc::new(StructArray::new(Fields::from(fields), arrays, nulls))
            }
            fn columns(&mut self, _out: &mut Vec<ArrayRef>) {
                self.len = 0;
                $(self.parts.$index.columns(_out);)*
            }
        }

        impl<$($name: Stored),*> Stored for ($($name,)*) {
            type View<'a> = ($($name::View<'a>,)*);
            type Builder = TupleBuilder<($($name::Builder,)*)>;
            fn data_type() -> DataType {
                let types: Vec<DataType> = vec![$($name::data_type()),*];
                let fields = types.into_iter().enumerate();
                DataType::Struct(fields.map(|(index, of)| Field::new(index.to_string(), of, true)).collect())
            }
            #[allow(clippy::unused_unit)]
            fn view<'a>(&'a self, _arena: &'a Bump) -> Self::View<'a> {
                ($(self.$index.view(_arena),)*)
            }
            fn push_owned(&self, builder: &mut Self::Builder) {
                builder.len += 1;
                $(self.$index.push_owned(&mut builder.parts.$index);)*
            }
            #[allow(clippy::unused_unit)]
            fn own(view: Self::View<'_>) -> Self {
                let ($($value,)*) = view;
                ($($name::own($value),)*)
            }
            fn push(view: Self::View<'_>, builder: &mut Self::Builder) {
                let ($($value,)*) = view;
                builder.len += 1;
                $($name::push($value, &mut builder.parts.$index);)*
            }
            #[inline]
            fn heap(&self) -> usize {
                0 $(+ self.$index.heap())*
            }
            fn load(array: &dyn Array, _row: usize) -> Option<Self> {
                let _array = array.as_any().downcast_ref::<StructArray>()?;
                Some(($($name::load(_array.columns().get($index)?.as_ref(), _row)?,)*))
            }
            fn load_columns(_columns: &mut std::slice::Iter<'_, ArrayRef>, _row: usize) -> Option<Self> {
                Some(($($name::load_columns(_columns, _row)?,)*))
            }
            fn nullables(_out: &mut Vec<bool>) {
                $($name::nullables(_out);)*
            }
        }

        impl<$($name: KeyRef),*> KeyRef for ($($name,)*) {
            type Owned = ($($name::Owned,)*);
            #[allow(clippy::unused_unit)]
            fn to_key(self) -> Self::Owned {
                let ($($value,)*) = self;
                ($($value.to_key(),)*)
            }
            #[inline]
            fn same(self, _key: &Self::Owned) -> bool {
                true $(&& self.$index.same(&_key.$index))*
            }
            #[inline]
            fn feed<HH: Hasher>(self, _hasher: &mut HH) {
                $(self.$index.feed(_hasher);)*
            }
            #[inline]
            fn shorten(self, _short: &mut Short) {
                $(self.$index.shorten(_short);)*
            }
        }

        impl<$($name: Key),*> Key for ($($name,)*) {
            type Ref<'a> = ($($name::Ref<'a>,)*);
            #[inline]
            #[allow(clippy::unused_unit)]
            fn key_ref(&self) -> Self::Ref<'_> {
                ($(self.$index.key_ref(),)*)
            }
            #[inline]
            fn equals(&self, _other: &Self) -> bool {
                true $(&& self.$index.equals(&_other.$index))*
            }
            #[inline]
            fn feed_key<HH: Hasher>(&self, _hasher: &mut HH) {
                $(self.$index.feed_key(_hasher);)*
            }
            fn canonical(&self, _out: &mut Vec<u8>) {
                $(self.$index.canonical(_out);)*
            }
            #[inline]
            fn lengthen(_parts: &mut Parts) -> Option<Self> {
                Some(($($name::lengthen(_parts)?,)*))
            }
        }

        impl<$($name: Update),*> Update for ($($name,)*) {
            type State = ($($name::State,)*);
            #[inline]
            fn apply(self, _state: &mut Self::State, _at: At) {
                $(self.$index.apply(&mut _state.$index, _at);)*
            }
        }

        impl<$($name: Finish),*> Finish for ($($name,)*) {
            type Out<'a> = ($($name::Out<'a>,)*);
            #[allow(clippy::unused_unit)]
            fn finish<'a>(&'a self, _arena: &'a Bump) -> Result<Self::Out<'a>> {
                Ok(($(self.$index.finish(_arena)?,)*))
            }
            fn merge(&mut self, _other: Self) {
                $(self.$index.merge(_other.$index);)*
            }
            fn names(_out: &mut Vec<&'static str>) {
                $($name::names(_out);)*
            }
        }
    };
}

tuple!();
tuple!(A a 0);
tuple!(A a 0, B b 1);
tuple!(A a 0, B b 1, C c 2);
tuple!(A a 0, B b 1, C c 2, D d 3);
tuple!(A a 0, B b 1, C c 2, D d 3, E e 4);
tuple!(A a 0, B b 1, C c 2, D d 3, E e 4, F f 5);
tuple!(A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6);
tuple!(A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7);
tuple!(A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8);
tuple!(A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9);
tuple!(A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9, K k 10);
tuple!(A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9, K k 10, L l 11);
