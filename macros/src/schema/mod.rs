//! `#[derive(StreamSchema)]`.
//!
//! [`attr`] reads the words of `#[stream(..)]` ([`case`] those of `rename_all`), [`check`] makes a [`check::Schema`] of the whole, [`emit`], [`unit_enum`]
//! and [`newtype`] write the code of a struct, of an enum and of a struct around one value.

mod attr;
mod case;
mod check;
mod emit;
mod newtype;
#[cfg(test)]
mod tests;
mod unit_enum;

use proc_macro2::TokenStream;

use crate::diag::Diags;
use check::Schema;

pub(crate) fn derive(input: TokenStream) -> TokenStream {
    let mut diags = Diags::default();
    let mut tokens = match syn::parse2(input) {
        Ok(input) => match check::check(&mut diags, input) {
            Some(Schema::Struct(schema)) => emit::emit(&schema),
            Some(Schema::Enum(schema)) => unit_enum::emit(&schema),
            Some(Schema::Newtype(schema)) => newtype::emit(&schema),
            None => TokenStream::new(),
        },
        Err(error) => error.to_compile_error(),
    };
    tokens.extend(diags.finish());
    tokens
}
