//! The code of a struct: its view, the builders of its columns, and the traits of the runtime.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Ident, Path, Token};

use super::attr::Fallback;
use super::check::{Field, Struct, quiet};
use crate::paths;

/// Names that several parts of the code share.
struct Names {
    rt: TokenStream,
    /// The struct.
    own: Ident,
    view: Ident,
    builders: Ident,
    /// The fields of `builders`; the user's own could be in the way of `len`.
    columns: Vec<Ident>,
    /// The bounds of every item: the types of the fields are columns.
    ///
    /// They are known types, so a bound that does not hold would be a fault of its own in every item. Under a `for` rustc does
    /// not look; then a field of another type is said once, by [`assert_columns`], and where the schema is used.
    bounds: TokenStream,
}

/// Writes the view and the implementations.
pub(crate) fn emit(schema: &Struct) -> TokenStream {
    let (rt, bound) = (paths::runtime(), schema.fields.iter().filter(|field| !field.plain).map(|field| &field.ty));
    let names = Names {
        bounds: quote!(where #(for<'__column> #bound: #rt::schema::Column,)*),
        rt,
        own: quiet(&schema.ident),
        view: quiet(&format_ident!("{}View", schema.ident)),
        builders: format_ident!("__{}Builders", schema.ident),
        columns: (0..schema.fields.len()).map(|index| format_ident!("column{index}")).collect(),
    };
    let view = view(schema, &names);
    let parts = [builders(schema, &names), stored(schema, &names), read(schema, &names), schema_of(schema, &names)];
    let assertion = assert_columns(schema, &names);
    let rows = rows(schema, &names);
    quote! {
        #view
        #[allow(dead_code, deprecated, private_bounds, unreachable_patterns, clippy::all, clippy::pedantic)]
        const _: () = {
            #(#parts)*
            #rows
            #assertion
        };
    }
}

/// The struct that expressions see. Its fields are declared with the user's own tokens; everywhere else they are quiet.
fn view(schema: &Struct, Names { rt, own, view, bounds, .. }: &Names) -> TokenStream {
    let vis = &schema.vis;
    let doc = format!("What expressions see of a [`{own}`]: its columns, borrowed.");
    let fields = schema.fields.iter().map(|Field { ident, vis, ty, docs, column, .. }| {
        let doc = docs.is_empty().then(|| format!("The column `{column}`.")).into_iter();
        quote!(#(#docs)* #(#[doc = #doc])* #vis #ident: <#ty as #rt::schema::Stored>::View<'a>)
    });
    quote! {
        #[doc = #doc]
        #[allow(
            dead_code, deprecated, missing_debug_implementations, non_camel_case_types, non_snake_case, private_bounds,
            private_interfaces, clippy::all, clippy::pedantic
        )]
        #vis struct #view<'a> #bounds {
            #(#fields,)*
        }

        #[automatically_derived]
        impl ::std::clone::Clone for #view<'_> #bounds {
            #[inline]
            fn clone(&self) -> Self {
                *self
            }
        }

        #[automatically_derived]
        impl ::std::marker::Copy for #view<'_> #bounds {}
    }
}

fn builders(schema: &Struct, Names { rt, own, builders, columns, bounds, .. }: &Names) -> TokenStream {
    let types = schema.types();
    quote! {
        #[doc(hidden)]
        pub struct #builders #bounds {
            #(#columns: <#types as #rt::schema::Stored>::Builder,)*
            len: ::std::primitive::usize,
        }

        impl #builders #bounds {
            fn arrays(&mut self) -> ::std::vec::Vec<#rt::schema::arrow::ArrayRef> {
                self.len = 0;
                ::std::vec![
                    #(#rt::schema::Builder::finish(&mut self.#columns, ::std::option::Option::None),)*
                ]
            }
        }

        #[automatically_derived]
        impl ::std::default::Default for #builders #bounds {
            fn default() -> Self {
                Self { #(#columns: ::std::default::Default::default(),)* len: 0 }
            }
        }

        #[automatically_derived]
        impl #rt::schema::Builder for #builders #bounds {
            fn push_placeholder(&mut self) {
                self.len += 1;
                #(#rt::schema::Builder::push_placeholder(&mut self.#columns);)*
            }
            fn len(&self) -> ::std::primitive::usize {
                self.len
            }
            #[inline]
            fn bulk(&self) -> ::std::primitive::usize {
                0 #(+ #rt::schema::Builder::bulk(&self.#columns))*
            }
            fn finish(&mut self, nulls: ::std::option::Option<#rt::schema::arrow::NullBuffer>) -> #rt::schema::arrow::ArrayRef {
                let arrays = self.arrays();
                #rt::schema::fields::struct_array(<#own as #rt::schema::StreamSchema>::fields(), arrays, nulls)
            }
        }

        #[automatically_derived]
        impl #rt::schema::RowBuilder for #builders #bounds {
            fn schema() -> #rt::schema::arrow::SchemaRef {
                #rt::schema::row::schema_of(<#own as #rt::schema::StreamSchema>::fields())
            }
            fn len(&self) -> ::std::primitive::usize {
                self.len
            }
            #[inline]
            fn bulk(&self) -> ::std::primitive::usize {
                #rt::schema::Builder::bulk(self)
            }
            fn finish(&mut self) -> ::std::vec::Vec<#rt::schema::arrow::ArrayRef> {
                self.arrays()
            }
        }
    }
}

