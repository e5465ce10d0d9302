//! What the macros do about their own faults.

use proc_macro2::TokenStream;
use quote::quote;

/// Runs a macro; should it panic, the user gets a sentence and a value of the right type.
pub(crate) fn guarded(
    run: impl FnOnce() -> TokenStream + std::panic::UnwindSafe,
    fallback: fn() -> TokenStream,
) -> TokenStream {
    std::panic::catch_unwind(run).unwrap_or_else(|_| {
        let value = fallback();
        quote! {
            {
                ::core::compile_error!("a bug in millstream, please report it together with this text");
                #value
            }
        }
    })
}
