//! The procedural macros of millstream.
//!
//! A pipeline's text goes through `split`, `ast` with the files of `stage`, `check` with `modes`, `plan` and `emit`, in this order;
//! `schema` is the derive. Programs use these macros through millstream, which what they write is code for.

mod ast;
mod check;
mod columns;
mod connector;
mod diag;
mod emit;
mod expression;
mod literal;
mod modes;
mod paths;
mod plan;
mod recover;
mod row;
mod rust;
mod schema;
mod spans;
mod split;
mod sql;
mod stage;
#[cfg(test)]
mod tests;
mod tokens;
mod words;

use proc_macro::TokenStream;

/// Makes a struct the schema of a stream, or an enum without data or a struct around one value a column of one.
///
/// The derive of `struct Reading` also declares `ReadingView<'a>`, which is what expressions see: the same fields, borrowed and
/// `Copy`. Columns are called as the fields are, in expressions and in Arrow; `rename`, `rename_all` and `alias` are about the
/// names on the wire only.
///
/// | on a struct | |
/// |---|---|
/// | `rename_all = "camelCase"` | the names of all fields on the wire; one of serde's eight words |
/// | `deny_unknown` | a record with another field is faulty; without it, other fields are skipped |
///
/// | on a field | |
/// |---|---|
/// | `rename = "fw"` | its name on the wire |
/// | `alias = "firmware"` | another name that is read; may be repeated. Two names of one field in one record are a fault |
/// | `default` | a missing field is `Default::default()` of its type. Null is not missing |
/// | `default = 20.0` | a missing field is this value: any expression of the field's type, evaluated once; text becomes a `String` |
/// | `event_time` | the instant at which the event happened, which must be a `Timestamp`; one field at most |
/// | `format = epoch_ms` | how it is written: `epoch_s`, `epoch_ms`, `epoch_us`, `rfc3339`, or an implementation of `ReadAs`; of a `Duration` `seconds`, `ms`, `us` |
///
/// An enum is text on the wire and in Arrow, and is written `#[derive(StreamSchema, Clone, Copy, PartialEq, Eq, Hash)]`. It takes
/// `rename_all`; its variants take `rename`, `alias`, and one of them `other`, for every text that is none of the others.
///
/// A struct around one value, `struct DeviceId(String);`, is written, kept and seen in expressions as that value is; see
/// `millstream::schema::Newtype`.
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
