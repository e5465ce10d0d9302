//! What is said about wrong texts. Where it is said, the ui tests of the runtime show.

use super::{is_expression, tokens};
use crate::emit::expand;

/// The faults of a text, each as `message | help`.
fn faults(text: &str) -> Vec<String> {
    let expansion = expand(tokens(text));
    assert!(is_expression(&expansion), "{expansion}");
    let text = expansion.to_string();
    let pieces = text.split("compile_error ! {").skip(1);
    let literal = |piece: &str| syn::parse_str::<syn::LitStr>(piece.split('}').next().unwrap_or_default().trim());
    // A brace may stand in the text itself; then the literal ends at a later one.
    let full = |piece: &str| {
        let mut ends = piece.match_indices('}').map(|(at, _)| at);
        ends.find_map(|at| syn::parse_str::<syn::LitStr>(piece.get(..at).unwrap_or_default().trim()).ok())
    };
    pieces
        .map(|piece| literal(piece).ok().or_else(|| full(piece)).map_or_else(|| piece.to_owned(), |text| text.value()))
        .map(|text| text.replace("\nhelp: ", " | "))
        .collect()
}

/// A chain over a schema around some stages.
fn stages(middle: &str) -> Vec<String> {
    faults(&format!("from memory(x) | decode json as T | {middle} | sink s"))
}

fn one(found: Vec<String>, expected: &str) {
    assert_eq!(found, [expected]);
}

#[test]
fn words_of_other_dialects() {
    one(stages("where a > 1"), "`where` is spelt `filter` here | write `filter`");
    one(stages("filter a = 1"), "`=` does not compare | write `==`");
    one(stages("filter a <> 1"), "`<>` is spelt `!=` here | write `!=`");
    one(stages("filter a > 1 and b"), "`and` is spelt `&&` here | write `&&`");
    one(stages("filter a > 1 or b"), "`or` is spelt `||` here | write `||`");
    one(stages("filter not a"), "`not` is spelt `!` here | write `!a`");
    one(stages("filter a is null"), "a column that may be null is an `Option` | write `a.is_none()`");
    one(stages("filter a is not null"), "a column that may be null is an `Option` | write `a.is_some()`");
    one(stages("filter a like \"x%\""), "`like` is a method here | write `a.starts_with(\"x\")`");
    one(stages("filter a between 1 and 2"), "`between` is a range here | write `(1..=2).contains(&a)`");
    one(
        stages("filter a.b(c) between -d and e * 2 and f").into_iter().take(1).collect(),
        "`between` is a range here | write `(-d..=e * 2).contains(&a.b(c))`",
    );
    one(stages("filter a in [1, 2]"), "`in` is a method here | write `[1, 2].contains(&a)`");
    one(stages("filter a not in (1, 2)"), "`not in` is a method here | write `![1, 2].contains(&a)`");
    one(stages("select *"), "all columns are written `..` | write `select { .. }`");
    one(stages("select { a as b }"), "a name comes before its value | write `b = a`");
}

#[test]
fn words_of_rust_are_no_dialect() {
    for fine in [
        "filter { and } > or",
        "filter a.like(b) && like == between",
        "filter if let Some(x) = a { x > 1 } else { false }",
        "filter a.iter().any(|x| { for y in x { } true })",
        "select { x = format!(\"{a}\", a = 1), y = Vec::<u8>::new().len(), z = a as u8 }",
        "filter a >= 1 && b <= 2 && c != 3",
    ] {
        assert_eq!(stages(fine), [""; 0], "{fine}");
    }
}

#[test]
fn stages_and_places() {
    one(stages("fliter a"), "unknown stage `fliter`; did you mean `filter`? | write `filter`");
    one(stages("filter"), "`filter` needs an expression | write `filter temperature > 20.0`");
    one(
        stages("filter a >"),
        "this expression is not complete: expected an expression after it | complete it, or take the operator away",
    );
    one(
        stages("group_by { k, w = tumbling(1min) } | agg { n = count() }"),
        "append mode can never emit these groups: nothing closes them | add `| watermark 10s` before it",
    );
    one(stages("watermark 1s | watermark 2s"), "a second `watermark` | keep one of the two");
    one(stages("watermark 10sec"), "`10sec` is not a duration | write `10s`");
    one(
        stages("watermark 1s | group_by { k, w = tumbling(1min) } | filter a > 1"),
        "`group_by` needs an `agg` directly after it | write `| agg { n = count() }` after it",
    );
    one(
        faults("from memory(x) | decode json as T"),
        "the pipeline has no `sink` | write `| sink SINK(..)` at its end, such as `| sink console()`",
    );
    assert_eq!(stages("dedup by { a } within 1h").len(), 1);
    assert_eq!(faults("").len(), 1);
    assert_eq!(faults("decode json as T | sink s").len(), 1);
    assert_eq!(faults("from a(x) | sink s | filter a").len(), 1);
}

#[test]
fn columns_after_shaping() {
    one(
        stages("select { total = a } | filter totl > 1"),
        "no column `totl` after `select`; did you mean `total`? | the columns are `total`; a Rust value is written `{totl}`",
    );
    one(stages("drop { a } | filter a > 1"), "column `a` was dropped | leave it out of `drop { a }`");
    one(stages("select { a, a = 1 }"), "column `a` is named twice | give one of the two another name");
    // What is known of names outlives a fault in an expression.
    assert_eq!(stages("select { a } | filter b > 1 | select { c = d } | filter e > 2").len(), 3);
    // Nothing is known after a stage that cannot be read.
    assert_eq!(stages("select a, b | filter c > 1 | select { d = e }").len(), 1);
}

#[test]
fn connectors() {
    one(
        faults("from kinesis(\"a\", start = latest, start = now) | decode text | sink s"),
        "`start` is given twice | write `start = ..` once",
    );
    one(
        faults("from kinesis(start = latest, \"a\") | decode text | sink s"),
        "positional arguments come before options | move it to the front",
    );
    one(
        faults("from readings | decode text | sink s"),
        "no stream is named `readings` | write `from readings(..)` for a source, `from {readings}` for a Rust value, or `let readings = ..;` before it",
    );
    one(
        faults("from memory(x) | decode json as T else skp | sink s"),
        "unknown policy `skp`; did you mean `skip`? | write `else fail`, `else skip` or `else dead_letter(SINK)`",
    );
    one(
        faults("from memory(x) | decode text | sink s mode = update"),
        "`mode = update` is not supported yet | write `mode = append`, or take it away: append is the default",
    );
}

#[test]
fn many_faults_in_one_compile() {
    let found = faults(
        "from memory(x) | decode json as T | fliter a | filter b = 1 | watermark 10sec | filter | select { c, c = 1 } | sink s(k = 1, k = 2)",
    );
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[test]
fn groups_of_one_name() {
    let group = "group_by { a, w = tumbling(1min) }";
    let faults = stages(&format!("watermark 1s | {group} | agg {{ n = count() }} | {group} | agg {{ m = sum(n) }}"));
    one(
        faults,
        "a second group is named \"a, tumbling(1min)\": a checkpoint could not tell their state apart \
         | end one of the two in a name of its own, as in `name \"per_device\"`",
    );
    let named = format!("watermark 1s | {group} | agg {{ n = count() }} | {group} name \"b\" | agg {{ m = sum(n) }}");
    assert!(stages(&named).is_empty());
}
