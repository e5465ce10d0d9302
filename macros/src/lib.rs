//! The procedural macros of millstream.
//!
//! A pipeline's text goes through [`split`], [`ast`] with the files of [`stage`], [`check`], [`plan`] and [`emit`], in this
//! order; [`schema`] is the derive.

mod ast;
mod check;
mod columns;
mod connector;
mod diag;
mod emit;
mod expression;
mod literal;
mod paths;
mod plan;
mod recover;
mod row;
mod schema;
mod split;
mod stage;
#[cfg(test)]
mod tests;
mod tokens;
mod words;

use proc_macro::TokenStream;

/// Makes a struct the schema of a stream.
#[proc_macro_derive(StreamSchema, attributes(stream))]
pub fn derive_stream_schema(input: TokenStream) -> TokenStream {
    schema::derive(input.into()).into()
}

/// Makes a pipeline from its text.
///
/// ```ignore
/// let pipeline = pipeline! {
///     from kinesis("iot-readings", region = "us-west-2", start = latest)
///     | decode json as Reading else skip
///     | filter temperature > {threshold}
///     | watermark 10s
///     | group_by { device_id, window = tumbling(1min) }
///     | agg { n = count(), mean = avg(temperature) }
///     | select { .., date = window.start.date() }
///     | sink parquet("out/readings", partition_by = [date])
/// };
/// ```
///
/// The value is a `Pipeline`. Columns are bare names, Rust values stand in braces.
#[proc_macro]
pub fn pipeline(input: TokenStream) -> TokenStream {
    recover::guarded(|| emit::expand(input.into()), emit::fallback).into()
}
