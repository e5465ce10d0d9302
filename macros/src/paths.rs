//! The only place that spells a path into the runtime.

use proc_macro2::TokenStream;
use quote::quote;

/// The module with everything that generated code may name. Absolute, so that nothing in the user's scope can stand in
/// its way.
pub(crate) fn private() -> TokenStream {
    quote!(::millstream::__private)
}