fn stored(schema: &Struct, Names { rt, own, view, builders, columns, bounds }: &Names) -> TokenStream {
    let (types, fields) = (schema.types(), schema.quiet_fields());
    let names = schema.columns();
    quote! {
        #[automatically_derived]
        impl #rt::schema::Stored for #own #bounds {
            type View<'a> = #view<'a>;
            type Builder = #builders;
            const SHAPE: #rt::schema::Shape = #rt::schema::Shape::Named(<Self as #rt::schema::StreamSchema>::NAME);
            fn data_type() -> #rt::schema::arrow::DataType {
                #rt::schema::arrow::DataType::Struct(<#own as #rt::schema::StreamSchema>::fields())
            }
            fn view<'a>(&'a self, arena: &'a #rt::schema::Arena) -> #view<'a> {
                #view { #(#fields: <#types as #rt::schema::Stored>::view(&self.#fields, arena),)* }
            }
            fn own(view: #view<'_>) -> Self {
                #own { #(#fields: <#types as #rt::schema::Stored>::own(view.#fields),)* }
            }
            fn push(view: #view<'_>, builder: &mut #builders) {
                builder.len += 1;
                #(<#types as #rt::schema::Stored>::push(view.#fields, &mut builder.#columns);)*
            }
            fn push_owned(&self, builder: &mut #builders) {
                builder.len += 1;
                #(<#types as #rt::schema::Stored>::push_owned(&self.#fields, &mut builder.#columns);)*
            }
            fn heap(&self) -> ::std::primitive::usize {
                0 #(+ <#types as #rt::schema::Stored>::heap(&self.#fields))*
            }
            fn load(
                array: &dyn #rt::schema::arrow::Array,
                row: ::std::primitive::usize,
            ) -> ::std::option::Option<Self> {
                let array = #rt::schema::fields::struct_at(array, row)?;
                ::std::option::Option::Some(#own {
                    #(#fields: #rt::schema::fields::load_field::<#types>(array, #names, row)?,)*
                })
            }
        }
    }
}

