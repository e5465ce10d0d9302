//! A value as a text of one line.

use std::fmt::Write as _;

use arrow::array::{Array, AsArray, StructArray};
use arrow::datatypes::{DataType, Date32Type, Float32Type, Float64Type, TimeUnit, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::schema::Stored;
use crate::schema::Window;
use crate::time::{Date, Timestamp};

/// The most bytes shown of a binary value.
const MAX_BYTES: usize = 32;

/// The value of a row.
pub(super) fn text(array: &dyn Array, row: usize) -> String {
    let mut out = String::new();
    put(array, row, false, &mut out);
    out
}

/// Appends a text; what could steer a terminal is escaped, as in `\n` and `\u{1b}`.
pub(super) fn escape(text: &str, out: &mut String) {
    for char in text.chars() {
        // Besides control characters those that turn the direction of writing around.
        if char.is_control()
            || matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            out.extend(char.escape_default());
        } else {
            out.push(char);
        }
    }
}

/// Appends a value; `inner` ones stand in a list or struct, where text is quoted.
fn put(array: &dyn Array, row: usize, inner: bool, out: &mut String) {
    if array.is_null(row) {
        out.push_str("null");
        return;
    }
    // Writing to a String does not fail.
    let _ = match array.data_type() {
        DataType::Utf8 => {
            let text = array.as_string::<i32>().value(row);
            if inner {
                write!(out, "{text:?}")
            } else {
                escape(text, out);
                Ok(())
            }
        }
        DataType::Binary => {
            let bytes = array.as_binary::<i32>().value(row);
            out.push_str("0x");
            bytes.iter().take(MAX_BYTES).for_each(|byte| {
                let _ = write!(out, "{byte:02x}");
            });
            out.push_str(if bytes.len() > MAX_BYTES { "…" } else { "" });
            Ok(())
        }
        DataType::Float32 => write!(out, "{:?}", array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => write!(out, "{:?}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Date32 => write!(out, "{}", Date::from_days(array.as_primitive::<Date32Type>().value(row))),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            write!(out, "{}", Timestamp::from_micros(array.as_primitive::<TimestampMicrosecondType>().value(row)))
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            out.push('[');
            for item in 0..items.len() {
                out.push_str(if item == 0 { "" } else { ", " });
                put(&items, item, true, out);
            }
            out.push(']');
            Ok(())
        }
        DataType::Struct(_) => {
            structure(array.as_struct(), row, out);
            Ok(())
        }
        // Integers, bool, and whatever a hand-written row may hold.
        _ => match ArrayFormatter::try_new(array, &FormatOptions::default().with_display_error(true)) {
            Ok(formatter) => write!(out, "{}", formatter.value(row)),
            Err(_) => write!(out, "({})", array.data_type()),
        },
    };
}

/// Appends a window as `2026-01-01T00:00:00Z .. 00:01:00Z` and another struct as `{a: 1, b: "x"}`.
fn structure(array: &StructArray, row: usize, out: &mut String) {
    if *array.data_type() == Window::data_type()
        && let Some(window) = Window::load(array, row)
    {
        let (start, end) = (window.start.to_string(), window.end.to_string());
        let end = match end.split_once('T') {
            Some((_, time)) if window.start.date() == window.end.date() => time,
            _ => &end,
        };
        let _ = write!(out, "{start} .. {end}");
        return;
    }
    out.push('{');
    for (at, (field, column)) in array.fields().iter().zip(array.columns()).enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        escape(field.name(), out);
        out.push_str(": ");
        put(column, row, true, out);
    }
    out.push('}');
}
