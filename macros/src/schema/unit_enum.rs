//! The code of an enum: a column of text with a known set of values.

use proc_macro2::TokenStream;
use quote::quote;

use super::check::{UnitEnum, quiet};
use crate::diag::one_of;
use crate::paths;

/// Writes the implementations.
///
/// Each asks for the derives that the user must write, under a `for`, where rustc does not look; the last item says that one is
/// missing, once and at the user's token.
pub(crate) fn emit(schema: &UnitEnum) -> TokenStream {
    let rt = paths::runtime();
    let UnitEnum { ident, variants, other } = schema;
    let own = quiet(ident);
    let idents: Vec<_> = variants.iter().map(|variant| quiet(&variant.ident)).collect();
    let wire: Vec<_> = variants.iter().map(|variant| variant.names.wire.as_str()).collect();
    let names = variants.iter().map(|variant| &variant.names);
    let other = other.and_then(|other| idents.get(other));
    let unread = other.or(idents.first());
    let known = match other {
        Some(other) => quote!(::std::option::Option::Some(Self::#other)),
        None => quote!(::std::option::Option::None),
    };
    let expected = if let [only] = wire[..] { format!("`{only}`") } else { format!("one of {}", one_of(&wire)) };
    let numbers = 0..idents.len();
    let bound = quote!(where for<'__column> #own: #rt::schema::kind::UnitEnum);
    quote! {
        #[allow(dead_code, deprecated, private_bounds, unreachable_patterns, clippy::all, clippy::pedantic)]
        const _: () = {
            impl #own #bound {
                fn __of_text(text: &::std::primitive::str) -> ::std::option::Option<Self> {
                    match text {
                        #(#names => ::std::option::Option::Some(Self::#idents),)*
                        _ => #known,
                    }
                }
                /// The place among the variants as they are declared, whatever their discriminants are.
                fn __number(self) -> ::std::primitive::usize {
                    match self {
                        #(Self::#idents => #numbers,)*
                    }
                }
                fn __text(self) -> &'static ::std::primitive::str {
                    match self {
                        #(Self::#idents => #wire,)*
                    }
                }
            }

            #[automatically_derived]
            impl #rt::schema::Stored for #own #bound {
                type View<'a> = Self;
                type Builder = #rt::schema::text::StringBuilder;
                const SHAPE: #rt::schema::Shape = #rt::schema::Shape::Named(::std::stringify!(#own));
                fn data_type() -> #rt::schema::arrow::DataType {
                    #rt::schema::arrow::DataType::Utf8
                }
                #[inline]
                fn view<'a>(&'a self, _: &'a #rt::schema::Arena) -> Self {
                    *self
                }
                #[inline]
                fn own(view: Self) -> Self {
                    view
                }
                #[inline]
                fn push(view: Self, builder: &mut #rt::schema::text::StringBuilder) {
                    #rt::schema::text::StringBuilder::push(builder, view.__text());
                }
                fn load(array: &dyn #rt::schema::arrow::Array, row: ::std::primitive::usize) -> ::std::option::Option<Self> {
                    Self::__of_text(#rt::schema::text::text_at(array, row)?)
                }
            }

            #[automatically_derived]
            impl #rt::schema::Column for #own #bound {
                fn read<'a, R: #rt::schema::Reader<'a>, P: #rt::schema::Projection>(
                    reader: &mut R,
                ) -> ::std::result::Result<Self, #rt::schema::Fault> {
                    let text = #rt::schema::Reader::str(reader)?;
                    ::std::option::Option::ok_or_else(
                        Self::__of_text(text),
                        || #rt::schema::Reader::unexpected(reader, #expected),
                    )
                }
                fn unread<'a>() -> <Self as #rt::schema::Stored>::View<'a> {
                    Self::#unread
                }
            }

            #[automatically_derived]
            impl #rt::schema::kind::PartitionKey for #own #bound {}

            #[automatically_derived]
            impl #rt::schema::Cell for #own #bound {
                type Column = Self;
                #[inline]
                fn put(self, builder: &mut #rt::schema::text::StringBuilder) {
                    #rt::schema::text::StringBuilder::push(builder, self.__text());
                }
            }

            #[automatically_derived]
            impl<'a> #rt::schema::Value<'a> for #own #bound {
                type View = Self;
                #[inline]
                fn settle(self, _: &'a #rt::schema::Arena) -> Self {
                    self
                }
            }

            #[automatically_derived]
            impl #rt::schema::Lend<'_> for #own #bound {
                type View = Self;
                #[inline]
                fn lend(&self) -> Self {
                    *self
                }
            }

            #[automatically_derived]
            impl #rt::operator::key::KeyRef for #own #bound {
                type Owned = Self;
                #[inline]
                fn to_key(self) -> Self {
                    self
                }
                #[inline]
                fn same(self, key: &Self) -> ::std::primitive::bool {
                    self == *key
                }
                #[inline]
                fn feed<H: ::std::hash::Hasher>(self, hasher: &mut H) {
                    ::std::hash::Hash::hash(&self, hasher);
                }
            }

            #[automatically_derived]
            impl #rt::operator::key::Key for #own #bound {
                type Ref<'a> = Self;
                #[inline]
                fn key_ref(&self) -> Self {
                    *self
                }
                #[inline]
                fn equals(&self, other: &Self) -> ::std::primitive::bool {
                    *self == *other
                }
                #[inline]
                fn feed_key<H: ::std::hash::Hasher>(&self, hasher: &mut H) {
                    ::std::hash::Hash::hash(self, hasher);
                }
                // The text, not the number: variants may change their order.
                fn canonical(&self, out: &mut ::std::vec::Vec<::std::primitive::u8>) {
                    #rt::operator::key::canonical_text(self.__text(), out);
                }
            }

            #[automatically_derived]
            impl #rt::agg::scalar::Scalar for #own #bound {
                type Owned = Self;
                type Nullness = #rt::agg::state::Required;
                #[inline]
                fn compare(self, kept: &Self) -> ::std::cmp::Ordering {
                    ::std::cmp::Ord::cmp(&self.__number(), &kept.__number())
                }
                #[inline]
                fn keep(self, place: &mut ::std::option::Option<Self>) {
                    *place = ::std::option::Option::Some(self);
                }
                #[inline]
                fn feed<H: ::std::hash::Hasher>(self, hasher: &mut H) {
                    ::std::hash::Hash::hash(&self.__number(), hasher);
                }
            }

            #[automatically_derived]
            impl #rt::agg::scalar::Ordered for #own #bound {
                #[inline]
                fn compare_kept(&self, other: &Self) -> ::std::cmp::Ordering {
                    ::std::cmp::Ord::cmp(&self.__number(), &other.__number())
                }
                #[inline]
                fn feed<H: ::std::hash::Hasher>(&self, hasher: &mut H) {
                    ::std::hash::Hash::hash(&self.__number(), hasher);
                }
            }

            fn __derives() {
                #rt::schema::kind::is_unit_enum::<#ident>();
            }
        };
    }
}
