//! The stages of [`pipeline!`](crate::pipeline!), as an editor shows them: the modules are empty, their documentation is
//! the manual of the word. [`guide::language`](crate::guide::language) has all of it in one page.

/// `from SOURCE(..)`: where records come from. `from NAME` goes on with a stream that `let NAME = ..;` has named.
///
/// Sources are the functions of [`source`](crate::source) and those in the program's scope; options are `key = value`:
/// `from kinesis("readings", region = "us-west-2", start = latest)`.
pub mod from {}

/// `decode FORMAT as T`: from bytes to rows of the schema `T`. `else fail`, the default, `else skip` or
/// `else dead_letter(SINK)` says what becomes of records that cannot be decoded, and of rows of which an expression is an
/// `Err`.
///
/// `decode json as Reading else skip`; `decode text` and `decode bytes` have rows of their own and take no `as`.
pub mod decode {}

/// `filter EXPR`: rows for which it holds stay. It is a `bool`, or an `Option<bool>` of which `None` is no.
///
/// `filter temperature > {threshold}`: bare names are columns, braces hold values of the program.
pub mod filter {}

/// `select { .., a, b = EXPR }`: a new row. `..` comes first and keeps the other columns; a name given again replaces its
/// column in place. `as T` checks the row against a struct.
pub mod select {}

/// `drop { a, b }`: all other columns.
pub mod drop {}

/// `explode NAME = EXPR`: one row for each item of a slice or iterator. `explode outer` keeps rows without items.
pub mod explode {}

/// `watermark 10s` or `watermark EXPR 10s`: event time, from the field marked `#[stream(event_time)]` or from an
/// expression, and how late a row may be.
pub mod watermark {}

/// `group_by { k, a = EXPR, w = tumbling(1min) }`: the keys and the window of the `agg` directly after it.
///
/// Windows are `tumbling(1min)` and `sliding(10min, every = 1min)`; without one it ends in `ttl 1h` or `ttl never`. Then
/// `else fail`, `else skip` or `else dead_letter(SINK)` for late rows, and `name "per_device"`, its name in checkpoints. Keys
/// are integers, `bool`, text, `Timestamp`, `Date`, `Duration`, `Decimal`, enums and options of these.
pub mod group_by {}

/// `agg { n = count(), mean = avg(x) }`: one aggregate call an item; see [`agg`](crate::agg). The row after it has the keys
/// and the window, then the aggregates. Without `group_by` it is over all rows, in `mode = update` or `complete`.
pub mod agg {}

/// `sink SINK(..)`: where rows go; see [`sink`](crate::sink). `as T` checks the row against a struct, and
/// `mode = append`, `update` or `complete` says which groups go there, and when.
pub mod sink {}
