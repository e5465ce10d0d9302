//! Durations and sizes: `10s`, `5min`, `64kib`.

use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::quote_spanned;

use crate::diag::{Diags, did_you_mean};
use crate::tokens::{stream, text};
use crate::{paths, rust, spans, words};

/// A duration of the language.
#[derive(Debug, Clone)]
pub(crate) struct Length {
    /// Its microseconds, where it is a literal.
    pub(crate) micros: Option<u64>,
    /// A Rust expression for it.
    pub(crate) tokens: TokenStream,
}

/// What a literal's text says.
enum Unit {
    Duration(u64),
    Size(u64),
    /// Such as `1.5s`, or more than fits.
    Wrong(&'static str),
    /// A literal of Rust.
    Rust,
}

fn unit(literal: &Literal) -> Unit {
    let text = literal.to_string();
    let digits = text.find(|char: char| !char.is_ascii_digit() && char != '_').unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    if number.is_empty() || suffix.is_empty() {
        return Unit::Rust;
    }
    let of =
        |table: &[(&str, u64)], suffix: &str| table.iter().find(|(unit, _)| *unit == suffix).map(|(_, size)| *size);
    if let Some(fraction) = suffix.strip_prefix('.') {
        let unit = fraction.trim_start_matches(|char: char| char.is_ascii_digit() || char == '_');
        let ours = of(words::UNITS, unit).or_else(|| of(words::SIZES, unit)).is_some();
        return if ours { Unit::Wrong("has a fraction") } else { Unit::Rust };
    }
    let Ok(number) = number.replace('_', "").parse::<u64>() else { return Unit::Rust };
    match (of(words::UNITS, suffix), of(words::SIZES, suffix)) {
        // `i64` microseconds is what a timestamp can be moved by.
        (Some(micros), _) => match number.checked_mul(micros).filter(|micros| i64::try_from(*micros).is_ok()) {
            Some(micros) => Unit::Duration(micros),
            None => Unit::Wrong("is too long"),
        },
        (None, Some(bytes)) => number.checked_mul(bytes).map_or(Unit::Wrong("is too large"), Unit::Size),
        (None, None) => Unit::Rust,
    }
}

/// `Duration::from_secs(10)`, in the largest unit that fits.
fn duration(micros: u64, span: Span) -> TokenStream {
    let duration = spans::moved(&paths::duration(), span);
    let (function, number) = match micros {
        whole if whole > 0 && whole % 3_600_000_000 == 0 => ("from_hours", whole / 3_600_000_000),
        whole if whole > 0 && whole % 60_000_000 == 0 => ("from_mins", whole / 60_000_000),
        whole if whole % 1_000_000 == 0 => ("from_secs", whole / 1_000_000),
        whole if whole % 1_000 == 0 => ("from_millis", whole / 1_000),
        other => ("from_micros", other),
    };
    let function = Ident::new(function, spans::instead_of(span));
    let mut number = Literal::u64_unsuffixed(number);
    number.set_span(spans::instead_of(span));
    quote_spanned! { spans::instead_of(span) => #duration::#function(#number) }
}

/// Replaces durations and sizes anywhere in an expression by what they are in Rust.
pub(crate) fn replace(tokens: TokenStream, diags: &mut Diags) -> TokenStream {
    tokens.into_iter().flat_map(|token| replace_one(token, diags)).collect()
}

fn replace_one(token: TokenTree, diags: &mut Diags) -> TokenStream {
    match token {
        TokenTree::Group(group) => {
            if !has_literal_of_ours(group.stream()) {
                // A new group would lose the spans of its delimiters.
                return TokenTree::Group(group).into();
            }
            let mut inner = Group::new(group.delimiter(), replace(group.stream(), diags));
            inner.set_span(group.span());
            TokenTree::Group(inner).into()
        }
        TokenTree::Literal(literal) => match unit(&literal) {
            Unit::Duration(micros) => duration(micros, literal.span()),
            Unit::Size(bytes) => {
                let mut number = Literal::u64_unsuffixed(bytes);
                number.set_span(literal.span());
                TokenTree::Literal(number).into()
            }
            Unit::Wrong(what) => {
                wrong(&literal, what, diags);
                TokenStream::new()
            }
            Unit::Rust => TokenTree::Literal(literal).into(),
        },
        other => other.into(),
    }
}

fn has_literal_of_ours(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => has_literal_of_ours(group.stream()),
        TokenTree::Literal(literal) => !matches!(unit(&literal), Unit::Rust),
        _ => false,
    })
}

fn wrong(literal: &Literal, what: &str, diags: &mut Diags) {
    diags.push(literal, format!("`{literal}` {what}"), "write a whole number of a smaller unit, such as `1500ms`");
}

/// A duration: a literal, or `{x}` for a Rust value. `example` is for the help.
pub(crate) fn length(tokens: &[TokenTree], whose: &Ident, example: &str, diags: &mut Diags) -> Option<Length> {
    match tokens {
        [] => diags.push(whose, format!("`{whose}` needs a duration"), format!("write `{example}`")),
        [TokenTree::Group(value)] if value.delimiter() == Delimiter::Brace => {
            return rust::value(value, diags).map(|tokens| Length { micros: None, tokens });
        }
        [TokenTree::Literal(literal)] => match unit(literal) {
            Unit::Duration(micros) => {
                return Some(Length { micros: Some(micros), tokens: duration(micros, literal.span()) });
            }
            Unit::Wrong(what) => wrong(literal, what, diags),
            Unit::Size(_) | Unit::Rust => match spelt(tokens) {
                Some(ours) => diags.push(literal, no_duration(tokens), format!("write `{ours}`")),
                None => diags.push(
                    literal,
                    no_duration(tokens),
                    "durations have a unit, as in `250ms`, `10s`, `5min`, `2h`, `1d`",
                ),
            },
        },
        _ => match spelt(tokens) {
            Some(ours) => diags.push(stream(tokens), no_duration(tokens), format!("write `{ours}`")),
            None => diags.push(
                stream(tokens),
                format!("`{whose}` needs a duration here"),
                "write a literal such as `10s` or `5min`, or `{delay}` for a Rust value",
            ),
        },
    }
    None
}

fn no_duration(tokens: &[TokenTree]) -> String {
    format!("`{}` is not a duration", text(&stream(tokens)))
}

/// Whether the tokens are a duration, in our words or in those of others.
pub(crate) fn is_length(tokens: &[TokenTree]) -> bool {
    let ours = matches!(tokens, [TokenTree::Literal(literal)] if matches!(unit(literal), Unit::Duration(_)));
    ours || spelt(tokens).is_some()
}

/// What `10sec`, `"10 seconds"`, `10 seconds` and `interval 10 seconds` are here.
pub(crate) fn spelt(tokens: &[TokenTree]) -> Option<String> {
    let text = text(&stream(tokens)).replace(['"', '\''], "").to_lowercase();
    let text = text.strip_prefix("interval").unwrap_or(&text).trim();
    let digits = text.find(|char: char| !char.is_ascii_digit() && char != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "sec" | "secs" | "second" | "seconds" => "s",
        "mins" | "minute" | "minutes" => "min",
        "hour" | "hours" | "hr" | "hrs" => "h",
        "day" | "days" => "d",
        "millis" | "millisecond" | "milliseconds" | "msec" => "ms",
        "micros" | "microsecond" | "microseconds" => "us",
        "" => return None,
        other => {
            let units: Vec<&str> = words::UNITS.iter().map(|(unit, _)| *unit).collect();
            did_you_mean(other, &units)?
        }
    };
    (!number.is_empty()).then(|| format!("{number}{unit}"))
}
