//! The code of a struct around one value: a column type of the user's own.

use proc_macro2::TokenStream;
use quote::quote;

use super::check::{Newtype, quiet};
use crate::paths;

/// Writes the implementation, and the one place that says that the type of the value is no column.
pub(crate) fn emit(schema: &Newtype) -> TokenStream {
    let (rt, own, inner) = (paths::runtime(), quiet(&schema.ident), &schema.inner);
    quote! {
        #[allow(dead_code, deprecated, private_bounds, private_interfaces, clippy::all, clippy::pedantic)]
        const _: () = {
            #[automatically_derived]
            impl #rt::schema::Newtype for #own where for<'__column> #inner: #rt::schema::Column {
                type Inner = #inner;
                #[inline]
                fn new(inner: #inner) -> Self {
                    Self(inner)
                }
                #[inline]
                fn inner(&self) -> &#inner {
                    &self.0
                }
            }

            #rt::newtype!(#own where for<'__column> #inner: #rt::schema::Column);

            fn __inner() {
                #rt::schema::column::is_column::<#inner>();
            }
        };
    }
}