fn read(schema: &Struct, Names { rt, own, view, columns, bounds, .. }: &Names) -> TokenStream {
    let (types, fields) = (schema.types(), schema.quiet_fields());
    let indices: Vec<_> = (0..schema.fields.len()).collect();
    let names: Vec<_> = schema.fields.iter().map(|field| &field.names).collect();
    let wire = schema.fields.iter().map(|field| &field.names.wire);
    let readers = schema.fields.iter().zip(&indices).map(|(Field { ty, format, .. }, index)| match format {
        None => quote!(<#ty as #rt::schema::Column>::read::<R, #rt::schema::projection::Inside<P, #own, #index>>),
        Some(format) => {
            // A format that does not fit the field is blamed on this token.
            let infer = Token![_](format.span());
            let format = format_value(rt, format);
            quote!(|reader: &mut R| #rt::schema::fields::read_as::<#ty, R, #infer>(#format, reader))
        }
    });
    // What is not used falls through to the last arm, unless that one is for the unknown.
    let last = if schema.deny_unknown {
        let expected = format!("a field of `{own}`");
        quote! {
            #(#indices)|* => #rt::schema::Reader::skip(reader),
            _ => ::std::result::Result::Err(#rt::schema::Fault::within(#rt::schema::Reader::unexpected(reader, #expected), key.as_str())),
        }
    } else {
        quote!(_ => #rt::schema::Reader::skip(reader),)
    };
    let values = schema.fields.iter().zip(columns).zip(&indices).map(|((field, column), index)| {
        let Field { ty, names, .. } = field;
        let (used, wire) = (quote!(const { #rt::schema::projection::uses::<P, #own>(#index) }), &names.wire);
        match &field.fallback {
            None => quote!(#rt::schema::fields::field::<R, #ty>(reader, #column, #used, #wire)?),
            Some(fallback) => {
                let value = match fallback {
                    Fallback::OfType => quote!(<#ty as ::std::default::Default>::default()),
                    Fallback::Text(text) => {
                        quote!(::std::convert::Into::<#ty>::into(#text))
                    }
                    Fallback::Value(value) => quote!(#value),
                };
                quote!(#rt::schema::fields::field_or::<R, #ty>(reader, #column, #used, || {
                    // Columns are borrowed, so the value is made once and kept.
                    static __VALUE: ::std::sync::LazyLock<#ty> = ::std::sync::LazyLock::new(|| #value);
                    &*__VALUE
                }))
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl #rt::schema::Column for #own #bounds {
            fn read<'a, R: #rt::schema::Reader<'a>, P: #rt::schema::Projection>(
                reader: &mut R,
            ) -> ::std::result::Result<#view<'a>, #rt::schema::Fault> {
                #(let mut #columns: ::std::option::Option<<#types as #rt::schema::Stored>::View<'a>> =
                    ::std::option::Option::None;)*
                let number = |key: &::std::primitive::str| -> ::std::primitive::usize {
                    match key {
                        #(#names => #indices,)*
                        _ => ::std::primitive::usize::MAX,
                    }
                };
                #rt::schema::Reader::fields(reader, number, |reader, number, key| match number {
                    #(#indices if const { #rt::schema::projection::uses::<P, #own>(#indices) } => {
                        #rt::schema::fields::take(&mut #columns, reader, key, #wire, #readers)
                    })*
                    #last
                })?;
                ::std::result::Result::Ok(#view { #(#fields: #values,)* })
            }
            fn unread<'a>() -> #view<'a> {
                #view { #(#fields: <#types as #rt::schema::Column>::unread(),)* }
            }
        }
    }
}

/// The value of `format = PATH`. A single word is ours first, then what is in the user's scope; rustc suggests from both.
fn format_value(rt: &TokenStream, format: &Path) -> TokenStream {
    match format.get_ident() {
        None => quote!(#format),
        Some(word) => quote!({
            #[allow(unused_imports)]
            use #rt::schema::format::*;
            #word
        }),
    }
}

fn schema_of(schema: &Struct, Names { rt, own, bounds, .. }: &Names) -> TokenStream {
    let (types, columns, name) = (schema.types(), schema.columns(), own.to_string());
    let event_time = schema.event_time.and_then(|index| columns.get(index));
    let event_time = event_time.map_or(quote!(None), |column| quote!(Some(#column)));
    quote! {
        #[automatically_derived]
        impl #rt::schema::StreamSchema for #own #bounds {
            type Itself = Self;
            const NAME: &'static ::std::primitive::str = #name;
            const FIELDS: &'static [&'static ::std::primitive::str] = &[#(#columns),*];
            const SHAPES: &'static [#rt::schema::Shape] = &[#(<#types as #rt::schema::Stored>::SHAPE),*];
            const EVENT_TIME: ::std::option::Option<&'static ::std::primitive::str> =
                ::std::option::Option::#event_time;
            fn fields() -> #rt::schema::arrow::Fields {
                #rt::schema::arrow::Fields::from(::std::vec![#(#rt::schema::fields::arrow_field::<#types>(#columns)),*])
            }
        }
    }
}

/// What makes the view a value of expressions and a row.
fn rows(schema: &Struct, Names { rt, own, view, builders, bounds, .. }: &Names) -> TokenStream {
    let event_time = schema.event_time.and_then(|index| schema.fields.get(index)).map(|field| {
        let (ty, field) = (&field.ty, quiet(&field.ident));
        quote! {
            #[automatically_derived]
            impl #rt::schema::EventTime for #view<'_> #bounds {
                #[inline]
                fn event_time(&self) -> #rt::time::Timestamp {
                    #rt::schema::fields::event_time::<#ty>(self.#field)
                }
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl #rt::schema::Cell for #view<'_> #bounds {
            type Column = #own;
            fn put(self, builder: &mut #builders) {
                <#own as #rt::schema::Stored>::push(self, builder);
            }
        }

        #[automatically_derived]
        impl<'a, 'b> #rt::schema::Value<'a> for #view<'b> #bounds {
            type View = #view<'b>;
            #[inline]
            fn settle(self, _: &'a #rt::schema::Arena) -> #view<'b> {
                self
            }
        }

        #[automatically_derived]
        impl<'a> #rt::schema::Lend<'_> for #view<'a> #bounds {
            type View = #view<'a>;
            #[inline]
            fn lend(&self) -> #view<'a> {
                *self
            }
        }

        #[automatically_derived]
        impl #rt::schema::Row for #view<'_> #bounds {
            type Builders = #builders;
            fn push(self, builders: &mut #builders) {
                <#own as #rt::schema::Stored>::push(self, builders);
            }
        }

        #event_time
    }
}

/// The one place that says which type is no column, at the user's token.
fn assert_columns(schema: &Struct, Names { rt, .. }: &Names) -> TokenStream {
    let types = schema.fields.iter().filter(|field| !field.plain && !field.refused).map(|field| &field.ty);
    quote! {
        fn __fields() {
            #(#rt::schema::column::is_column::<#types>();)*
        }
    }
}

impl Struct {
    fn types(&self) -> Vec<&syn::Type> {
        self.fields.iter().map(|field| &field.ty).collect()
    }

    fn columns(&self) -> Vec<&str> {
        self.fields.iter().map(|field| field.column.as_str()).collect()
    }

    fn quiet_fields(&self) -> Vec<Ident> {
        self.fields.iter().map(|field| quiet(&field.ident)).collect()
    }
}
