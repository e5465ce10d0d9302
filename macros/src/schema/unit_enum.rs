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
    let rt = paths::private();
    let UnitEnum { ident, variants, other } = schema;
    let own = quiet(ident);
    let idents: Vec<_> = variants.iter().map(|variant| quiet(&variant.ident)).collect();
    let wire: Vec<_> = variants.iter().map(|variant| variant.names.wire.as_str()).collect();
    let names = variants.iter().map(|variant| &variant.names);
    let other = other.and_then(|other| idents.get(other));
    let unread = other.or(idents.first());
    let known = match other {
        Some(other) => quote!(#rt::std::option::Option::Some(Self::#other)),
        None => quote!(#rt::std::option::Option::None),
    };
    let expected = if let [only] = wire[..] { format!("`{only}`") } else { format!("one of {}", one_of(&wire)) };
    let numbers = 0..idents.len();
    let bound = quote!(where for<'__column> #own: #rt::UnitEnum);
    quote! {
        #[allow(dead_code, deprecated, private_bounds, unreachable_patterns, clippy::all, clippy::pedantic)]
        const _: () = {
            impl #own #bound {
                fn __of_text(text: &#rt::std::primitive::str) -> #rt::std::option::Option<Self> {
                    match text {
                        #(#names => #rt::std::option::Option::Some(Self::#idents),)*
                        _ => #known,
                    }
                }
                /// The place among the variants as they are declared, whatever their discriminants are.
                fn __number(self) -> #rt::std::primitive::usize {
                    match self {
                        #(Self::#idents => #numbers,)*
                    }
                }
                fn __text(self) -> &'static #rt::std::primitive::str {
                    match self {
                        #(Self::#idents => #wire,)*
                    }
                }
            }

            #[automatically_derived]
            impl #rt::Stored for #own #bound {
                type View<'a> = Self;
                type Builder = #rt::StringBuilder;
                const SHAPE: #rt::Shape = #rt::Shape::Named(#rt::std::stringify!(#own));
                fn data_type() -> #rt::DataType {
                    #rt::DataType::Utf8
                }
                #[inline]
                fn view<'a>(&'a self, _: &'a #rt::Arena) -> Self {
                    *self
                }
                #[inline]
                fn own(view: Self) -> Self {
                    view
                }
                #[inline]
                fn push(view: Self, builder: &mut #rt::StringBuilder) {
                    #rt::StringBuilder::push(builder, view.__text());
                }
                fn load(array: &dyn #rt::Array, row: #rt::std::primitive::usize) -> #rt::std::option::Option<Self> {
                    Self::__of_text(#rt::text_at(array, row)?)
                }
            }

            #[automatically_derived]
            impl #rt::Column for #own #bound {
                fn read<'a, R: #rt::Reader<'a>, P: #rt::Projection>(
                    reader: &mut R,
                ) -> #rt::std::result::Result<Self, #rt::Fault> {
                    let text = #rt::Reader::str(reader)?;
                    #rt::std::option::Option::ok_or_else(
                        Self::__of_text(text),
                        || #rt::Reader::unexpected(reader, #expected),
                    )
                }
                fn unread<'a>() -> <Self as #rt::Stored>::View<'a> {
                    Self::#unread
                }
            }

            #[automatically_derived]
            impl #rt::PartitionKey for #own #bound {}

            #[automatically_derived]
            impl #rt::Cell for #own #bound {
                type Column = Self;
                #[inline]
                fn put(self, builder: &mut #rt::StringBuilder) {
                    #rt::StringBuilder::push(builder, self.__text());
                }
            }

            #[automatically_derived]
            impl<'a> #rt::Value<'a> for #own #bound {
                type View = Self;
                #[inline]
                fn settle(self, _: &'a #rt::Arena) -> Self {
                    self
                }
            }

            #[automatically_derived]
            impl #rt::Lend<'_> for #own #bound {
                type View = Self;
                #[inline]
                fn lend(&self) -> Self {
                    *self
                }
            }

            #[automatically_derived]
            impl #rt::KeyRef for #own #bound {
                type Owned = Self;
                #[inline]
                fn to_key(self) -> Self {
                    self
                }
                #[inline]
                fn same(self, key: &Self) -> #rt::std::primitive::bool {
                    self == *key
                }
                #[inline]
                fn feed<H: #rt::std::hash::Hasher>(self, hasher: &mut H) {
                    #rt::std::hash::Hash::hash(&self, hasher);
                }
            }

            #[automatically_derived]
            impl #rt::Key for #own #bound {
                type Ref<'a> = Self;
                #[inline]
                fn key_ref(&self) -> Self {
                    *self
                }
                #[inline]
                fn equals(&self, other: &Self) -> #rt::std::primitive::bool {
                    *self == *other
                }
                #[inline]
                fn feed_key<H: #rt::std::hash::Hasher>(&self, hasher: &mut H) {
                    #rt::std::hash::Hash::hash(self, hasher);
                }
                // The text, not the number: variants may change their order.
                fn canonical(&self, out: &mut #rt::std::vec::Vec<#rt::std::primitive::u8>) {
                    #rt::canonical_text(self.__text(), out);
                }
            }

            #[automatically_derived]
            impl #rt::Scalar for #own #bound {
                type Owned = Self;
                type Nullness = #rt::Required;
                #[inline]
                fn compare(self, kept: &Self) -> #rt::std::cmp::Ordering {
                    #rt::std::cmp::Ord::cmp(&self.__number(), &kept.__number())
                }
                #[inline]
                fn keep(self, place: &mut #rt::std::option::Option<Self>) {
                    *place = #rt::std::option::Option::Some(self);
                }
                #[inline]
                fn feed<H: #rt::std::hash::Hasher>(self, hasher: &mut H) {
                    #rt::std::hash::Hash::hash(&self.__number(), hasher);
                }
            }

            #[automatically_derived]
            impl #rt::Ordered for #own #bound {
                #[inline]
                fn compare_kept(&self, other: &Self) -> #rt::std::cmp::Ordering {
                    #rt::std::cmp::Ord::cmp(&self.__number(), &other.__number())
                }
                #[inline]
                fn feed<H: #rt::std::hash::Hasher>(&self, hasher: &mut H) {
                    #rt::std::hash::Hash::hash(&self.__number(), hasher);
                }
            }

            fn __derives() {
                #rt::is_unit_enum::<#ident>();
            }
        };
    }
}
