//! The procedural macros of millstream.

mod diag;
mod paths;
mod schema;

use proc_macro::TokenStream;

/// Makes a struct the schema of a stream.
#[proc_macro_derive(StreamSchema, attributes(stream))]
pub fn derive_stream_schema(input: TokenStream) -> TokenStream {
    schema::derive(input.into()).into()
}

/// Makes a pipeline from its text.
#[proc_macro]
pub fn pipeline(input: TokenStream) -> TokenStream {
    let _ = input;
    TokenStream::new()
}
